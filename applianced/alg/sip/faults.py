"""What can be wrong with the form of a SIP message or of the SDP in it: the events of ProtocolError, by name."""

from __future__ import annotations

FAULTS: dict[str, str] = {
    "not-sip": "What is neither SIP, a keep-alive, STUN nor TLS",
    "oversize": "Messages over the size limit, refused",
    "no-length": "Messages on a stream without Content-Length",
    "bad-length": "Messages whose Content-Length is no number, differs from another one, or is more than there is",
    "bad-start-line": "Messages whose first line is neither a request's nor a status line",
    "bad-header": "Messages with a line that is no header",
    "many-headers": "Messages with more headers, more entries of one header, or more Vias to be kept, than are read",
    "long-name": "Messages whose Call-ID, branch or tag is longer than 512 octets",
    "missing-header": "Messages without Via, From, To, Call-ID or CSeq",
    "repeated-header": "Messages with a header twice that can stand only once",
    "bad-cseq": "Messages whose CSeq is no number and method, or names another method",
    "bad-via": "Messages whose Via cannot be read",
    "bad-address": "Messages with an address or URI that cannot be read where it matters",
    "bad-multipart": "Multipart bodies that do not hold together, or with too many parts",
    "encoded-body": "Session descriptions that are encoded (Content-Encoding) and cannot be read",
    "bad-sdp": "Session descriptions that cannot be read",
}
