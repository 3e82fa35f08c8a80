"""Codecs for what the queue hands over: parse, edit, checksum. Pure; octets in, octets out."""
