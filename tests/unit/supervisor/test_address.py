"""The port that is bound before management starts."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from applianced.datastore.models import load_models
from applianced.datastore.persist import CommitLog, claim
from applianced.supervisor.address import bind, configured_port


@pytest.mark.parametrize(("confirmed", "port"), [(False, 8301), (True, 8302)])
def test_a_commit_that_nobody_confirmed_does_not_count(tmp_path: Path, confirmed: bool, port: int) -> None:
    lock = claim(tmp_path)
    log = CommitLog(tmp_path, os.dup(lock))
    for base, number in ((0, 8301), (1, 8302)):
        ssh = {"applianced-system:system": {"services": {"netconf": {"ssh": {"port": number}}}}}
        body = json.dumps(ssh).encode()
        log.stage(time_s=0, user="u", source="s", comment="", body=body, base=base).publish()
    if confirmed:
        log.confirm()
    log.close()
    try:
        assert configured_port(load_models(), tmp_path, lock, None) == port
    finally:
        os.close(lock)


@pytest.mark.parametrize(
    ("host", "reached"), [("::", ["127.0.0.1", "::1"]), ("::1", ["::1"]), ("0.0.0.0", ["127.0.0.1"])]
)
def test_both_families_are_reached_where_none_is_named(host: str, reached: list[str]) -> None:
    def reaches(address: str, port: int) -> bool:
        try:
            socket.create_connection((address, port), 5).close()
        except ConnectionRefusedError:
            return False
        return True

    with bind(host, 0) as bound:
        port = bound.getsockname()[1]
        assert [address for address in ("127.0.0.1", "::1") if reaches(address, port)] == reached
