"""Session descriptions (SDP, RFC 8866), read and rewritten for every ALG whose protocol carries them.

Where to look: `description` is what one says; `reading` makes it of octets; `rewriting` puts other endpoints in.
"""
