"""What hostile and broken clients do to a server, for as long as it takes once; others are measured meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncssh

from tests.bench.management.client import RpcError, Session
from tests.bench.management.programs import Program
from tests.bench.management.requests import APPLICATIONS, ENTRIES, LOCK, application, edit, edit_all, get
from tests.support.netconf_session import NC

LASTS_S = 0.4
MIB = 1 << 20
RULED = "ruled"
RULES = 300
"""So many hide one entry each from that user."""


def send(session: Session, data: bytes) -> None:
    session._channel.write(data)


def framed(text: bytes) -> bytes:
    return b"\n#%d\n%b\n##\n" % (len(text), text)


async def strangers(program: Program) -> None:
    """A hundred connections at once that say nothing, or nonsense, and leave at once."""

    async def one(number: int) -> asyncio.StreamWriter:
        _, writer = await asyncio.open_connection("127.0.0.1", program.port)
        writer.write(b"" if number % 2 else b"GET / HTTP/1.1\r\n\r\n")
        return writer

    writers = await asyncio.gather(*map(one, range(100)))
    await asyncio.sleep(LASTS_S)
    for writer in writers:
        writer.close()


async def crowd(program: Program) -> None:
    """Two hundred sessions at once."""
    sessions = await asyncio.gather(*[program.session() for _ in range(200)])
    for session in sessions:
        session.connection.abort()


async def halves(program: Program) -> None:
    """Twenty sessions that stop in the middle of a message."""
    sessions = [await program.session() for _ in range(20)]
    for session in sessions:
        send(session, b"\n#1000\n<rpc")
    await asyncio.sleep(LASTS_S)
    for session in sessions:
        session.connection.abort()


async def bad_chunks(program: Program) -> None:
    for header in (b"\n#0\n", b"\n#x\n", b"\n#99999999999\n") * 4:
        session = await program.session()
        send(session, header + b"abcd")
        with suppress(RpcError):
            await session._next()
        session.connection.abort()


async def wrong_keys(program: Program) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    for _ in range(20):
        with suppress(asyncssh.Error, OSError):
            await Session.open(program.port, other)


async def endless(program: Program) -> None:
    """A message that goes on until it is refused."""
    session = await program.session()
    chunk = b"\n#65536\n" + b"<" * 65536
    with suppress(BrokenPipeError):
        for _ in range(40 * 16):
            send(session, chunk)
            await asyncio.sleep(0.001)
    session.connection.abort()


async def slow_readers(program: Program) -> None:
    """They ask for megabytes and take none."""
    sessions = [await program.session() for _ in range(4)]
    for session in sessions:
        session._channel.pause_reading()
        for _ in range(20):
            send(session, framed(f'<rpc xmlns="{NC}" message-id="1">{get()}</rpc>'.encode()))
    await asyncio.sleep(LASTS_S)
    for session in sessions:
        session.connection.abort()


async def said(program: Program, *texts: bytes) -> None:
    session = await program.session()
    for text in texts:
        send(session, framed(text))
        await session._next()
    session.connection.abort()


async def elements(program: Program) -> None:
    """A million elements, in a place where none is expected; and with a fault behind them."""
    inner = b"<a/>" * 1_000_000
    for end in (b"</get></rpc>", b"</rpc>"):
        await said(program, b'<rpc xmlns="%b" message-id="1"><get>%b%b' % (NC.encode(), inner, end))


HUGE = 31 * MIB


def an_edit(octets: int) -> bytes:
    entries = octets // len(application(300_000) + ".")
    return f'<rpc xmlns="{NC}" message-id="1">{edit_all(range(entries))}</rpc>'.encode()


async def huge_edit(program: Program) -> None:
    """Two edits as large as a message may be, of the same 300,000 entries."""
    session = await program.session()
    text = framed(an_edit(HUGE))
    for _ in range(2):
        send(session, text)
        assert b"<ok/>" in await session._next()
    await session.rpc("<discard-changes/>")
    session.connection.abort()


async def huge_nonsense(program: Program) -> None:
    """As large as a message may be: more elements than are read, deep nesting, long texts, an edit with a fault at
    its end."""
    start, end = f'<rpc xmlns="{NC}" message-id="1"><get>'.encode(), b"</get></rpc>"
    nested = b"<a>" * 250 + b"</a>" * 250
    edit = an_edit(HUGE)
    await said(
        program,
        start + b"<a/>" * (HUGE // 4) + end,
        start + nested * (HUGE // len(nested)) + end,
        start + b"<a>%b</a>" % (b"x" * 9 * MIB) * 3 + end,
        edit[:-40] + b"</b>" + edit[-40:],
        edit.replace(b"<protocol>", b"<protocols>", 1),
    )


async def crumbs(program: Program) -> None:
    """Chunks of one octet, and messages of one, until nothing more is read."""
    for crumb in (b"\n#1\nx", b"\n#1\nx\n##\n"):
        session = await program.session()
        with suppress(BrokenPipeError):
            for _ in range(16):
                send(session, crumb * 4096)
                await asyncio.sleep(0.01)
        session.connection.abort()


class Held:
    """What a client writes, kept until it all goes at once."""

    def __init__(self, below: asyncio.Transport) -> None:
        self._below = below
        self._octets = bytearray()

    def write(self, data: bytes) -> None:
        self._octets += data

    def go(self) -> None:
        self._below.write(bytes(self._octets))
        self._octets.clear()

    def __getattr__(self, name: str) -> object:
        return getattr(self._below, name)


async def morsels(program: Program) -> None:
    """SSH packets of one octet, a thousand in one go."""
    session = await program.session()
    below = session.connection._transport
    assert below
    held: Any = Held(below)
    session.connection._transport = held
    send(session, b"\n#1000000\n")
    for _ in range(20):
        for _ in range(1000):
            send(session, b"x")
        held.go()
        await asyncio.sleep(0.01)
    session.connection.abort()


async def depth(program: Program) -> None:
    await said(program, *[b"<rpc>" + b"<a>" * 100_000] * 10)


async def bombs(program: Program) -> None:
    entities = b"".join(b'<!ENTITY e%d "%b">' % (at, b"&e%d;" % (at - 1) * 10) for at in range(1, 12))
    await said(program, *[b'<!DOCTYPE r [<!ENTITY e0 "x">%b]><rpc>&e11;</rpc>' % entities] * 50)


async def contradictions(program: Program) -> None:
    """Edits of everything that are taken back."""
    session = await program.session()
    for _ in range(4):
        await session.rpc(edit_all())
        await session.rpc("<discard-changes/>")
    await session.close()


async def dead_locks(program: Program) -> None:
    """A session takes the lock, edits and vanishes; the next one wants the lock at once."""
    for _ in range(10):
        session = await program.session()
        while not await done(session, LOCK):
            pass
        await session.rpc(edit(application(0, 4711)))
        session.connection.abort()
    session = await program.session()
    while not await done(session, LOCK):
        pass
    await session.close()


async def kills(program: Program) -> None:
    """Sessions kill each other, in the middle of a message and with a lock, and try it on themselves and on nobody."""
    killer = await program.session()
    for _ in range(10):
        victim = await program.session()
        while not await done(victim, LOCK):
            pass
        send(victim, b"\n#1000\n<rpc")
        assert await done(killer, kill(victim.number))
        for nobody in (victim.number, killer.number, 4_000_000_000):
            assert not await done(killer, kill(nobody))
        victim.connection.abort()
    await killer.close()


def kill(number: int) -> str:
    return f"<kill-session><session-id>{number}</session-id></kill-session>"


async def done(session: Session, operation: str) -> bool:
    """Whether the server did as it was asked to."""
    try:
        await session.rpc(operation)
    except RpcError:
        return False
    return True


ACM = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"
LONG_COMMENTS = "".join(
    f"<rule><name>{at}</name><action>deny</action><comment>{'x' * MIB}</comment></rule>" for at in range(10)
)


async def slow_reading(program: Program) -> None:
    """Replies of 10 MB, of which each client takes what has come, twenty times a second."""
    editor = await program.session()
    await editor.rpc(
        f'<edit-config><target><candidate/></target><config><nacm xmlns="{ACM}"><rule-list><name>long</name>'
        f"{LONG_COMMENTS}</rule-list></nacm></config></edit-config>"
    )
    read = f'<get-config><source><candidate/></source><filter><nacm xmlns="{ACM}"/></filter></get-config>'
    sessions = [await program.session() for _ in range(4)]
    for session in sessions:
        session._channel.pause_reading()
        send(session, framed(f'<rpc xmlns="{NC}" message-id="1">{read}</rpc>'.encode()))
    replies = [asyncio.create_task(session._next()) for session in sessions]
    while not all(reply.done() for reply in replies):
        for session in sessions:
            session._channel.resume_reading()
            session._channel.pause_reading()
        await asyncio.sleep(0.05)
    assert all(len(reply.result()) > 10 * MIB for reply in replies)
    for session in sessions:
        session.connection.abort()
    await editor.rpc("<discard-changes/>")
    await editor.close()


async def many_rules(program: Program) -> None:
    """Somebody from whom rules by the hundred hide entries reads all there is: what runs, with the state, and a
    candidate that has been edited, which nobody can have looked through before."""
    editor, reader = await program.session(), await program.session(RULED)
    await editor.rpc(edit(application(0, 4711)))
    for _ in range(3):
        for operation in (get(), get().replace("running", "candidate"), "<get/>"):
            reply = await reader.rpc(operation)
            assert reply.data.count(b"<application><name>bench-") == ENTRIES - RULES
    await editor.rpc("<discard-changes/>")
    for session in (editor, reader):
        await session.close()


async def searches(program: Program) -> None:
    """Expressions of which a copy of everything is evaluated, two of them for long."""
    sessions = [await program.session() for _ in range(4)]
    wanted = (
        "//*[local-name() = 'name']",
        "//a:application[2]",
        "//node()[../..]/.. | //a:none",
        "//a:name/../..//a:none",
    )
    operation = (
        f'{get().partition("<filter")[0]}<filter type="xpath" xmlns:a="{APPLICATIONS}" select="{{}}"/></get-config>'
    )
    await asyncio.gather(
        *[done(session, operation.format(each)) for session, each in zip(sessions, wanted, strict=True)]
    )
    for session in sessions:
        await session.close()


Act = Callable[[Program], Awaitable[None]]
ACTS: tuple[Act, ...] = (
    strangers,
    crowd,
    halves,
    bad_chunks,
    wrong_keys,
    endless,
    slow_readers,
    elements,
    huge_edit,
    huge_nonsense,
    crumbs,
    morsels,
    depth,
    bombs,
    contradictions,
    dead_locks,
    kills,
    slow_reading,
    many_rules,
    searches,
)
