"""Strangers and clients that mean harm, or are broken: they get the right answer, and nobody else notices."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import asyncssh
import pytest
from asyncssh.constants import MSG_KEXINIT

from applianced.config.access import NetconfLimits, SshLimits
from applianced.config.schema import System
from applianced.netconf import unread
from applianced.netconf.framing import Framing, frame
from tests.netconf.test_management import start
from tests.netconf.test_operations import EDIT
from tests.support.netconf_session import DEADLINE_S, NC, SHOP
from tests.support.ssh_endpoint import HELLO, Endpoint, Netconf, eventually, run

DISCARD = "<discard-changes/>"
LOCK = "<lock><target><candidate/></target></lock>"
GET_CONFIG = "<get-config><source><running/></source></get-config>"
GET_TAGS = GET_CONFIG.replace("</get", f'<filter><shop xmlns="{SHOP}"><tag/></shop></filter></get')
"""Put together for each who asks."""
MIB = 1 << 20
TEN_MEGABYTES = "".join(f"<tag>{number:03d}{'x' * MIB}</tag>" for number in range(10))


def rpc(operation: str) -> bytes:
    return frame(f'<rpc xmlns="{NC}" message-id="1">{operation}</rpc>'.encode(), Framing.CHUNKED)


async def undisturbed(endpoint: Endpoint) -> None:
    """Somebody else logs in and works."""
    async with asyncio.timeout(DEADLINE_S), endpoint.login(username="other") as connection:
        session = await Netconf.over(connection)
        for _ in range(5):
            assert b"<ok/>" in await session.rpc(DISCARD)


NONSENSE = {
    "silence": b"",
    "half a banner": b"SSH-2.0-half",
    "a banner alone": b"SSH-2.0-banner\r\n",
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("1603010200010001fc0303") + bytes(512),
    "zeros": bytes(256 * 1024),
    "a packet of 4 GiB": b"SSH-2.0-x\r\n\xff\xff\xff\xff" + bytes(64),
}


@pytest.mark.parametrize("said", NONSENSE.values(), ids=NONSENSE)
def test_four_hundred_strangers(tmp_path: Path, said: bytes) -> None:
    """More than pending-login-limit: those that came first give way."""
    many = 400

    async def scenario(endpoint: Endpoint) -> None:
        writers = []
        for _ in range(many):
            _, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
            writer.write(said)
            writers.append(writer)
        await undisturbed(endpoint)
        assert len(endpoint.listener._admission.everybody()) <= SshLimits().pending_login_limit
        for writer in writers:
            writer.close()
        await eventually(lambda: endpoint.counters.logins_abandoned == many, "the end of them")
        await eventually(lambda: not endpoint.listener._admission.everybody(), "the end of the other one")

    run(tmp_path, scenario)


@pytest.mark.parametrize("sent", [b"", HELLO[: len(HELLO) // 2], b"\n#"], ids=["none", "half", "two octets"])
def test_a_hello_that_never_comes(tmp_path: Path, caplog: pytest.LogCaptureFixture, sent: bytes) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as one, endpoint.login() as two:
            stuck = [await Netconf.over(each, hello=sent) for each in (one, two) for _ in range(10)]
            await undisturbed(endpoint)
            await endpoint.commit(netconf=NetconfLimits(hello_timeout_s=0.05))
            for session in stuck:
                assert await session.closed() == b""
            assert endpoint.counters.sessions_timed_out == 20
            assert "left its hello unfinished" in caplog.text

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "header",
    [
        b"\n#0\n", b"\n#01\n", b"\n#x\n", b"\n#-1\n", b"\n##\n", b"\n#4294967296\n", b"\n#99999999999\n", b"#4\n",
        b"\n# 4\n", b"\r\n#4\r\n", b"<rpc/>]]>]]>", b"\n#4294967295\n",
    ],
)  # fmt: skip
def test_a_bad_chunk_header_ends_that_session_alone(tmp_path: Path, header: bytes) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection:
            broken, whole = await Netconf.over(connection), await Netconf.over(connection)
            assert b"<ok/>" in await broken.rpc(LOCK)
            broken.writer.write(header + b"abcd")
            await broken.closed()
            await eventually(lambda: endpoint.counters.in_bad_rpcs == 1, "the count")
            assert b"<ok/>" in await whole.rpc(LOCK), "the lock was released"

    run(tmp_path, scenario)


def hello_for(framing: Framing) -> bytes:
    return HELLO if framing is Framing.CHUNKED else HELLO.replace(b"base:1.1", b"base:1.0")


@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.END_OF_MESSAGE])
def test_a_message_without_end_is_too_big(tmp_path: Path, framing: Framing) -> None:
    piece = b"\n#65536\n" + b"<" * 65536 if framing is Framing.CHUNKED else b"<" * 65536
    size = 200 * MIB

    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection:
            session = await Netconf.over(connection, hello_for(framing))
            for _ in range(size // 65536):
                session.writer.write(piece)
                await session.writer.drain()
            (live,) = sessions_of(endpoint)
            await eventually(lambda: live._session.held == size, "all that is allowed")
            session.writer.write(piece)
            assert b"<error-tag>too-big<" in await session.closed()
            await undisturbed(endpoint)

    run(tmp_path, scenario, System(netconf=NetconfLimits(message_size=size)))


def test_half_a_message_for_ever(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as one, endpoint.login() as two:
            stuck = [await Netconf.over(each) for each in (one, two) for _ in range(10)]
            assert b"<ok/>" in await stuck[0].rpc(LOCK)
            for session in stuck:
                session.writer.write(b"\n#100\n<rpc")
            await undisturbed_but_locked(endpoint)
            await eventually(lambda: all(live._session.amid for live in sessions_of(endpoint)), "the halves")
            await endpoint.commit(netconf=NetconfLimits(message_timeout_s=0.05))
            for session in stuck:
                await session.closed()
            assert endpoint.counters.sessions_timed_out == 20
        await undisturbed(endpoint)

    run(tmp_path, scenario)


async def undisturbed_but_locked(endpoint: Endpoint) -> None:
    async with endpoint.login(username="other") as connection:
        assert b"lock-denied" in await (await Netconf.over(connection)).rpc(LOCK)


def sessions_of(endpoint: Endpoint) -> list[object]:
    return list(endpoint.listener.server._sessions.values())


def test_a_slow_reader_of_ten_megabytes(tmp_path: Path) -> None:
    size = 10 * MIB

    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection:
            slow = await Netconf.over(connection)
            slow.reader.channel.pause_reading()
            slow.writer.write(rpc(GET_CONFIG) * 2000)
            (live,) = sessions_of(endpoint)
            await eventually(lambda: live._transport.unsent() > size // 2, "the first reply")
            for _ in range(3):
                await undisturbed(endpoint)
                assert live._transport.unsent() < 2 * size, "one reply at a time"
                assert live._paused
                assert endpoint.counters.in_rpcs < 100, "the others have not been answered"
            slow.reader.channel.resume_reading()
            taken = 0
            async with asyncio.timeout(DEADLINE_S):
                while taken < 3 * size:
                    taken += len(await slow.reader.read(MIB))

    run(tmp_path, scenario, first=TEN_MEGABYTES)


@pytest.mark.parametrize("octets", [MIB, 50_000], ids=["long replies", "short replies"])
@pytest.mark.parametrize("way", ["reads nothing", "leaves a key exchange unfinished"])
def test_a_window_of_four_gigabytes(tmp_path: Path, way: str, octets: int) -> None:
    """What the client's window has room for, the server still does not keep."""
    requests = 1000

    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection:
            greedy = await Netconf.over(connection, window=2**32 - 1)
            if way == "reads nothing":
                connection._transport.pause_reading()
            else:
                await leave_key_exchange(endpoint, connection)
            greedy.writer.write(rpc(GET_CONFIG) * requests)
            (live,) = sessions_of(endpoint)
            await eventually(lambda: live._transport.unsent(), "an unread reply")
            # A long one leaves in pieces first.
            await eventually(lambda: live._transport._outbox._full(), "a connection that is full")
            answered = endpoint.counters.in_rpcs
            await undisturbed(endpoint)
            assert endpoint.counters.in_rpcs - 5 == answered < requests
            assert live._transport.unsent() < octets + 1000, "one reply at a time"
            if way == "reads nothing":
                connection._transport.resume_reading()
                taken = 0
                async with asyncio.timeout(DEADLINE_S):
                    while taken < 100 * octets:
                        taken += len(await greedy.reader.read(MIB))
            else:
                await eventually(lambda: endpoint.counters.sessions_timed_out == 1, "the deadline")
            connection.abort()

    system = System(netconf=NetconfLimits(reply_timeout_s=3))
    run(tmp_path, scenario, system, first=f"<tag>{'x' * octets}</tag>")


