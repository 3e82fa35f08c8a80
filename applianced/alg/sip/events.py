"""Everything that the SIP ALG counts, by name. A message that is refused costs two: its cause and the refusal."""

from __future__ import annotations

from applianced.alg.sip.faults import FAULTS
from applianced.alg.sip.settings import METHODS, OTHER

_REQUESTS: dict[str, str] = {
    **{f"request-{method}": f"{method.upper()} requests" for method in METHODS},
    f"request-{OTHER}": "Requests of another method, which pass like OPTIONS",
}
_RESPONSES: dict[str, str] = {
    **{f"response-{kind}xx": f"Responses {kind}00 to {kind}99" for kind in range(1, 7)},
    "response-invite-ok": "Responses 2xx to INVITE",
}
_ORDINARY: dict[str, str] = {
    **_REQUESTS,
    **_RESPONSES,
    "again-request": "Requests said again",
    "tls": "Sessions over TLS (or DTLS), which pass untouched",
    "call": "Calls that began",
    "call-answered": "Calls that were answered",
    "call-forked": "Answers of another dialog of a call that forked",
    "call-ended": "Calls that ended with BYE, or were refused or given up",
    "call-expired": "Calls that ended because their time was over: nobody answered in time, or maximum-call-duration",
    "call-dropped": "Calls that ended with the last session that spoke of them",
    "call-silent": "Calls that ended because their media had fallen silent (inactive-media-timeout)",
    "hold": "Answers that put all media of a call on hold",
    "media-moved": "Answers after which media of a call go another way than before",
    "media-several-ports": "Media with several ports that are not all admitted: with NAT the first pair is, else eight",
    "media-unknown-address": "Media at a host name: no gate",
    "media-self-traversal": "Media of a party that says its outside address itself: no gate, NAT admits what it began",
    "media-learned": "Media whose source is learned (hosted-nat-traversal)",
    "hairpin": "Media between two inside parties, which do not leave",
    "registered": "Contacts registered, and refreshed",
    "unregistered": "Contacts taken back or expired",
    "via-hidden": "Requests whose further Vias were kept from the listener",
    "compacted": "Messages that grew over IPv6 and were written in compact form",
    "unmatched-response": "Responses to no request that is remembered; those without media pass",
    "unknown-passed": "Messages that cannot be read, passed (application-screen unknown-message)",
    "truncated": "Streams that ended inside a message",
    "left-behind": "Octets behind the end of a message in a datagram, left out of what was changed",
    "transaction-expired": "Transactions that ended without a final response",
}
_VIOLATIONS: dict[str, str] = {
    **FAULTS,
    "refused-message": "Messages refused, for any cause",
    "refused-binding": "Messages refused because no outside port was left",
    "many-endpoints": "Messages refused because their session has too many endpoints for signalling already",
    "refused-gate": "Media and contacts for which no gate could be opened",
    "refused-address": "Media at an address that is not the speaker's own, and no media-proxy: no gate",
    "refused-response": "Responses with media to no request that is remembered",
    "refused-answer": "ACK, PRACK and INFO requests with media in no call that is known",
    "unmatched-dialog": "Messages with the Call-ID of a call, and no tag or transaction of it: they change nothing",
    "refused-port": "Media and contacts at a port below 1024: no gate",
    "rate-method": "Requests refused by application-screen message-rate",
    "rate-source": "Requests refused by application-screen source-rate",
    "denied-invite": "INVITE requests refused by application-screen protect deny",
    "calls-refused": "INVITE requests refused because there are too many calls",
    "transactions-refused": "Requests refused because there are too many transactions",
    "registrations-refused": "Registrations without a gate because there are too many of a session, or in all",
    "registrations-refused-source": "Registrations without a gate because there are too many at one inside address",
    "many-branches": "Answers of more dialogs of a call than are remembered: no gate",
}

EVENTS: dict[str, str] = {**_ORDINARY, **_VIOLATIONS}
VIOLATIONS = frozenset(_VIOLATIONS)
"""Those that break the protocol or are refused."""
