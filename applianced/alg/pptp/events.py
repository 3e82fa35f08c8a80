"""Everything that the PPTP ALG counts, by name."""

from __future__ import annotations

_ORDINARY: dict[str, str] = {
    "start-request": "Start-Control-Connection-Request messages",
    "start-reply": "Start-Control-Connection-Reply messages",
    "stop-request": "Stop-Control-Connection-Request messages; all calls end",
    "stop-reply": "Stop-Control-Connection-Reply messages",
    "echo-request": "Echo-Request messages",
    "echo-reply": "Echo-Reply messages",
    "outgoing-call-request": "Outgoing-Call-Request messages",
    "outgoing-call-reply": "Outgoing-Call-Reply messages",
    "incoming-call-request": "Incoming-Call-Request messages",
    "incoming-call-reply": "Incoming-Call-Reply messages",
    "incoming-call-connected": "Incoming-Call-Connected messages",
    "call-clear-request": "Call-Clear-Request messages; the call ends",
    "call-disconnect-notify": "Call-Disconnect-Notify messages; the call ends",
    "wan-error-notify": "WAN-Error-Notify messages",
    "set-link-info": "Set-Link-Info messages",
    "call": "Calls that were set up: both ways are open",
    "call-declined": "Calls that the other party did not take",
    "call-id-translated": "Call IDs that the other party was told in place of the speaker's own",
    "call-id-of-peer": "Disconnects that name the receiver's call ID in place of the sender's; understood",
    "unknown-call": "Messages about a call that is not there (any more), passed as they are",
    "start-declined": "Control connections that the other party did not take",
    "cut-message": "Control connections that ended within a message",
}

_VIOLATIONS: dict[str, str] = {
    "bad-cookie": "Control connections ended: no control message, or one with another magic cookie",
    "bad-length": "Control connections ended: a message with another length than its type has",
    "bad-type": "Control connections ended: a message of a type that RFC 2637 does not know",
    "not-started": "Control connections ended: a message about calls before the connection was started",
    "unasked-reply": "Control connections ended: a reply to nothing that was asked",
    "duplicate-call": "Control connections ended: a call ID that its speaker uses for another call",
    "too-many-calls": "Control connections ended: more calls than one may have",
    "refused-gate": "Calls refused because no gate could be opened",
}

EVENTS: dict[str, str] = {**_ORDINARY, **_VIOLATIONS}
VIOLATIONS = frozenset(_VIOLATIONS)
"""Those that break the protocol or are refused."""
