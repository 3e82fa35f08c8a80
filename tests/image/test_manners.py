"""What keeps an appliance well that nobody looks after: its clock, its log's size, its watchdogs.

The machine's own clock is weeks behind when it is switched on. Management's watchdog bites after seconds instead of
two minutes, and systemd's, from the test on that needs it; the journal's limit is an eighth of the image's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
import yaml  # type: ignore[import-untyped]

from tests.image.conftest import opened_lab
from tests.image.lab import BOOTING_S, MANAGER, SHELL_S, Lab, Wanted, seed_with_address
from tests.image.time_server import TimeServer
from tests.support.soak import LONG
from tests.support.until import until

MANAGEMENT_S, SYSTEM_S = 15, 15
"""Watchdogs of management and of the whole machine."""
BEHIND = timedelta(days=30)
"""No more: systemd does not believe in times before it was built."""
CLOCK_S = 1.0
"""How far the clock may be from ours; an emulated machine says late what time it is."""
WAITING_S = 300
JOURNAL_MIB, JOURNAL_S_OWN_MIB = 8, 64
NAME = "appliance"
WATCHED, LIMITED = "systemd/system/applianced.service.d/test.conf", "systemd/journald.conf.d/test.conf"


def seed(public_key: str) -> Mapping[str, str]:
    files = seed_with_address(public_key)
    user = yaml.safe_load(files["user-data"])
    return {**files, "user-data": "#cloud-config\n" + yaml.safe_dump({**user, "ntp": {"servers": [MANAGER]}})}


WANTED = Wanted(
    seed=seed,
    managed_by_card=True,
    shell=True,
    options=("-rtc", f"base={datetime.now(UTC) - BEHIND:%Y-%m-%dT%H:%M:%S}"),
    left={
        WATCHED: f"[Service]\nWatchdogSec={MANAGEMENT_S}\n",
        LIMITED: f"[Journal]\nSystemMaxUse={JOURNAL_MIB}M\n",
    },
)


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with opened_lab(request.module) as made:
        made.boot()
        yield made


def seconds_behind(lab: Lab) -> float:
    """At most so much: as the machine says it after it was asked."""
    asked_s = time.time()
    return asked_s - float(lab.shell.run("date +%s.%N"))


def test_the_clock_is_set_by_the_time_server_of_the_seed(lab: Lab) -> None:
    assert seconds_behind(lab) > BEHIND.total_seconds() / 2, "nobody has answered it yet"
    made = TimeServer(lab.topology.gateway, MANAGER)
    try:
        until(lambda: abs(seconds_behind(lab)) < CLOCK_S, WAITING_S, interval_s=1, what="the clock is right")
    finally:
        made.close()
    assert made.asked
    assert lab.shell.run("stat -c %U /run/systemd/timesync/synchronized").strip() == "systemd-timesync"
    assert lab.host_name() == NAME, "management is not disturbed by the weeks that have gone by"


LIMITS = "systemd-analyze cat-config systemd/journald.conf"
FILL = f"""
head -c {JOURNAL_MIB * 3 // 2}M /dev/urandom | base64 -w 40000 | systemd-cat -t filler
journalctl --sync
journalctl --disk-usage
"""


def test_the_journal_stays_within_its_limit(lab: Lab) -> None:
    """However much is written; the oldest entries go. The file of the image sets it in the same way."""
    limits = [line for line in lab.shell.run(LIMITS).splitlines() if line.startswith("SystemMaxUse=")]
    assert limits == [f"SystemMaxUse={JOURNAL_S_OWN_MIB}M", f"SystemMaxUse={JOURNAL_MIB}M"]
    first = "journalctl --no-pager -o short-unix | head -n 1"
    before = lab.shell.run(first)
    print(lab.shell.run(FILL, timeout_s=WAITING_S))
    octets = int(lab.shell.run("du -sB1 /var/log/journal").split()[0])
    assert JOURNAL_MIB / 2 < octets / (1 << 20) <= JOURNAL_MIB
    later = "echo written later | systemd-cat -t later; journalctl --sync; journalctl --no-pager -t later -o cat"
    until(lambda: "written later" in lab.shell.run(later), WAITING_S, interval_s=1, what="the journal goes on")
    assert lab.shell.run(first) != before
    assert lab.shell.run("systemctl is-active systemd-journald").strip() == "active"


def main_process(lab: Lab) -> str:
    """Of management that is up, else "0"."""
    script = "systemctl is-active applianced >/dev/null && systemctl show -P MainPID applianced || echo 0"
    return lab.shell.run(script).strip()


def test_management_that_is_silent_is_replaced(lab: Lab) -> None:
    before = main_process(lab)
    assert before != "0"
    lab.shell.run("systemctl kill -s STOP applianced.service")
    stopped_s = time.monotonic()
    until(lambda: main_process(lab) not in ("0", before), WAITING_S, interval_s=0.5, what="another one runs")
    assert time.monotonic() - stopped_s >= MANAGEMENT_S / 2, "it was given the time that it has"
    said = lab.shell.run("journalctl --no-pager -b -u applianced.service -o cat")
    assert "Watchdog timeout" in said
    assert lab.host_name() == NAME


def test_the_watchdog_is_armed(lab: Lab) -> None:
    assert lab.shell.run("systemctl show -P RuntimeWatchdogUSec").strip() == "1min"
    assert "/dev/watchdog" in lab.shell.run("ls -l /proc/1/fd")
    assert lab.shell.run("cat /sys/class/watchdog/watchdog0/identity").strip() == "Software Watchdog"
    assert lab.shell.run("cat /sys/class/watchdog/watchdog0/state /sys/class/watchdog/watchdog0/timeout").split() == [
        "active",
        "60",
    ]


def test_a_machine_that_hangs_is_restarted(lab: Lab) -> None:
    """PID 1 hangs; the kernel goes on, and so does management, whose life is not what the watchdog is fed by."""
    lab.shell.run(
        "mkdir -p /run/systemd/system.conf.d &&"
        f" printf '[Manager]\\nRuntimeWatchdogSec={SYSTEM_S}\\n' >/run/systemd/system.conf.d/test.conf &&"
        " systemctl daemon-reexec"
    )
    until(
        lambda: lab.shell.run("cat /sys/class/watchdog/watchdog0/timeout").strip() == str(SYSTEM_S),
        WAITING_S,
        interval_s=0.5,
    )
    lab.shell.run("echo 1 >/sys/fs/cgroup/init.scope/cgroup.freeze")
    lab.machine.await_silence(lab.port, WAITING_S)
    returns(lab)


@pytest.mark.skipif(not LONG, reason="one more boot; make soak does it")
def test_a_kernel_that_panics_restarts_the_machine(lab: Lab) -> None:
    lab.shell.send("echo c >/proc/sysrq-trigger")
    lab.machine.await_silence(lab.port, WAITING_S)
    returns(lab)


def returns(lab: Lab) -> None:
    """It boots again, without anybody's help, and with what it knew."""
    lab.await_netconf(BOOTING_S)
    lab.shell.await_ready(SHELL_S)
    assert lab.host_name() == NAME
    assert float(lab.shell.run("cat /proc/uptime").split()[0]) < BOOTING_S
