"""NETCONF over SSH (RFC 6242).

Rule: no other package imports the SSH library.
"""

from applianced.netconf.ssh.listener import listen as listen
