"""Session descriptions: one pass over the lines that say something about endpoints (RFC 8866 9, 3264, 3605, 4145, 4975,
5761, 8839, 8843). All others are passed over unread.

Rule: nothing here performs I/O or keeps state.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from applianced.alg.hosts import HOST, host_of, packed_address, quoted
from applianced.alg.sdp.description import Candidate, Description, Line, Medium, Place, Rtcp, Written
from applianced.errors import ProtocolError
from applianced.model.tuples import Endpoint

MEDIA_LIMIT = 32
CANDIDATE_LIMIT = 256
"""Of one description; also of the URIs of a=path, and of other lines of ICE."""

_ATTRIBUTES = (
    rb"sendrecv|sendonly|recvonly|inactive|rtcp-mux-only|rtcp-mux|rtcp|mid|group|setup|bundle-only|candidate|path|"
    rb"remote-candidates|end-of-candidates|ice-[a-z0-9]+|alt"
)
_LINE = re.compile(rb"\n(?:([comi])=|a=(" + _ATTRIBUTES + rb")(?=[:\r\n]|\Z):?)([^\r\n]*+)")
_MEDIUM = re.compile(rb"([A-Za-z0-9-]{1,32})[ \t]+([0-9]{1,5})(?:/([0-9]{1,3}))?[ \t]+([^\s]{1,64})(?=\s|\Z)")
_ADDRESS = rb"(IP[46])[ \t]+([^\s/]{1,255})"
_CONNECTION = re.compile(rb"IN[ \t]+(" + _ADDRESS + rb")", re.IGNORECASE)
_ORIGIN = re.compile(rb"[^\r\n]*[ \t]IN[ \t]+(" + _ADDRESS + rb")[ \t]*\Z", re.IGNORECASE)
_RTCP = re.compile(rb"[ \t]*([0-9]{1,5})(?:[ \t]+IN[ \t]+(" + _ADDRESS + rb"))?[ \t]*\Z", re.IGNORECASE)
_CANDIDATE = re.compile(
    rb"[^\s]{1,32} ([0-9]{1,3}) ([^\s]{1,16}) [0-9]{1,10} (([^\s]{1,255}) ([0-9]{1,5})) typ ([^\s]{1,16})"
    rb"(?: raddr (([^\s]{1,255}) rport ([0-9]{1,5})))?"
)
_REMOTE = re.compile(rb"[0-9]{1,3} (([^\s]{1,255}) ([0-9]{1,5}))")
_PATH = re.compile(rb"(?<![^\s:])msrps?://(?:[^@/\s]{0,255}@)?" + HOST + rb"(?=[/;\s]|\Z)", re.IGNORECASE)
_PORT_MAX = 65535
_SENDRECV = b"sendrecv"
_DIRECTIONS = (_SENDRECV, b"sendonly", b"recvonly", b"inactive")


class _Block:
    """What is known of the session, or of one medium, while it is read."""

    __slots__ = (
        "alternatives", "bundle_only", "candidates", "connections", "direction", "first", "ice", "inserted", "mid",
        "mux", "paths", "remote", "rtcp", "setup", "start",
    )  # fmt: skip

    def __init__(self, start: int, first: re.Match[bytes] | None, direction: bytes) -> None:
        self.start = start
        self.first = first
        self.direction = direction
        self.inserted = 0
        self.connections: list[Place] = []
        self.rtcp: Rtcp | None = None
        self.mux = self.bundle_only = False
        self.mid = self.setup = b""
        self.candidates: list[Candidate] = []
        self.paths: list[Written] = []
        self.remote: list[Written] = []
        self.ice: list[Line] = []
        self.alternatives: list[Line] = []

    def medium(self, end: int, connection: Place | None) -> Medium:
        """All of it. connection: the session's."""
        first = self.first
        assert first is not None
        return Medium(
            self.start, end, self.inserted, first[1].lower(), first[4].upper(), int(first[2]), int(first[3] or 1),
            first.start(2), first.end(2), tuple(self.connections),
            self.connections[0] if self.connections else connection, self.direction, self.rtcp, self.mux, self.mid,
            self.bundle_only, self.setup, tuple(self.candidates), tuple(self.paths), tuple(self.remote),
            tuple(self.ice), tuple(self.alternatives), first.end(3 if first[3] else 2),
        )  # fmt: skip


