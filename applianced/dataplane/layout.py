"""Whether the gates table of an earlier process is the one that this release makes, and the text that makes it so.

A chain without rules carries the check sum of all that the table is made of in its name. Where another one is found,
chains and rules are exchanged in one transaction; maps and sets stay, with the gates in them. Until the rules that nft
cannot write are back too, a chain of its own drops what the queue's reader would have to see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from zlib import crc32

from applianced.compiler.marks import CONTROL, GATES_TABLE

PREFIX = "layout_"
GUARD = "being_exchanged"


def marker(text: str, messages: Sequence[bytes]) -> str:
    """The chain that says how a table was made: of this text, and of these messages."""
    return f"{PREFIX}{crc32(b''.join(messages), crc32(text.encode())):08x}"


def fresh(text: str, name: str) -> str:
    """nft text that makes the table where there is none. name: of the marker."""
    return f"{text}add chain inet {GATES_TABLE} {name}\n"


def exchanged(text: str, name: str, chains: Iterable[str]) -> str:
    """nft text that makes a table with these chains the same. It fails where a map, a set or the hook of a chain has
    become another."""
    kept = {*re.findall(r"^ *chain (\w+) {", text, re.MULTILINE), name}
    gone = "".join(f"delete chain inet {GATES_TABLE} {chain}\n" for chain in chains if chain not in kept)
    guard = (
        f"table inet {GATES_TABLE} {{ chain {GUARD} {{\n"
        "  type filter hook forward priority 49; policy accept;\n"
        f"  ct mark & {CONTROL:#x} == {CONTROL:#x} drop\n }}\n}}\n"
    )
    return f"flush table inet {GATES_TABLE}\n{gone}{fresh(text, name)}{guard}"


def unguarded() -> str:
    """nft text that takes the guard away."""
    return f"flush chain inet {GATES_TABLE} {GUARD}\ndelete chain inet {GATES_TABLE} {GUARD}\n"
