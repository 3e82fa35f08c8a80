"""What an operator can choose about the SIP ALG, and the bounds that nobody can."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from applianced.alg.contract import Limits

LIMITS = Limits(gates=65536, silence_s=60.0)

ENDPOINT_LIMIT = 20
"""Endpoints of its parties that a session keeps bound for signalling beside its own two, and those that it has gates
for: they must fit into what outlives a worker."""
BRANCH_LIMIT = 16
"""Dialogs of one call: answers to a forked INVITE."""
OFFER_LIMIT = 8
"""Offers of one call that are not answered yet, in all its dialogs."""
HOME_LIMIT = 16
"""Sessions that are known to speak of one call."""
BOUND_LIMIT = 64
"""Endpoints of one call's media that are bound."""
WAY_LIMIT = 64
"""Ways of media of one call."""
DENY_LIMIT = 4096
SOURCE_LIMIT = 4096
"""Entries of the deny table, and of the tables that count messages by source."""
FOREVER_S = 1e11
"""Nothing ends a call but its parties."""
CALL_KEEP_S = 3600.0
"""A session is kept for so long at a time while a call of it is under way."""

METHODS = (
    "invite", "ack", "bye", "cancel", "register", "options", "prack", "update", "refer", "subscribe", "notify",
    "publish", "message", "info",
)  # fmt: skip
OTHER = "other"
"""Stands for every method that is not among METHODS."""

ALL = "all"
"""Stands for every request of a source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SipSettings:
    """Leaves of `security alg sip`; yang/applianced-alg-sip.yang says what each does.

    timeouts in the unit that their leaf has. limits and rates: 0 means none.
    """

    inactive_media_timeout: int = 120
    maximum_call_duration: int = 720
    t1_interval: int = 500
    t4_interval: int = 5
    c_timeout: int = 3
    disable_call_id_hiding: bool = False
    retain_hold_resource: bool = False
    hide_via_headers_disable: bool = False
    application_screen_unknown_message_permit_nat_applied: bool = False
    application_screen_unknown_message_permit_routed: bool = False
    application_screen_protect_deny_destination_ip: tuple[str, ...] = ()
    application_screen_protect_deny_all: bool = False
    application_screen_protect_deny_timeout: int = 5
    application_screen_message_rate_invite: int = 0
    application_screen_message_rate_ack: int = 0
    application_screen_message_rate_bye: int = 0
    application_screen_message_rate_cancel: int = 0
    application_screen_message_rate_register: int = 0
    application_screen_message_rate_options: int = 0
    application_screen_message_rate_prack: int = 0
    application_screen_message_rate_update: int = 0
    application_screen_message_rate_refer: int = 0
    application_screen_message_rate_subscribe: int = 0
    application_screen_message_rate_notify: int = 0
    application_screen_message_rate_publish: int = 0
    application_screen_message_rate_message: int = 0
    application_screen_message_rate_info: int = 0
    application_screen_message_rate_other: int = 0
    application_screen_source_rate_invite: int = 0
    application_screen_source_rate_ack: int = 0
    application_screen_source_rate_bye: int = 0
    application_screen_source_rate_cancel: int = 0
    application_screen_source_rate_register: int = 0
    application_screen_source_rate_options: int = 0
    application_screen_source_rate_prack: int = 0
    application_screen_source_rate_update: int = 0
    application_screen_source_rate_refer: int = 0
    application_screen_source_rate_subscribe: int = 0
    application_screen_source_rate_notify: int = 0
    application_screen_source_rate_publish: int = 0
    application_screen_source_rate_message: int = 0
    application_screen_source_rate_info: int = 0
    application_screen_source_rate_other: int = 0
    application_screen_source_rate_all: int = 0
    dscp_rewrite_code_point: str = ""
    early_media: bool = False
    hosted_nat_traversal: bool = False
    ice_candidates: str = "remove"
    media_proxy: tuple[str, ...] = ()
    outside_zone: tuple[str, ...] = ()
    control_gate: tuple[str, ...] = ("contact", "register")
    incoming_calls_from: str = "registrar"
    limits_calls_per_session: int = 8192
    limits_calls_total: int = 32768
    limits_transactions_per_session: int = 32768
    limits_transactions_total: int = 65536
    limits_registrations_per_session: int = 4096
    limits_registrations_per_source: int = 4096
    limits_registrations_total: int = 65536
    derived: Derived = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "derived", Derived(self))


class Prefixes:
    """A set of prefixes, asked about packed addresses."""

    __slots__ = ("_known", "_prefixes")

    def __init__(self, prefixes: Iterable[str]) -> None:
        self._prefixes: list[IPv4Network | IPv6Network] = [ip_network(prefix, strict=False) for prefix in prefixes]
        self._known: dict[bytes, bool] = {}

    def __contains__(self, address: bytes) -> bool:
        if not self._prefixes:
            return False
        known = self._known.get(address)
        if known is None:
            asked = ip_address(address)
            known = any(asked in prefix for prefix in self._prefixes)
            if len(self._known) >= SOURCE_LIMIT:
                self._known.clear()
            self._known[address] = known
        return known


class Derived:
    """What follows from the leaves: seconds, prefixes, a number for the code point.

    rates, source_rates: method as in METHODS, OTHER or ALL -> requests per second, in all and from one source.
    screened: whether there is any.
    """

    __slots__ = (
        "call_s", "dscp", "early_s", "gates", "media_proxies", "patience_s", "protected", "rates", "screened",
        "source_rates", "t4_s",
    )  # fmt: skip

    def __init__(self, settings: SipSettings) -> None:
        self.patience_s = 64 * settings.t1_interval / 1000
        self.t4_s = float(settings.t4_interval)
        self.early_s = settings.c_timeout * 60.0
        self.call_s = settings.maximum_call_duration * 60.0
        self.dscp = int(settings.dscp_rewrite_code_point, 2) if settings.dscp_rewrite_code_point else -1
        self.media_proxies = Prefixes(settings.media_proxy)
        everybody = ("0.0.0.0/0", "::/0") if settings.application_screen_protect_deny_all else ()
        self.protected = Prefixes((*everybody, *settings.application_screen_protect_deny_destination_ip))
        self.gates = frozenset(settings.control_gate)
        self.rates = _rates(settings, "message")
        self.source_rates = _rates(settings, "source")
        self.screened = bool(self.rates or self.source_rates)


def _rates(settings: SipSettings, kind: str) -> dict[str, int]:
    names = {method: f"application_screen_{kind}_rate_{method}" for method in (*METHODS, OTHER, ALL)}
    rates = {method: int(getattr(settings, name, 0)) for method, name in names.items()}
    return {method: rate for method, rate in rates.items() if rate}