def read(data: bytes, start: int = 0, end: int | None = None) -> Description:
    """The description between two offsets; lines end with CRLF or LF. Raises ProtocolError bad-sdp: no v=0 at its
    front, an address or port that cannot be read where it matters, more media than MEDIA_LIMIT or more candidates than
    CANDIDATE_LIMIT."""
    stop = len(data) if end is None else end
    if not data.startswith((b"v=0\r", b"v=0\n"), start, stop):
        raise ProtocolError("bad-sdp", "it does not begin with v=0")
    return _Reader(data, stop).read(start)


class _Reader:
    """One description."""

    def __init__(self, data: bytes, end: int) -> None:
        self._data = data
        self._end = end
        self._origin: Place | None = None
        self._bundles: list[tuple[bytes, ...]] = []
        self._many = 0

    def read(self, start: int) -> Description:
        session = block = _Block(start, None, _SENDRECV)
        blocks: list[_Block] = []
        for match in _LINE.finditer(self._data, start, self._end):
            kind = match[1]
            if kind is None:
                _ATTRIBUTE.get(match[2], _Reader.ice)(self, block, match)
            elif kind == b"m":
                if len(blocks) == MEDIA_LIMIT:
                    raise ProtocolError("bad-sdp", f"more than {MEDIA_LIMIT} media")
                block = self._begin(match, session.direction)
                blocks.append(block)
            elif kind == b"c":
                block.connections.append(self._connection(match))
            elif kind == b"i":
                block.inserted = self._line(match)[1]
            elif block is session:
                self._origin = _origin(_ORIGIN.match(self._data, *match.span(3)))
        connection = session.connections[0] if session.connections else None
        ends = [*(each.start for each in blocks[1:]), self._end]
        media = tuple(each.medium(stop, connection) for each, stop in zip(blocks, ends, strict=False))
        closed = self._data[self._end - 1 : self._end] == b"\n"
        ice = (*session.ice, *session.alternatives)
        return Description(start, self._end, closed, self._origin, connection, media, tuple(self._bundles), ice)

    def _connection(self, match: re.Match[bytes]) -> Place:
        found = _CONNECTION.match(self._data, *match.span(3))
        if found is None:
            raise _unreadable(match)
        self._counted()
        return _place(found, 1)

    def _begin(self, match: re.Match[bytes], direction: bytes) -> _Block:
        first = _MEDIUM.match(self._data, *match.span(3))
        if first is None or int(first[2]) > _PORT_MAX or not int(first[3] or 1):
            raise _unreadable(match)
        start, stop = self._line(match)
        block = _Block(start, first, direction)
        block.inserted = stop
        return block

    def _line(self, match: re.Match[bytes]) -> Line:
        after = self._data.find(b"\n", match.end(), self._end)
        return match.start() + 1, after + 1 if after >= 0 else self._end

    def _counted(self) -> None:
        """One more of what a description may have only so many of."""
        self._many += 1
        if self._many > CANDIDATE_LIMIT:
            raise ProtocolError("bad-sdp", f"more than {CANDIDATE_LIMIT} candidates")

    # Attributes

    def direction(self, block: _Block, match: re.Match[bytes]) -> None:
        block.direction = match[2]

    def mux(self, block: _Block, match: re.Match[bytes]) -> None:
        block.mux = True

    def mid(self, block: _Block, match: re.Match[bytes]) -> None:
        block.mid = match[3].strip()

    def setup(self, block: _Block, match: re.Match[bytes]) -> None:
        block.setup = match[3].strip().lower()

    def bundle_only(self, block: _Block, match: re.Match[bytes]) -> None:
        block.bundle_only = True

    def group(self, block: _Block, match: re.Match[bytes]) -> None:
        semantics, *mids = match[3].split()[: MEDIA_LIMIT + 1] or [b""]
        if semantics == b"BUNDLE" and len(self._bundles) < MEDIA_LIMIT:
            self._bundles.append(tuple(mids))

    def rtcp(self, block: _Block, match: re.Match[bytes]) -> None:
        found = _RTCP.match(self._data, *match.span(3))
        if found is None or int(found[1]) > _PORT_MAX:
            raise _unreadable(match)
        place = _place(found, 2) if found[2] else None
        block.rtcp = Rtcp(self._line(match), found.start(1), found.end(), int(found[1]), place)

    def candidate(self, block: _Block, match: re.Match[bytes]) -> None:
        self._counted()
        found = _CANDIDATE.match(self._data, *match.span(3))
        line = self._line(match)
        if found is None or block.first is None:
            block.ice.append(line)
            return
        related = _written(found, 7) if found[7] else None
        component, transport, kind = int(found[1]), found[2].lower(), found[6].lower()
        block.candidates.append(Candidate(line, component, transport, kind, _written(found, 3), related))

    def remote(self, block: _Block, match: re.Match[bytes]) -> None:
        self.ice(block, match)
        for found in _REMOTE.finditer(self._data, *match.span(3)):
            self._counted()
            block.remote.append(_written(found, 1))

    def ice(self, block: _Block, match: re.Match[bytes]) -> None:
        self._counted()
        block.ice.append(self._line(match))

    def alternative(self, block: _Block, match: re.Match[bytes]) -> None:
        self._counted()
        block.alternatives.append(self._line(match))

    def path(self, block: _Block, match: re.Match[bytes]) -> None:
        for found in _PATH.finditer(self._data, *match.span(3)):
            self._counted()
            host = host_of(found, 1, "bad-sdp")
            endpoint = Endpoint(host.address, host.port) if host.address and host.port else None
            block.paths.append(Written(host.start, host.end, endpoint))


