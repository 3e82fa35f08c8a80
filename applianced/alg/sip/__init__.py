"""The SIP ALG (RFC 3261).

Where to look: `framing` finds where a message ends; `messages` reads one, `uris` and `headers` what stands in its
header, `bodies` what it carries; `edits` writes it anew. What it says about media is for `applianced.alg.sdp`.
"""
