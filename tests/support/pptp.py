"""PPTP control messages as a peer writes them (RFC 2637 2)."""

from __future__ import annotations

import struct

from applianced.alg.pptp.messages import LENGTHS, Kind

COOKIE = 0x1A2B3C4D


def message(kind: int, body: bytes = b"", *, length: int = 0, cookie: int = COOKIE, management: int = 1) -> bytes:
    """A message of this type, filled up with zeros. length: another one than its type has."""
    size = length or LENGTHS[kind]
    return (struct.pack("!HHIHH", size, management, cookie, kind, 0) + body).ljust(size, b"\0")


def start_request() -> bytes:
    return message(Kind.START_REQUEST, struct.pack("!HHIIHH", 0x100, 0, 3, 3, 0xFFFF, 1))


def start_reply(result: int = 1) -> bytes:
    return message(Kind.START_REPLY, struct.pack("!HBBIIHH", 0x100, result, 0, 3, 3, 0, 1))


def outgoing_request(call: int) -> bytes:
    return message(Kind.OUTGOING_CALL_REQUEST, struct.pack("!HHIIIIHH", call, 1, 2400, 10_000_000, 3, 3, 3, 0))


def outgoing_reply(call: int, peer: int, result: int = 1) -> bytes:
    return message(Kind.OUTGOING_CALL_REPLY, struct.pack("!HHBBHIHHI", call, peer, result, 0, 0, 10_000_000, 3, 0, 0))


def incoming_request(call: int) -> bytes:
    return message(Kind.INCOMING_CALL_REQUEST, struct.pack("!HHII", call, 1, 3, 7))


def incoming_reply(call: int, peer: int, result: int = 1) -> bytes:
    return message(Kind.INCOMING_CALL_REPLY, struct.pack("!HHBBHH", call, peer, result, 0, 64, 0))


def incoming_connected(peer: int) -> bytes:
    return message(Kind.INCOMING_CALL_CONNECTED, struct.pack("!HHIHHI", peer, 0, 64000, 64, 0, 1))


def clear_request(call: int) -> bytes:
    return message(Kind.CALL_CLEAR_REQUEST, struct.pack("!H", call))


def disconnect(call: int, result: int = 4) -> bytes:
    return message(Kind.CALL_DISCONNECT_NOTIFY, struct.pack("!HBB", call, result, 0))


def wan_error(peer: int) -> bytes:
    return message(Kind.WAN_ERROR_NOTIFY, struct.pack("!HH6I", peer, 0, 1, 2, 3, 4, 5, 6))


def link_info(peer: int) -> bytes:
    return message(Kind.SET_LINK_INFO, struct.pack("!HHII", peer, 0, 0xFFFFFFFF, 0xFFFFFFFF))


def echo_request(identifier: int = 1) -> bytes:
    return message(Kind.ECHO_REQUEST, struct.pack("!I", identifier))


def echo_reply(identifier: int = 1) -> bytes:
    return message(Kind.ECHO_REPLY, struct.pack("!IB", identifier, 1))


def stop_request() -> bytes:
    return message(Kind.STOP_REQUEST, b"\1")


def stop_reply() -> bytes:
    return message(Kind.STOP_REPLY, b"\1")
