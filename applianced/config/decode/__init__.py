"""The data tree to frozen values; the last place that sees a dict of configuration.

Rule: nothing here performs I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from applianced.config.decode.addresses import Resolver, decode_books
from applianced.config.decode.alg_policies import decode_alg_policies
from applianced.config.decode.applications import decode_applications
from applianced.config.decode.memo import Memo
from applianced.config.decode.nacm import decode_nacm
from applianced.config.decode.nat import decode_nat
from applianced.config.decode.node import Node
from applianced.config.decode.policies import decode_global_policies, decode_policies, decode_zones, default_policy
from applianced.config.decode.security import decode_algs, decode_flow, decode_log, decode_trace
from applianced.config.decode.system import decode_links, decode_system
from applianced.config.schema import Application, Config
from applianced.errors import ConfigError

__all__ = ["Memo", "decode"]


def decode(
    data: Mapping[str, Any], memo: Memo[Application] | None = None, faults: list[ConfigError] | None = None
) -> Config:
    """The configuration as values.

    data: running as RFC 7951 JSON, with or without the schema's defaults. Address names become networks, sets are
    flattened, names of ports and protocols become numbers, and the predefined applications are joined in.
    memo: of the applications that were decoded before; it changes nothing but the time that this takes.
    faults: takes what refers to nothing, each with its instance path; the result is then good for looking for more
    faults alone. Without it the first of them is raised. Raises ConfigError with the instance path of what cannot be
    read.
    """
    found: list[ConfigError] = [] if faults is None else faults
    config = _decoded(data, memo, found)
    if faults is None and found:
        raise found[0]
    return config


def _decoded(data: Mapping[str, Any], memo: Memo[Application] | None, faults: list[ConfigError]) -> Config:
    security = Node(data).child("applianced-security:security")
    books = decode_books(security, faults)
    resolver = Resolver(books, faults)
    return Config(
        applications=decode_applications(data, memo, faults),
        zones=decode_zones(security),
        address_books=books,
        policies=decode_policies(security, resolver),
        global_policies=decode_global_policies(security, resolver),
        default_policy=default_policy(security),
        policy_rematch=security.child("policies").has("policy-rematch"),
        nat=decode_nat(security, resolver),
        flow=decode_flow(security),
        log=decode_log(security),
        algs=decode_algs(security),
        alg_policies=decode_alg_policies(security),
        trace=decode_trace(security),
        interfaces=decode_links(data),
        system=decode_system(data),
        nacm=decode_nacm(data),
    )
