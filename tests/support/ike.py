"""Messages of IKE, as far as anybody between the two can read them."""

from __future__ import annotations

from struct import pack

from applianced.alg.ike_esp.isakmp import AUTH, CREATE_CHILD_SA, QUICK, SA_INIT

ALICE, BOB, CAROL = (bytes((octet,)) * 8 for octet in (0xA1, 0xB2, 0xC3))
"""SPIs of initiators."""
GATEWAY = b"\x5e" * 8
"""SPI of a responder."""
NONE = bytes(8)


def message(
    initiator: bytes,
    responder: bytes,
    exchange: int,
    *,
    number: int = 0,
    flags: int | None = None,
    payload: int | None = None,
    versions: int | None = None,
    length: int | None = None,
    body: bytes = b"\0" * 12,
) -> bytes:
    """One message, version 2 from exchange 34 on; what is not given is as it should be."""
    second = exchange >= SA_INIT
    versions = versions if versions is not None else 0x20 if second else 0x10
    if flags is None:
        flags = 0x08 if second else 0x01 if exchange in (6, QUICK) else 0
    if payload is None:
        payload = 33 if exchange == SA_INIT else 46 if second else 8 if flags & 1 else 1
    length = 28 + len(body) if length is None else length
    return pack("!8s8sBBBBII", initiator, responder, payload, versions, exchange, flags, number, length) + body


def setup(initiator: bytes, responder: bytes = GATEWAY) -> tuple[bytes, bytes]:
    """IKE_SA_INIT, request and response."""
    return message(initiator, NONE, SA_INIT), message(initiator, responder, SA_INIT, flags=0x20)


def auth(initiator: bytes, responder: bytes = GATEWAY) -> tuple[bytes, bytes]:
    """IKE_AUTH, request and response."""
    request = message(initiator, responder, AUTH, number=1)
    return request, message(initiator, responder, AUTH, number=1, flags=0x20)


def child(initiator: bytes, number: int, responder: bytes = GATEWAY) -> tuple[bytes, bytes]:
    """CREATE_CHILD_SA of the original initiator, request and response."""
    request = message(initiator, responder, CREATE_CHILD_SA, number=number)
    return request, message(initiator, responder, CREATE_CHILD_SA, number=number, flags=0x20)
