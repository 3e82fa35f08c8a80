"""NAT pools: which addresses they hold, and which of them a session gets."""

from __future__ import annotations

from collections.abc import Mapping

from applianced.compiler.addresses import FAMILIES
from applianced.compiler.marks import HASH_SEED
from applianced.config.schema import Address, Nat, Pool, PortRange
from applianced.errors import ConfigError

NAT_PATH = "/applianced-security:security/applianced-nat:nat"


def find(pools: Mapping[str, Pool], name: str, kind: str) -> Pool:
    """The pool of this name. kind: "source" or "destination". Raises ConfigError."""
    if name not in pools:
        raise ConfigError(f"{NAT_PATH}/{kind}", f"there is no {kind} pool '{name}'", app_tag="missing-instance")
    return pools[name]


def addresses(pool: Pool, version: int) -> tuple[Address, ...]:
    """The pool's addresses of one family, in order."""
    return tuple(address for address in pool.addresses if address.version == version)


def choose(found: tuple[Address, ...]) -> str:
    """The expression that gives a session one of these addresses, by its source address: a host keeps its own."""
    version = found[0].version
    if len(found) == 1:
        return str(found[0])
    elements = ", ".join(f"{number} : {address}" for number, address in enumerate(found))
    return f"jhash {FAMILIES[version]} saddr mod {len(found)} seed {HASH_SEED:#x} map {{ {elements} }}"


def with_port(found: tuple[Address, ...], ports: str) -> str:
    """The same with a port, or a range of them."""
    one = len(found) == 1 and found[0].version == 6
    return f"[{found[0]}]:{ports}" if one else f"{choose(found)}:{ports}"


def alg_port_ranges(nat: Nat) -> dict[str, PortRange]:
    """Address as text -> ports kept for the ALGs' bindings, where a source pool sets its own; "" holds the default."""
    ranges = {"": nat.alg_port_range}
    for _, pool in sorted(nat.source_pools.items()):
        if pool.alg_port_range is not None:
            for version in FAMILIES:
                ranges.update((str(address), pool.alg_port_range) for address in addresses(pool, version))
    return ranges


def beside(reserved: PortRange) -> PortRange:
    """The larger of the ranges from 1024 up that lie beside the ALGs' one. Raises ConfigError when none is left."""
    below, above = (1024, reserved[0] - 1), (reserved[1] + 1, 65535)
    low, high = max(below, above, key=lambda each: each[1] - each[0])
    if low > high:
        raise ConfigError(f"{NAT_PATH}/source/alg-port-range", "leaves no port for other sessions; narrow it")
    return low, high
