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

__all__ = ["Memo", "decode"]


def decode(data: Mapping[str, Any], memo: Memo[Application] | None = None) -> Config:
    """The configuration as values.

    data: running as RFC 7951 JSON, with or without the schema's defaults. Address names become networks, sets are
    flattened, names of ports and protocols become numbers, and the predefined applications are joined in.
    memo: of the applications that were decoded before; it changes nothing but the time that this takes.
    Raises ConfigError with the instance path of what cannot be read or refers to nothing.
    """
    security = Node(data).child("applianced-security:security")
    books = decode_books(security)
    resolver = Resolver(books)
    return Config(
        applications=decode_applications(data, memo),
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