_ATTRIBUTE: dict[bytes, Callable[[_Reader, _Block, re.Match[bytes]], None]] = {
    **dict.fromkeys(_DIRECTIONS, _Reader.direction),
    b"rtcp": _Reader.rtcp,
    b"rtcp-mux": _Reader.mux,
    b"rtcp-mux-only": _Reader.mux,
    b"mid": _Reader.mid,
    b"group": _Reader.group,
    b"setup": _Reader.setup,
    b"bundle-only": _Reader.bundle_only,
    b"candidate": _Reader.candidate,
    b"path": _Reader.path,
    b"remote-candidates": _Reader.remote,
    b"end-of-candidates": _Reader.ice,
    b"alt": _Reader.alternative,
}
"""What each does; one that begins with `ice-` is not among them."""


def _place(found: re.Match[bytes], group: int) -> Place:
    """Of the groups of _ADDRESS and the one around it."""
    name = found[group + 2]
    address = packed_address(name)
    if address and (len(address) == 4) is not (found[group + 1][2:] == b"4"):
        raise ProtocolError("bad-sdp", quoted(found[group]))
    return Place(found.start(group), found.end(group), name, address)


def _written(found: re.Match[bytes], group: int) -> Written:
    """Of the groups of an address and a port, and the one around both."""
    address, port = packed_address(found[group + 1]), int(found[group + 2])
    endpoint = Endpoint(address, port) if address and port <= _PORT_MAX else None
    return Written(found.start(group), found.end(group), endpoint)


def _origin(found: re.Match[bytes] | None) -> Place | None:
    return _place(found, 1) if found else None


def _unreadable(match: re.Match[bytes]) -> ProtocolError:
    return ProtocolError("bad-sdp", quoted(match[0].strip()))
