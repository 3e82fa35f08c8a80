"""Everything that the IKE-ESP ALG counts, by name. A message that is refused costs two: its cause and the refusal."""

from __future__ import annotations

_ORDINARY: dict[str, str] = {
    "states": "Pairs of cookies (SPIs) that began",
    "states-midway": "Of these, begun with another message than the first of its SA",
    "states-ended": "Pairs of cookies that fell silent for state-timeout",
    "rekeyed-by-responder": "SAs that the responder of the session initiated",
    "led": "SAs that a responder initiated, led to the one of several hosts that they are for",
    "negotiations": "Exchanges that may end with ESP: Quick Mode, IKE_AUTH, CREATE_CHILD_SA",
    "held": "Messages held while another host's first ESP packet from the same gateway is awaited",
    "gates-awaiting": "Times that the first ESP packet from a responder was waited for",
    "gates-hit": "First ESP packets from a responder, in time",
    "esp-surplus": "First ESP packets from a responder beyond those negotiated: one of them may have been forged",
    "gates-timed-out": "Times that none came within esp-gate-timeout",
    "esp-sessions": "SPIs that were learnt, of either direction",
    "esp-again": "SPIs of clients that were learnt again, since their answer had not come in time",
    "esp-held": "First ESP packets of clients held while another host's from the same gateway is awaited",
    "esp-idle": "SPIs that ended: silent for esp-session-timeout",
    "esp-superseded": "SPIs that made room for later ones",
    "nat-traversal": "Sessions left alone: their datagrams are of NAT traversal",
}

_VIOLATIONS: dict[str, str] = {
    "refused-message": "Messages refused, for any cause",
    "short-header": "Datagrams that are shorter than a header, refused",
    "bad-version": "Headers of another version than 1 or 2, refused",
    "bad-length": "Headers whose length is not that of the datagram, refused",
    "no-initiator": "Headers whose initiator's cookie (SPI) is zero, refused",
    "no-responder": "Headers without a responder's cookie (SPI) in an exchange that needs one, refused",
    "bad-exchange": "Headers of an exchange that their version does not have, refused",
    "bad-flags": "Headers with flags that their version does not have, refused",
    "in-the-clear": "Messages that must be encrypted and are not, refused",
    "bad-pair": "Messages with another responder's cookie (SPI) than their initiator has answered to, refused",
    "unknown-pair": "Messages of a responder about an initiator's cookie (SPI) that nobody has used, refused",
    "ambiguous-pair": "SAs initiated by a responder that may be for any of several hosts, refused",
    "states-full": "Messages refused because a session has too many pairs of cookies",
    "refused-esp": "ESP packets of an unknown SPI refused, for any cause",
    "reserved-spi": "ESP packets whose SPI is reserved (RFC 4303 2.1), refused",
}

EVENTS: dict[str, str] = {**_ORDINARY, **_VIOLATIONS}
VIOLATIONS = frozenset(_VIOLATIONS)
"""Those that break the protocol or are refused."""
