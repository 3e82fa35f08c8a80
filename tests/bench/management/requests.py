"""What the bench asks for."""

from __future__ import annotations

APPLICATIONS = "urn:applianced:yang:applications"
ENTRIES = 10_000
COMMIT = "<commit/>"
VALIDATE = "<validate><source><candidate/></source></validate>"
LOCK, UNLOCK = (f"<{verb}><target><candidate/></target></{verb}>" for verb in ("lock", "unlock"))


def application(number: int, port: int | None = None) -> str:
    return (
        f"<application><name>bench-{number}</name><protocol>tcp</protocol>"
        f"<destination-port>{port or 1024 + number % 60000}</destination-port></application>"
    )


def edit(entries: str) -> str:
    config = f'<config><applications xmlns="{APPLICATIONS}">{entries}</applications></config>'
    return f"<edit-config><target><candidate/></target>{config}</edit-config>"


def edit_all(numbers: range = range(ENTRIES)) -> str:
    return edit("".join(map(application, numbers)))


def get(inner: str = "") -> str:
    """Everything of the applications, or what `inner` selects of them."""
    wanted = f'<applications xmlns="{APPLICATIONS}">{inner}</applications>'
    return f'<get-config><source><running/></source><filter type="subtree">{wanted}</filter></get-config>'


def get_one(number: int) -> str:
    return get(f"<application><name>bench-{number}</name></application>")


SMALL = get_one(0)
"""A get-config whose reply is short."""
