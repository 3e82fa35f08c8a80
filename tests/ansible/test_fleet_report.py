"""The judgement of the bench of fleets."""

from __future__ import annotations

from tests.bench.fleet_report import Row, markdown, targets

RUNS = [
    Row("resources, OpenSSH", 10, "first", 3.0, 2.8, 7),
    Row("resources, OpenSSH", 10, "second", 1.9, 2.1, 1),
    Row("config, ansible.netcommon", 10, "first", 6.0, 9.6, 7),
    Row("config, ansible.netcommon", 10, "second", 6.0, 10.0, 2),
    Row("netconf_config", 10, "first", 5.9, 9.3, 7),
    Row("netconf_config", 10, "second", 6.0, 9.4, 7),
]


def test_each_run_is_judged() -> None:
    found = {target.text: (target.found, target.met) for target in targets(RUNS)}
    assert found["10 appliances, resources, OpenSSH, first run: requests"] == (7, False)
    assert found["10 appliances, resources, OpenSSH, second run: requests"] == (1, True)
    assert found["10 appliances, config, ansible.netcommon, first run: requests"] == (6, True)
    assert found["10 appliances, config, ansible.netcommon, second run: requests"] == (1, True)
    met = {text.partition(":")[0]: met for text, (_found, met) in found.items() if "time over" in text}
    assert met == {
        "10 appliances, resources, OpenSSH, first run": True,
        "10 appliances, resources, OpenSSH, second run": True,
        "10 appliances, config, ansible.netcommon, first run": False,
        "10 appliances, config, ansible.netcommon, second run": False,
    }
    assert len(found) == 8


def test_without_netconf_config_time_is_not_judged() -> None:
    assert [target.text.rpartition(": ")[2] for target in targets(RUNS[:2])] == ["requests", "requests"]


def test_the_report_has_runs_and_targets() -> None:
    text = markdown(RUNS)
    assert "| 10 | netconf_config | second | 6.0 | 9.4 | 7 |" in text
    assert "time over netconf_config's" in text
