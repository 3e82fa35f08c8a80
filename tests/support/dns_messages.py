"""DNS messages for tests, written by hand: names, records, and what a capture would hold."""

from __future__ import annotations

from applianced.model.tuples import packed

A, CNAME, AAAA, OPT, RRSIG = 1, 5, 28, 41, 46
RESPONSE = 0x8180
POINTER = b"\xc0\x0c"
"""To the name of the question."""


def name(text: str) -> bytes:
    """A name in labels, without compression."""
    return b"".join(bytes((len(label),)) + label.encode() for label in text.split(".") if label) + b"\0"


def question(text: str = "www.example.test", kind: int = A) -> bytes:
    return name(text) + kind.to_bytes(2) + b"\0\1"


def record(kind: int, data: bytes, *, owner: bytes = POINTER, size: int = 1, ttl: int = 60) -> bytes:
    return owner + kind.to_bytes(2) + size.to_bytes(2) + ttl.to_bytes(4) + len(data).to_bytes(2) + data


def address(text: str, *, owner: bytes = POINTER) -> bytes:
    """An A or AAAA record."""
    octets = packed(text)
    return record(A if len(octets) == 4 else AAAA, octets, owner=owner)


def opt(size: int = 1232) -> bytes:
    return record(OPT, b"", owner=b"\0", size=size, ttl=0)


def signature(covered: int) -> bytes:
    return record(RRSIG, covered.to_bytes(2) + bytes(30))


def message(
    *records: bytes,
    asked: bytes | None = None,
    identification: int = 7,
    flags: int = 0x0100,
    counts: tuple[int, int, int] | None = None,
) -> bytes:
    """A message; records are answers unless counts says otherwise. asked: the question, b"" for none."""
    text = question() if asked is None else asked
    answers, authorities, additional = counts or (len(records), 0, 0)
    numbers = (identification, flags, 1 if text else 0, answers, authorities, additional)
    return b"".join(number.to_bytes(2) for number in numbers) + text + b"".join(records)


def reply(*records: bytes, **more: object) -> bytes:
    """The same, as an answer without an error."""
    return message(*records, **{"flags": RESPONSE, **more})  # type: ignore[arg-type]
