"""Sets of names that contain other sets.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from applianced.errors import ConfigError

LARGEST = 1_000_000
"""Members of all flattened sets together; nested sets multiply, and memory is bounded."""


class Members(NamedTuple):
    """What a set names itself. path: of the set."""

    names: tuple[str, ...]
    sets: tuple[str, ...]
    path: str
    nested: str
    """Name of the list that holds `sets`, for the path of a fault."""

    def path_of(self, name: str) -> str:
        """Instance path of the member set."""
        return f"{self.path}/{self.nested}[name='{name}']"


def flatten(
    sets: Mapping[str, Members], known: Mapping[str, tuple[str, ...]], faults: list[ConfigError]
) -> dict[str, tuple[str, ...]]:
    """Every set with the members of its sets, each once, in the order of the configuration.

    known: sets that are flat already. faults: takes each set that contains itself and each that is not there, which
    then have no members there. Raises ConfigError for more than LARGEST members.
    """
    flat: dict[str, tuple[str, ...]] = {}
    budget = LARGEST
    for root in sets:
        for name in _inner_first(root, sets, flat, known, faults):
            own = sets[name]
            members = dict.fromkeys(own.names)
            for inner in own.sets:
                members.update(dict.fromkeys(flat[inner] if inner in flat else known.get(inner, ())))
            budget -= len(members)
            if budget < 0:
                raise ConfigError(own.path, f"the sets have more than {LARGEST} members; nest them less")
            flat[name] = tuple(members)
    return flat


def _inner_first(
    root: str,
    sets: Mapping[str, Members],
    flat: Mapping[str, tuple[str, ...]],
    known: Mapping[str, tuple[str, ...]],
    faults: list[ConfigError],
) -> Iterator[str]:
    """Names of the sets below `root` that are not flat yet, and `root`, members before what contains them."""
    if root in flat:
        return
    stack: list[tuple[str, Iterator[str]]] = [(root, iter(sets[root].sets))]
    open_sets = {root}
    while stack:
        name, rest = stack[-1]
        inner = next(rest, None)
        if inner is None:
            stack.pop()
            open_sets.remove(name)
            yield name
        elif inner in open_sets:
            faults.append(ConfigError(sets[name].path_of(inner), f"'{inner}' contains itself; remove it from '{name}'"))
        elif inner in sets and inner not in flat:
            stack.append((inner, iter(sets[inner].sets)))
            open_sets.add(inner)
        elif inner not in flat and inner not in known:
            message = f"there is no set '{inner}'; define it or remove it from '{name}'"
            where = sets[name].path_of(inner)
            faults.append(ConfigError(where, message, tag="data-missing", app_tag="instance-required"))
