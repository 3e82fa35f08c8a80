"""Access control (RFC 8341): who may read, change and call what, decided from rules and schema alone.

Rule: no I/O, no clock, no log; what was denied is counted and logged by northbound.access.
"""
