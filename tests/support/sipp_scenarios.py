"""Scenarios for sipp, made of the few messages that they share.

A scenario is a list of steps; `document` makes it what sipp reads. `[name]` is sipp's own: what it puts there itself.
"""

from __future__ import annotations

from collections.abc import Iterable

Step = str

SDP = """v=0
o=user1 53655765 2353687637 IN IP[media_ip_type] [media_ip]
s=-
c=IN IP[media_ip_type] {connection}
t=0 0
m=audio [audio] RTP/AVP 0 8
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=ptime:20
a={direction}
"""
_OFFERS = "[media_ip]"


def sdp(direction: str = "sendrecv", *, connection: str = _OFFERS, more: Iterable[str] = ()) -> str:
    """A description. connection: the address of its c= line. more: further lines."""
    return SDP.format(direction=direction, connection=connection) + "".join(f"{line}\n" for line in more)


def document(*steps: Step) -> str:
    """What sipp reads."""
    return (
        '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="test">\n' + "\n".join(steps) + "\n</scenario>\n"
    )


def request(
    method: str,
    number: int,
    *,
    body: str = "",
    kind: str = "application/sdp",
    in_dialog: bool = False,
    to: str = "sip:[service]@[remote_ip]:[remote_port]",
    headers: Iterable[str] = (),
) -> Step:
    """A request of the one who calls. In a dialog it goes where the answer to the INVITE said."""
    target = "[next_url]" if in_dialog else to
    tag = "[peer_tag_param]" if in_dialog else ""
    lines = [
        f"{method} {target} SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport",
        "From: sipp <sip:sipp@[local_ip]:[local_port]>;tag=[pid]SIPpTag00[call_number]",
        f"To: <sip:[service]@[remote_ip]:[remote_port]>{tag}",
        "Call-ID: [call_id]",
        f"CSeq: {number} {method}",
        *(["[routes]"] if in_dialog else []),
        "Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>",
        "Max-Forwards: 70",
        *headers,
        *([f"Content-Type: {kind}"] if body else []),
        "Content-Length: [len]",
    ]
    return _send(lines, body, repeated=method != "ACK")


def response(status: str, *, body: str = "", tag: bool = True, headers: Iterable[str] = ()) -> Step:
    """A response to the last request, of the one who is called."""
    lines = [
        f"SIP/2.0 {status}",
        "[last_Via:]",
        "[last_From:]",
        f"[last_To:]{';tag=[pid]SIPpTag01[call_number]' if tag else ''}",
        "[last_Call-ID:]",
        "[last_CSeq:]",
        "[last_Record-Route:]",
        "Contact: <sip:[local_ip]:[local_port];transport=[transport]>",
        *headers,
        *(["Content-Type: application/sdp"] if body else []),
        "Content-Length: [len]",
    ]
    return _send(lines, body, repeated=False)


def called(method: str, number: int, *, body: str = "", headers: Iterable[str] = ()) -> Step:
    """A request within the dialog, of the one who was called. It needs `remember` on the INVITE."""
    lines = [
        f"{method} [$contact] SIP/2.0",
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport",
        "From:[$to];tag=[pid]SIPpTag01[call_number]",
        "To:[$from]",
        "Call-ID: [call_id]",
        f"CSeq: {number} {method}",
        "Contact: <sip:[local_ip]:[local_port];transport=[transport]>",
        "Max-Forwards: 70",
        *headers,
        "Content-Length: [len]",
    ]
    return _send(lines, body, repeated=True)


def receive(what: str | int, *, optional: bool = False, actions: str = "") -> Step:
    """A request by its method, or a response by its status."""
    kind = f'response="{what}" rrs="true"' if isinstance(what, int) else f'request="{what}"'
    option = ' optional="true"' if optional else ""
    return f"<recv {kind}{option}>{actions}</recv>" if actions else f"<recv {kind}{option}/>"


def remember() -> str:
    """Of the INVITE: who asks, whom, and where later requests go."""
    wanted = {"From:": ("(.*)", "whole,from"), "To:": ("([^;]*)", "whole,to"), "Contact:": ("sip:[^&gt;]*", "contact")}
    found = "".join(
        f'<ereg regexp="{pattern}" search_in="hdr" header="{header}" assign_to="{names}" check_it="true"/>'
        for header, (pattern, names) in wanted.items()
    )
    return f"<action>{found}</action>"


