"""Control lines as no real client sends them: cut anywhere, several in a segment, with loss on both sides.

Under loss the sender's kernel merges small segments when it repeats them, so repeats repack what was cut.
"""

from __future__ import annotations

import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from applianced.tools.ftp_server import FtpServer, vsftpd
from applianced.tools.namespaces import IPV4, IPV6, Plan, Topology
from tests.support.appliance import appliance_on, private_directory
from tests.support.ftp_session import FtpSession, ftp_session
from tests.support.netns import lose, unique_topology
from tests.support.programs import make_file

# A lost SYN costs seconds, and a few in a row cost many.
pytestmark = pytest.mark.timeout(300)

CONTENT_OCTETS = 2_000
LOSSES = [pytest.param(0, id="no-loss"), pytest.param(5, id="loss")]
PLAN_PARAMETERS = [pytest.param(IPV4, id="ipv4"), pytest.param(IPV6, id="ipv6")]


@pytest.fixture(scope="module", params=LOSSES)
def route(request: pytest.FixtureRequest) -> Iterator[tuple[Topology, FtpServer]]:
    """The appliance and vsftpd, with so much loss at every entrance."""
    with unique_topology() as topology, private_directory() as directory, appliance_on(topology):
        server = vsftpd(topology, directory)
        make_file(server.files / "small", CONTENT_OCTETS)
        if request.param:
            lose(topology, request.param)
        yield topology, server


@pytest.fixture(params=PLAN_PARAMETERS)
def session(route: tuple[Topology, FtpServer], request: pytest.FixtureRequest) -> Iterator[FtpSession]:
    with ftp_session(*route, request.param) as made:
        yield made


@pytest.fixture
def content(route: tuple[Topology, FtpServer]) -> bytes:
    return Path(route[1].files / "small").read_bytes()


RETRIEVE = b"RETR pub/small\r\n"


def test_announcement_cut_at_every_octet(session: FtpSession, content: bytes, soak: bool) -> None:
    """Each announcement takes the place of the one before; in the short form every third is used."""
    unused, sample = session.listen()
    unused.close()
    for cut in range(1, len(sample)):
        listener, announcement = session.listen()
        session.send(announcement[:cut], announcement[cut:])
        session.expect(200)
        if soak or cut % 3 == 0:
            session.send(RETRIEVE)
            assert session.receive(listener) == content
            session.expect(150)
            session.expect(226)
        listener.close()


def test_one_octet_in_a_segment(session: FtpSession, content: bytes) -> None:
    listener, announcement = session.listen()
    session.send(*(bytes([octet]) for octet in announcement + RETRIEVE))
    session.expect(200)
    assert session.receive(listener) == content
    session.expect(150)
    session.expect(226)


def test_typed_by_hand(session: FtpSession, content: bytes) -> None:
    """Octets with pauses: the sender's timer runs out again and again before a line is complete."""
    listener, announcement = session.listen()
    for octet in announcement:
        session.send(bytes([octet]))
        select.select([], [], [], 0.03)  # the pause is what is tested
    session.send(RETRIEVE)
    session.expect(200)
    assert session.receive(listener) == content
    session.expect(150)
    session.expect(226)


def test_several_commands_in_a_segment(session: FtpSession, content: bytes) -> None:
    listener, announcement = session.listen()
    session.send(b"NOOP\r\n" + announcement + RETRIEVE + b"NOOP\r\n")
    session.expect(200)
    session.expect(200)
    assert session.receive(listener) == content
    session.expect(150)
    session.expect(226)
    session.expect(200)


def test_announcements_pipelined(session: FtpSession, content: bytes) -> None:
    """Two announcements before any answer: the second is the one that counts."""
    first, unused = session.listen()
    second, announcement = session.listen()
    with first:
        session.send(unused + announcement + RETRIEVE)
        session.expect(200)
        session.expect(200)
        assert session.receive(second) == content
    session.expect(150)
    session.expect(226)


@pytest.mark.parametrize("round_", range(2))
def test_many_transfers_on_one_session(session: FtpSession, content: bytes, round_: int) -> None:
    """Length changes add up on one session."""
    for _ in range(5):
        listener, announcement = session.listen()
        session.send(announcement)
        session.expect(200)
        session.send(RETRIEVE)
        assert session.receive(listener) == content
        session.expect(150)
        session.expect(226)


def test_plan_addresses_differ() -> None:
    """The rewritten line must differ in length, or the tests above prove little."""

    def lengths(plan: Plan) -> set[int]:
        return {len(plan.client), len(plan.public)}

    assert len(lengths(IPV4)) == 2
    assert len(lengths(IPV6)) == 2
