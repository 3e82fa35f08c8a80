"""The SIP ALG (RFC 3261): calls and registrations through NAT, and gates for the media that they announce.

Where to look
    what a message says    `framing` finds where it ends; `messages`, `uris`, `headers`, `bodies` read it; `edits`
                           writes it anew; session descriptions are `applianced.alg.sdp`
    what becomes of it     `dialogue` judges one; `screens` refuses; `translation` changes its header; `calling` and
                           `registering` follow what it does; `media` turns a description into lines and ways
    what is remembered     `parties` and `context` of one session; `calls`, `transactions`, `registrations` in `books`,
                           which all sessions of a worker share; `wheel` ends what nobody ends

What it promises
    * A gate for media stands between two announced endpoints, once one party has offered and the other has answered
      (with `early-media`: from the offer on), and closes with the call, with the medium's replacement, or when nothing
      flows. A refused re-INVITE changes nothing.
    * An inside party exposes its own address alone, unless it is configured as a `media-proxy`.
    * What was said again is changed in the same way again, and takes no second port or gate.
    * What cannot be read is refused, unless `application-screen unknown-message` says otherwise.
"""

from __future__ import annotations

from applianced.alg.contract import Descriptor
from applianced.alg.sip.books import Books
from applianced.alg.sip.events import EVENTS, VIOLATIONS
from applianced.alg.sip.openings import begins
from applianced.alg.sip.settings import LIMITS, SipSettings
from applianced.alg.sip.transports import Datagrams, Stream
from applianced.model.tuples import TCP, UDP

__all__ = ["DESCRIPTOR", "Books", "Datagrams", "SipSettings", "Stream"]

DESCRIPTOR = Descriptor(
    name="sip",
    ports=((UDP, 5060), (TCP, 5060), (TCP, 5061)),
    streams=Stream,
    datagrams=Datagrams,
    settings=SipSettings,
    events=EVENTS,
    violations=VIOLATIONS,
    limits=LIMITS,
    shared=Books,
    timed=True,
    after_nat=True,
    begins=begins,
)