def wait(milliseconds: int | None = None) -> Step:
    """Without a number: as long as `-d` says."""
    return "<pause/>" if milliseconds is None else f'<pause milliseconds="{milliseconds}"/>'


def _send(lines: list[str], body: str, *, repeated: bool) -> Step:
    text = "\n".join(lines) + "\n\n" + body
    again = ' retrans="500"' if repeated else ""
    return f"<send{again}><![CDATA[\n{text}\n]]></send>"


_ANSWERED = (receive(100, optional=True), receive(180, optional=True), receive(183, optional=True), receive(200))

CALLS = document(
    request("INVITE", 1, body=sdp()), *_ANSWERED, request("ACK", 1, in_dialog=True), wait(),
    request("BYE", 2, in_dialog=True), receive(200),
)  # fmt: skip
ANSWERS = document(
    receive("INVITE"), response("180 Ringing"), response("200 OK", body=sdp()), receive("ACK"), receive("BYE"),
    response("200 OK", tag=False),
)  # fmt: skip

_HOLDS = {
    "sendonly": sdp("sendonly"),
    "inactive": sdp("inactive"),
    "zero": sdp("sendonly", connection="[nowhere]"),
}
HOLDS = {
    name: document(
        request("INVITE", 1, body=sdp()), *_ANSWERED, request("ACK", 1, in_dialog=True), wait(300),
        request("INVITE", 2, body=held, in_dialog=True), *_ANSWERED, request("ACK", 2, in_dialog=True), wait(300),
        request("INVITE", 3, body=sdp(), in_dialog=True), *_ANSWERED, request("ACK", 3, in_dialog=True), wait(),
        request("BYE", 4, in_dialog=True), receive(200),
    )
    for name, held in _HOLDS.items()
}  # fmt: skip
IS_HELD = document(
    receive("INVITE"), response("180 Ringing"), response("200 OK", body=sdp()), receive("ACK"),
    receive("INVITE"), response("200 OK", body=sdp("recvonly"), tag=False), receive("ACK"),
    receive("INVITE"), response("200 OK", body=sdp(), tag=False), receive("ACK"),
    receive("BYE"), response("200 OK", tag=False),
)  # fmt: skip

REGISTERS = document(
    request("REGISTER", 1, to="sip:[remote_ip]:[remote_port]", headers=("Expires: 600",)), receive(200),
    wait(),
    request("REGISTER", 2, to="sip:[remote_ip]:[remote_port]", headers=("Expires: 0",)), receive(200),
)  # fmt: skip

IS_TRANSFERRED = document(
    request("INVITE", 1, body=sdp()), *_ANSWERED, request("ACK", 1, in_dialog=True),
    receive("REFER"), response("202 Accepted", tag=False),
    request("NOTIFY", 2, in_dialog=True, kind="message/sipfrag", body="SIP/2.0 200 OK\n",
            headers=("Event: refer", "Subscription-State: terminated;reason=noresource")),
    receive(200), wait(), request("BYE", 3, in_dialog=True), receive(200),
)  # fmt: skip
TRANSFERS = document(
    receive("INVITE", actions=remember()), '<Reference variables="whole"/>',
    response("180 Ringing"), response("200 OK", body=sdp()), receive("ACK"),
    wait(200), called("REFER", 1, headers=("Refer-To: <sip:carol@[local_ip]:5070>", "Referred-By: <sip:[local_ip]>")),
    receive(202), receive("NOTIFY"), response("200 OK", tag=False),
    receive("BYE"), response("200 OK", tag=False),
)  # fmt: skip

LARGE = document(
    request("INVITE", 1, body=sdp(more=(f"a=fmtp:0 {'x' * 60}{number:03}" for number in range(30)))), *_ANSWERED,
    request("ACK", 1, in_dialog=True), wait(), request("BYE", 2, in_dialog=True), receive(200),
)  # fmt: skip
