"""Limits: the defaults in Python are those of the schema, and every leaf arrives."""

from __future__ import annotations

from typing import Any

import pytest

from applianced.config.access import CallHomeClient, Endpoint, NetconfLimits, Periodic, RetryOptions, SshLimits
from applianced.config.decode import decode
from applianced.errors import ConfigError
from tests.yang.models import refusal, validated

SYSTEM = "applianced-system:system"


def _decoded(netconf: dict[str, Any]) -> NetconfLimits:
    return decode({SYSTEM: {"services": {"netconf": netconf}}}).system.netconf


def test_the_defaults_of_the_schema_are_those_of_python() -> None:
    data = validated({SYSTEM: {"services": {"netconf": {"ssh": {"tcp-keepalives": {}}}}}})
    assert decode(data).system.netconf == NetconfLimits()
    assert _decoded({}) == NetconfLimits()
    assert decode(validated({SYSTEM: {"login": {"retry-options": {}}}})).system.retry == RetryOptions()


def test_every_leaf_arrives() -> None:
    ssh = {
        "connection-limit": 1, "rate-limit": 2, "pending-login-limit": 3, "login-grace-time": 4,
        "max-sessions-per-connection": 5, "client-alive-interval": 6, "client-alive-count-max": 7,
        "hostkey-algorithm-list": ["rsa"],
        "tcp-keepalives": {"idle-time": 8, "max-probes": 9, "probe-interval": 10},
    }  # fmt: skip
    netconf = {
        "session-limit": 11, "session-limit-per-user": 12, "message-size": 65536, "message-memory": 65537,
        "reply-memory": 1048577,
        "idle-timeout": 13, "hello-timeout": 14, "message-timeout": 15, "reply-timeout": 16,
        "private-candidate-limit": 17,
    }  # fmt: skip
    validated({SYSTEM: {"services": {"netconf": netconf | {"ssh": ssh}}}})
    assert _decoded(netconf | {"ssh": ssh}) == NetconfLimits(
        session_limit=11, session_limit_per_user=12, message_size=65536, message_memory=65537,
        reply_memory=1048577,
        idle_timeout_s=13, hello_timeout_s=14, message_timeout_s=15, reply_timeout_s=16, private_candidate_limit=17,
        ssh=SshLimits(
            connection_limit=1, rate_limit=2, pending_login_limit=3, login_grace_time_s=4,
            max_sessions_per_connection=5, client_alive_interval_s=6, client_alive_count_max=7,
            tcp_idle_time_s=8, tcp_max_probes=9, tcp_probe_interval_s=10,
            hostkey_algorithms=("rsa",),
        ),
    )  # fmt: skip


def test_memory_for_one_message_is_the_least() -> None:
    netconf = {"message-size": 100_001, "message-memory": 100_000}
    assert "at least one message-size" in refusal({SYSTEM: {"services": {"netconf": netconf}}}).message


def test_retry_options_arrive_and_a_period_is_in_minutes() -> None:
    leaves = {"tries-before-disconnect": 4, "backoff-threshold": 5, "backoff-factor": 6, "lockout-period": 7}
    data = {SYSTEM: {"login": {"retry-options": leaves}}}
    validated(data)
    assert decode(data).system.retry == RetryOptions(
        tries_before_disconnect=4, backoff_threshold=5, backoff_factor_s=6, lockout_period_s=420
    )


def test_clients_that_are_called_home_to() -> None:
    bare = {"name": "a", "endpoint": [{"name": "e", "address": "192.0.2.1"}, {"name": "f", "address": "x.example"}]}
    strategy = {"start-with": "last-connected", "max-attempts": 7, "interval": 9}
    full = {"name": "b", "endpoint": [{"name": "e", "address": "2001:db8::1", "port": 22}]}
    data = validated(
        {
            SYSTEM: {
                "services": {"netconf": {"call-home": {"netconf-client": [
                    bare | {"reconnect-strategy": {}}, full | {"reconnect-strategy": strategy}
                ]}}}
            }
        }
    )  # fmt: skip
    homes = (Endpoint(name="e", address="192.0.2.1"), Endpoint(name="f", address="x.example"))
    assert decode(data).system.call_home == (
        CallHomeClient(name="a", endpoints=homes),
        CallHomeClient(
            name="b", endpoints=(Endpoint(name="e", address="2001:db8::1", port=22),), start_with="last-connected",
            max_attempts=7, interval_s=9,
        ),
    )  # fmt: skip


def test_clients_that_are_called_from_time_to_time() -> None:
    def configured(periodic: dict[str, Any]) -> dict[str, Any]:
        entry = {"name": "a", "endpoint": [{"name": "e", "address": "192.0.2.1"}]}
        client = entry | {"connection-type": {"periodic": periodic}}
        return {SYSTEM: {"services": {"netconf": {"call-home": {"netconf-client": [client]}}}}}

    def periodic(given: dict[str, Any]) -> Periodic | None:
        (client,) = decode(validated(configured(given))).system.call_home
        return client.periodic

    assert periodic({}) == Periodic(period_s=3600, anchor_s=None, idle_timeout_s=180)
    full = {"period": 1440, "anchor-time": "2026-01-01T01:15:00+01:00", "idle-timeout": 0}
    assert periodic(full) == Periodic(period_s=86400, anchor_s=1767226500, idle_timeout_s=0)
    with pytest.raises(ConfigError, match=r"anchor-time: there is no time"):
        decode(configured({"anchor-time": "2026-13-01T00:00:00Z"}))


@pytest.mark.parametrize(
    ("leaf", "under", "over"),
    [("session-limit", 0, 4097), ("message-size", 65535, 268435457), ("hello-timeout", 0, 3601)],
)
def test_values_out_of_range_are_refused(leaf: str, under: int, over: int) -> None:
    for value in (under, over):
        assert leaf in refusal({SYSTEM: {"services": {"netconf": {leaf: value}}}}).path
