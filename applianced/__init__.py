"""applianced: application layer gateways, configured like a router and enforced on Linux."""

__version__ = "0.1.0"
