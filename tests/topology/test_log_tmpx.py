"""`alg-data-session-coupled`, and without it: what the end of a control session means for its data session."""

from __future__ import annotations

import socket
import time

from applianced.tools.ftp_server import FtpServer
from applianced.tools.namespaces import IPV4, Topology
from tests.support.appliance import Appliance
from tests.support.ftp_session import FtpSession, ftp_session
from tests.support.until import until

COUPLED = "<flow><alg-data-session-coupled>false</alg-data-session-coupled></flow>"


def upload(session: FtpSession, name: str = "coming") -> socket.socket:
    """A data session in the middle of an upload, which vsftpd takes as long as it goes on."""
    listener, announcement = session.listen()
    session.send(announcement)
    session.expect(200)
    session.send(f"STOR pub/{name}\r\n".encode())
    with listener:
        data, _ = listener.accept()
    session.expect(150)
    data.settimeout(10)
    data.sendall(b"first")
    return data


def data_sessions(appliance: Appliance) -> list[str]:
    return [entry.findtext("{*}state") or "" for entry in appliance.flow("data-sessions")]


def reset(session: FtpSession) -> None:
    """End a control session at once, without a word."""
    session.control.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    session.close()


def test_coupled_data_sessions_end_with_their_control_session(
    topology: Topology, appliance: Appliance, server: FtpServer
) -> None:
    appliance.push(COUPLED)
    with ftp_session(topology, server, IPV4) as other, upload(other):
        session = FtpSession(topology, server, IPV4)
        with upload(session, "second"):
            assert data_sessions(appliance).count("established") == 2
            reset(session)
            until(lambda: data_sessions(appliance).count("established") == 1, what="the data session ends")


def test_uncoupled_data_sessions_go_on(topology: Topology, appliance: Appliance, server: FtpServer) -> None:
    session = FtpSession(topology, server, IPV4)
    with upload(session) as data:
        reset(session)
        until(lambda: not [entry for entry in appliance.flow("control-sessions") if entry.findtext("{*}gates") != "0"])
        data.sendall(b"second")
        assert data_sessions(appliance)


def test_a_coupled_control_session_outlives_its_timeout(
    topology: Topology, appliance: Appliance, server: FtpServer
) -> None:
    """Silent for longer than the timeout, while its data session goes on."""
    appliance.push("<flow><alg-data-session-coupled>false</alg-data-session-coupled></flow>")
    appliance.push("<flow><tcp-session-timeout>4</tcp-session-timeout></flow>")
    with ftp_session(topology, server, IPV4) as session:
        began = time.monotonic()
        with upload(session) as data:

            def silent_for_long() -> bool:
                data.sendall(b"more")
                return time.monotonic() - began > 7

            until(silent_for_long, 10, interval_s=0.5)
        session.expect(226)
        session.command("NOOP", 200)