async def leave_key_exchange(endpoint: Endpoint, connection: asyncssh.SSHClientConnection) -> None:
    """Have the server ask for new keys (RFC 4253 section 9), which the client never answers."""
    asked = asyncio.Event()
    connection._packet_handlers = connection._packet_handlers | {MSG_KEXINIT: lambda *_: asked.set() or True}
    (ours,) = (each._connection for each in endpoint.listener._admission.everybody())
    ours._send_kexinit()
    ours._kexinit_sent = True
    async with asyncio.timeout(DEADLINE_S):
        await asked.wait()


async def ten_megabytes(client: Netconf) -> None:
    """Read them."""
    taken = 0
    async with asyncio.timeout(DEADLINE_S):
        while taken < 10 * MIB:
            taken += len(data := await client.reader.read(MIB))
            assert data, "all of the reply"


async def renew(endpoint: Endpoint, number: int) -> None:
    """So that nobody has the same text as whoever read before."""
    async with endpoint.login() as connection:
        client = await Netconf.over(connection)
        assert b"<ok/>" in await client.rpc(EDIT.format("", f"<title>{number}</title>"))
        assert b"<ok/>" in await client.rpc("<commit/>")


def test_replies_that_nobody_reads_take_bounded_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that have kept their replies waiting for the longest go, and the others get theirs."""
    monkeypatch.setattr(unread, "PATIENCE_S", 0.2)

    async def scenario(endpoint: Endpoint) -> None:
        async with AsyncExitStack() as stack:
            clients = []
            for number in (1, 2, 3):
                await renew(endpoint, number)
                await asyncio.sleep(0.3)  # until patience has an end, which is the subject
                before = endpoint.counters.in_rpcs
                connection = await stack.enter_async_context(endpoint.login())
                client = await Netconf.over(connection)
                client.reader.channel.pause_reading()
                client.writer.write(rpc(GET_CONFIG))
                clients.append(client)
                await eventually(lambda at_least=before + 1: endpoint.counters.in_rpcs == at_least, "the reply")
            await eventually(lambda: len(sessions_of(endpoint)) == 2, "the end of the first")
            assert "session 2 (admin from 127.0.0.1:" in caplog.text
            assert "reply-memory is 23068672" in caplog.text
            assert endpoint.counters.sessions_out_of_memory == 1
            for client in clients[1:]:
                client.reader.channel.resume_reading()
                await ten_megabytes(client)

    run(tmp_path, scenario, System(netconf=NetconfLimits(reply_memory=22 * MIB)), first=TEN_MEGABYTES)


def test_replies_that_are_read_may_take_more_for_a_while(tmp_path: Path) -> None:
    """Eight honest readers at once of what two may leave unread, each with a text of its own."""

    async def scenario(endpoint: Endpoint) -> None:
        async with AsyncExitStack() as stack:
            clients = [await Netconf.over(await stack.enter_async_context(endpoint.login())) for _ in range(8)]

            async def read(client: Netconf) -> None:
                client.writer.write(rpc(GET_TAGS))
                await ten_megabytes(client)

            await asyncio.gather(*map(read, clients))
            assert endpoint.counters.sessions_out_of_memory == 0

    run(tmp_path, scenario, System(netconf=NetconfLimits(reply_memory=20 * MIB)), first=TEN_MEGABYTES)


def test_a_reply_that_is_larger_than_all_may_be_can_be_read_alone(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection, endpoint.login(username="other") as elsewhere:
            await Netconf.over(elsewhere)
            client = await Netconf.over(connection)
            client.writer.write(rpc(GET_CONFIG))
            await ten_megabytes(client)
            assert endpoint.counters.sessions_out_of_memory == 0

    run(tmp_path, scenario, System(netconf=NetconfLimits(reply_memory=MIB)), first=TEN_MEGABYTES)


def test_a_reader_that_has_stopped_is_closed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection:
            stuck, other = await Netconf.over(connection), await Netconf.over(connection)
            assert b"<ok/>" in await stuck.rpc(LOCK)
            stuck.reader.channel.pause_reading()
            stuck.writer.write(rpc(GET_CONFIG))
            await eventually(lambda: endpoint.counters.sessions_timed_out == 1, "the deadline")
            assert "does not read its replies" in caplog.text
            assert b"<ok/>" in await other.rpc(LOCK)

    run(tmp_path, scenario, System(netconf=NetconfLimits(reply_timeout_s=0.1)), first=TEN_MEGABYTES)


@pytest.mark.parametrize("by_session", [True, False], ids=["kill-session", "the end of the server"])
def test_a_reader_that_has_stopped_is_ended_at_once(tmp_path: Path, by_session: bool) -> None:
    """By whoever asks for it, long before its deadline."""

    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection, endpoint.login() as elsewhere:
            stuck, other = await Netconf.over(connection), await Netconf.over(elsewhere)
            # Of the whole connection: not even the end of the session is read.
            connection._transport.pause_reading()
            stuck.writer.write(rpc(GET_CONFIG) * 10)
            live = next(live for live in sessions_of(endpoint) if live.number == 1)
            await eventually(lambda: live._transport.unsent() > MIB, "the reply")
            if by_session:
                assert b"<ok/>" in await other.rpc("<kill-session><session-id>1</session-id></kill-session>")
                await eventually(lambda: len(sessions_of(endpoint)) == 1, "the end of it")
            else:
                async with asyncio.timeout(DEADLINE_S):
                    await endpoint.listener.close()
                assert not sessions_of(endpoint)
            connection.abort()

    run(tmp_path, scenario, first=TEN_MEGABYTES)


def test_a_burst_of_connections_loses_none(tmp_path: Path) -> None:
    """While nobody looks, the kernel completes them."""

    async def scenario(endpoint: Endpoint) -> None:
        connected = [socket.create_connection(("127.0.0.1", endpoint.port), timeout=1) for _ in range(100)]
        waiting = endpoint.listener._admission
        await eventually(lambda: len(waiting.everybody()) == 100, "all of them")
        for one in connected:
            one.close()
        await eventually(lambda: not waiting.everybody(), "the end of them")

    run(tmp_path, scenario)


def test_a_request_in_packets_of_an_octet(tmp_path: Path) -> None:
    """A message, and the next, whole and in order, however many packets they come in."""

    async def scenario(endpoint: Endpoint) -> None:
        async with asyncio.timeout(DEADLINE_S), endpoint.login() as connection:
            session = await Netconf.over(connection)
            for number in range(20):
                request = f'<rpc xmlns="{NC}" message-id="{number}">{DISCARD}</rpc>'.encode()
                for octet in frame(request, Framing.CHUNKED):
                    session.writer.write(bytes([octet]))
            for number in range(20):
                reply = await session.reader.readuntil(b"\n##\n")
                assert b'message-id="%d"' % number in reply
                assert b"<ok/>" in reply

    run(tmp_path, scenario)


def test_two_hundred_sessions_at_once(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        everybody = asyncio.Barrier(200)

        async def one() -> None:
            async with endpoint.login() as connection:
                session = await Netconf.over(connection)
                await everybody.wait()
                assert b"<ok/>" in await session.rpc(DISCARD)
                await everybody.wait()

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for _ in range(200):
                group.create_task(one())
        assert endpoint.counters.in_sessions == 200
        await eventually(lambda: not sessions_of(endpoint), "the end of them")
        assert not endpoint.listener._admission.everybody()

    run(tmp_path, scenario)


Ending = Callable[[asyncssh.SSHClientConnection, Netconf], Awaitable[None]]


async def _abort(connection: asyncssh.SSHClientConnection, session: Netconf) -> None:
    connection.abort()


async def _disconnect(connection: asyncssh.SSHClientConnection, session: Netconf) -> None:
    connection.close()


async def _close_channel(connection: asyncssh.SSHClientConnection, session: Netconf) -> None:
    session.writer.channel.close()


async def _send_no_more(connection: asyncssh.SSHClientConnection, session: Netconf) -> None:
    session.writer.write_eof()


async def _half_a_message(connection: asyncssh.SSHClientConnection, session: Netconf) -> None:
    session.writer.write(b"\n#100\n<rpc")
    connection.abort()


async def _unread_replies(connection: asyncssh.SSHClientConnection, session: Netconf) -> None:
    session.reader.channel.pause_reading()
    session.writer.write(rpc(GET_CONFIG) * 100)
    connection.abort()


@pytest.mark.parametrize(
    "ending", [_abort, _disconnect, _close_channel, _send_no_more, _half_a_message, _unread_replies]
)
def test_however_a_session_ends_its_lock_is_released(tmp_path: Path, ending: Ending) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with AsyncExitStack() as stack:
            one = await stack.enter_async_context(endpoint.login())
            two = await Netconf.over(await stack.enter_async_context(endpoint.login()))
            session = await Netconf.over(one)
            assert b"<ok/>" in await session.rpc(LOCK)
            await ending(one, session)
            await eventually(lambda: len(sessions_of(endpoint)) == 1, "the end of the session")
            async with asyncio.timeout(DEADLINE_S):
                while b"<ok/>" not in await two.rpc(LOCK):
                    await asyncio.sleep(0.005)

    run(tmp_path, scenario)


def test_a_session_in_the_middle_of_a_message_can_be_killed(tmp_path: Path) -> None:
    async def scenario(endpoint: Endpoint) -> None:
        async with endpoint.login() as connection, endpoint.login(username="other") as elsewhere:
            stuck, other = await Netconf.over(connection), await Netconf.over(elsewhere)
            assert b"<ok/>" in await stuck.rpc(LOCK)
            stuck.writer.write(b"\n#100\n<rpc")
            assert b"<ok/>" in await other.rpc("<kill-session><session-id>1</session-id></kill-session>")
            await stuck.closed()
            assert b"<ok/>" in await other.rpc(LOCK)
            for number in ("2", "1", "77", "x"):
                refused = await other.rpc(f"<kill-session><session-id>{number}</session-id></kill-session>")
                assert b"<error-tag>invalid-value<" in refused

    run(tmp_path, scenario)


@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.END_OF_MESSAGE])
def test_endless_messages_take_bounded_memory(tmp_path: Path, framing: Framing) -> None:
    """A process of its own: what messages of 200 MiB leave behind in it is less than three of the largest allowed."""
    private = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "admin.pub").write_bytes(private.export_public_key())
    process = start(tmp_path / "state", "", tmp_path / "admin.pub")

    def memory(what: str) -> int:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return int(status.partition(f"{what}:")[2].split()[0]) * 1024

    async def play(port: int) -> None:
        options = {"username": "admin", "client_keys": [private], "known_hosts": None, "config": None}
        async with asyncssh.connect("127.0.0.1", port, **options) as connection:
            session = await Netconf.over(connection)
            assert b"<ok/>" in await session.rpc(DISCARD)
            before = memory("VmRSS")
            for _ in range(3):
                session = await Netconf.over(connection, hello_for(framing))
                chunk = (b"\n#1048576\n" if framing is Framing.CHUNKED else b"") + os.urandom(MIB)
                for _ in range(200):
                    try:
                        session.writer.write(chunk)
                        await session.writer.drain()
                    except (asyncssh.Error, OSError):
                        break
                assert b"too-big" in await session.closed()
            assert memory("VmHWM") - before < 100 * MIB
            assert b"<ok/>" in await (await Netconf.over(connection)).rpc(DISCARD)

    try:
        assert process.stdout
        ready = process.stdout.readline()
        assert ready.startswith("ready "), process.stderr and process.stderr.read()
        asyncio.run(play(int(ready.rpartition(":")[2])))
    finally:
        process.kill()
        process.communicate()
