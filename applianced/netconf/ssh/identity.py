"""By which keys clients recognise the appliance (RFC 4253 section 7): made, offered, shown and replaced.

The private halves stay in the state directory. They are no configuration: whoever may read, copy or restore that must
not become able to pose as the appliance.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import asyncssh

from applianced.northbound.alarms import Alarms, Severity
from applianced.northbound.state import timestamp
from applianced.northbound.threads import in_thread
from applianced.system import host_keys

_LOG = logging.getLogger(__name__)
ALGORITHMS = {"ed25519": "ssh-ed25519", "ecdsa": "ecdsa-sha2-nistp256", "rsa": "ssh-rsa"}
"""What the configuration calls them -> the type of key."""
_RSA_BITS = 3072
_ALARM = "host-key"


class HostKey(NamedTuple):
    """made_s: wall clock time."""

    algorithm: str
    key: asyncssh.SSHKey
    made_s: float

    def shown(self) -> dict[str, Any]:
        """An entry of host-keys in applianced-state."""
        return {
            "algorithm": self.algorithm,
            "fingerprint": self.key.get_fingerprint(),
            "public-key": self.key.export_public_key().decode().strip(),
            "created": timestamp(self.made_s),
        }


class Identity:
    """The host keys on offer."""

    def __init__(self, state_dir: Path, alarms: Alarms) -> None:
        self._state_dir = state_dir
        self._alarms = alarms
        self._turn = asyncio.Lock()
        self.keys: tuple[HostKey, ...] = ()

    async def offer(self, algorithms: Sequence[str]) -> None:
        """Offer these, and make what is not there yet. Raises OSError."""
        async with self._turn:
            self.keys = tuple([await in_thread(self._load, algorithm) for algorithm in algorithms])

    async def regenerate(self, algorithms: Sequence[str]) -> None:
        """Replace keys that are on offer. Raises OSError."""
        async with self._turn:
            kept = {host_key.algorithm: host_key for host_key in self.keys}
            for algorithm in algorithms:
                await in_thread(host_keys.replace, self._state_dir, ALGORITHMS[algorithm], _generate)
                kept[algorithm] = await in_thread(self._load, algorithm)
                _LOG.warning("new %s host key: %s", algorithm, kept[algorithm].key.get_fingerprint())
            self.keys = tuple(kept.values())
            self._alarms.clear(_ALARM)

    def not_made(self, error: OSError) -> None:
        """Keys that the configuration asks for could not be made."""
        self._alarms.raise_alarm(_ALARM, Severity.MAJOR, f"host keys are offered as before: {error}")

    def pairs(self) -> list[asyncssh.SSHKeyPair]:
        """For the SSH library; an RSA key signs with SHA-512 alone (RFC 8332 3)."""
        pairs = [pair for host_key in self.keys for pair in asyncssh.load_keypairs([host_key.key])]
        for pair in pairs:
            if pair.get_algorithm() == "ssh-rsa":
                pair.host_key_algorithms = [b"rsa-sha2-512"]
        return pairs

    def _load(self, algorithm: str) -> HostKey:
        kind = ALGORITHMS[algorithm]
        try:
            key = asyncssh.import_private_key(host_keys.load_or_create(self._state_dir, kind, _generate))
        except (asyncssh.KeyImportError, ValueError) as error:
            # An appliance that nobody can reach would be worse than one that has to be recognised anew.
            kept = host_keys.set_aside(self._state_dir, kind)
            text = f"the {algorithm} host key was damaged ({error}), it is in {kept.name}: clients see a new one"
            self._alarms.raise_alarm(_ALARM, Severity.MAJOR, text)
            key = asyncssh.import_private_key(host_keys.load_or_create(self._state_dir, kind, _generate))
        return HostKey(algorithm, key, host_keys.made_at(self._state_dir, kind))


def _generate(kind: str) -> bytes:
    size = {"key_size": _RSA_BITS} if kind == "ssh-rsa" else {}
    return asyncssh.generate_private_key(kind, comment="applianced", **size).export_private_key()
