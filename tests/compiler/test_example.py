"""The example that ships with the repository, from the file to the ruleset."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from applianced.errors import ConfigError
from applianced.tools.compile import add_arguments, run
from tests.support.expected import compare

ROOT = Path(__file__).parents[2]


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(words))


def test_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(str(ROOT / "docs/examples/netns-ftp.json")) == 0
    compare(Path(__file__).parent / "example.nft", capsys.readouterr().out)


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--json", "--workers", "1", str(ROOT / "docs/examples/netns-ftp.json")) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["queues"] == 1
    assert plan["control_ports"] == [[6, 21, 21]]


def test_what_a_commit_would_refuse(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    application = {"name": "x", "application-protocol": "applianced-applications:h323", "protocol": "udp"}
    file.write_text(json.dumps({"applianced-applications:applications": {"application": [application]}}))
    with pytest.raises(ConfigError, match=r"application\[name='x'\].*not implemented"):
        call(str(file))
