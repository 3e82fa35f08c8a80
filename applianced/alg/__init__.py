"""Application layer gateways, one file per protocol: octets in, actions out (see contract.py)."""
