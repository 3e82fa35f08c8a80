"""A NETCONF session to an appliance, by ncclient: edit, validate, commit, read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lxml import etree
from ncclient import manager  # type: ignore[import-untyped]

NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"
SECURITY = "urn:applianced:yang:security"
ALG = "urn:applianced:yang:alg"
ALG_FTP = "urn:applianced:yang:alg-ftp"
STATE = "urn:applianced:yang:state"
SYSTEM = "urn:applianced:yang:system"
PREFIXES = {"nc": NETCONF, "sec": SECURITY, "alg": ALG, "state": STATE, "sys": SYSTEM}


class NetconfClient:
    """One session. Errors of the appliance are ncclient's RPCError."""

    def __init__(self, session: Any) -> None:
        self.session = session

    def edit(self, configuration: str, *, default_operation: str = "merge") -> None:
        """Merge configuration into the candidate (RFC 6241 section 7.2): a `config` element, or what stands in one."""
        whole = configuration.lstrip().startswith("<config ")
        config = configuration if whole else f'<config xmlns="{NETCONF}">{configuration}</config>'
        self.session.edit_config(target="candidate", config=config, default_operation=default_operation)

    def commit(self) -> None:
        """Validate the candidate and commit it; on failure the candidate is what running is."""
        try:
            self.session.validate("candidate")
            self.session.commit()
        except Exception:
            self.session.discard_changes()
            raise

    def push(self, configuration: str) -> None:
        """`edit` and `commit`."""
        self.edit(configuration)
        self.commit()

    def get(self, subtree: str) -> etree._Element:
        """Configuration and state by a subtree filter; returns the `data` element."""
        return data_element(self.session.get(filter=("subtree", subtree)))

    def get_config(self, subtree: str, source: str = "running") -> etree._Element:
        """Configuration by a subtree filter; returns the `data` element."""
        return data_element(self.session.get_config(source, filter=("subtree", subtree)))


def data_element(reply: Any) -> etree._Element:
    found = etree.fromstring(reply.xml.encode()).find("nc:data", PREFIXES)
    assert found is not None, reply.xml
    return found


@contextmanager
def connect(host: str, port: int, key: Path, user: str = "admin") -> Iterator[NetconfClient]:
    """Log in with a private key and close the session at the end."""
    with manager.connect(
        host=host,
        port=port,
        username=user,
        key_filename=str(key),
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
        timeout=60,
    ) as session:
        yield NetconfClient(session)
