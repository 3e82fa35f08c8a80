"""Ruleset to nft text. The same ruleset gives the same text, octet for octet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from applianced.compiler.ruleset import (
    Chain,
    Choice,
    Elements,
    Flowtable,
    Hook,
    Match,
    Rule,
    Ruleset,
    Statement,
    Timeout,
    quoted,
)

_PER_LINE = 8
_TIMEOUT_STATES = {"tcp": ("established",), "udp": ("unreplied", "replied")}


def render(ruleset: Ruleset) -> str:
    """Text for one `nft -f`: a transaction that may be loaded over itself any number of times."""
    return "".join(f"{line}\n" for line in _lines(ruleset))


def rule_text(rule: Rule) -> str:
    """One rule as nft reads it."""
    return " ".join(_statement(statement) for statement in rule)


def _lines(ruleset: Ruleset) -> Iterator[str]:
    table = ruleset.table
    yield f"table inet {table.name} {{}}"
    yield f"delete table inet {table.name}"
    yield f"table inet {table.name} {{"
    for counter in table.counters:
        yield f"\tcounter {counter} {{"
        yield "\t}"
    for timeout in table.timeouts:
        yield from _timeout(timeout)
    for flowtable in table.flowtables:
        yield from _flowtable(flowtable)
    for chain in table.chains:
        yield from _chain(chain)
    yield "}"
    for elements in ruleset.elements:
        yield from _exchange(elements)


def _timeout(timeout: Timeout) -> Iterator[str]:
    policy = ", ".join(f"{state} : {timeout.seconds}" for state in _TIMEOUT_STATES[timeout.protocol])
    yield f"\tct timeout {timeout.name} {{"
    yield f"\t\tprotocol {timeout.protocol}"
    yield "\t\tl3proto inet"
    yield f"\t\tpolicy = {{ {policy} }}"
    yield "\t}"


def _flowtable(flowtable: Flowtable) -> Iterator[str]:
    yield f"\tflowtable {flowtable.name} {{"
    yield "\t\thook ingress priority 0"
    yield f"\t\tdevices = {_braced([quoted(device) for device in flowtable.devices], 3)}"
    yield "\t\tcounter"
    yield "\t}"


def _chain(chain: Chain) -> Iterator[str]:
    yield f"\tchain {chain.name} {{"
    if chain.hook:
        yield f"\t\t{_hook(chain.hook)}"
    for rule in chain.rules:
        yield f"\t\t{rule_text(rule)}"
    yield "\t}"


def _hook(hook: Hook) -> str:
    return f"type {hook.kind} hook {hook.name} priority {hook.priority}; policy {hook.policy};"


def _exchange(elements: Elements) -> Iterator[str]:
    yield f"flush set inet {elements.table} {elements.name}"
    if elements.values:
        yield f"add element inet {elements.table} {elements.name} {_braced(elements.values, 1)}"


def _statement(statement: Statement) -> str:
    match statement:
        case Match(key, values, negated):
            operator = " !=" if negated else ""
            return f"{key}{operator} {values[0] if len(values) == 1 else _braced(values, 3)}"
        case Choice(key, elements):
            return f"{key} vmap {_braced([f'{value} : {verdict}' for value, verdict in elements], 3)}"
        case _:
            return statement.text


def _braced(values: Sequence[str], depth: int) -> str:
    """A set. Long ones go over several lines, indented by `depth`."""
    if len(values) <= _PER_LINE:
        return f"{{ {', '.join(values)} }}"
    rows = (", ".join(values[start : start + _PER_LINE]) for start in range(0, len(values), _PER_LINE))
    indent = "\n" + "\t" * depth
    body = f",{indent}".join(rows)
    return "{" + indent + body + "\n" + "\t" * (depth - 1) + "}"
