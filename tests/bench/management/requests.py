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


def edit_rules(user: str, key: str, hidden: int = 1) -> str:
    """A user with this key, from whom as many rules hide as many of the applications."""

    def rule(number: int) -> str:
        path = f"<path xmlns:a=\"{APPLICATIONS}\">/a:applications/a:application[a:name='bench-{number}']</path>"
        return f"<rule><name>{number}</name>{path}<action>deny</action></rule>"

    rules = "".join(rule(ENTRIES // 2 + at) for at in range(hidden))
    config = (
        f'<system xmlns="urn:applianced:yang:system"><login><user><name>{user}</name><authentication>'
        f"<ssh-public-key>{key}</ssh-public-key></authentication></user></login></system>"
        '<nacm xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-acm">'
        f"<groups><group><name>{user}</name><user-name>{user}</user-name></group></groups>"
        f"<rule-list><name>{user}</name><group>{user}</group>{rules}</rule-list></nacm>"
    )
    return f"<edit-config><target><candidate/></target><config>{config}</config></edit-config>"


SMALL = get_one(0)
"""A get-config whose reply is short."""
