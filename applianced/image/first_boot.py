"""The first boot: a seed becomes hostname, network, time, log, and what management starts with.

`seeded` is written when all of that has been done: management waits for it, and a power cut before it makes the next
boot begin again.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from applianced.image.cards import present
from applianced.image.network import Network, hides_management, of_management
from applianced.image.nocloud import Configuration, LogTarget, Seed, SeedError
from applianced.image.places import Places, write

RSYSLOG_FORMAT = "RSYSLOG_SyslogProtocol23Format"
_DHCPV6 = {"DHCP=yes", "DHCP=ipv6"}
"""Lines of systemd.network(5) of which one is there when the card asks for an address by DHCPv6."""


def apply(seed: Seed, places: Places) -> None:
    """Write what a seed asks for, but `seeded`. Raises SeedError before anything is written, OSError."""
    if not seed.admin_key and seed.configuration is None:
        raise SeedError(
            "the seed lets nobody log in: give a public key in ssh_authorized_keys of user-data, or a configuration"
        )
    for name in ("network", "timesyncd.d", "rsyslog.d"):
        shutil.rmtree(places.state / name, ignore_errors=True)
        (places.state / name).mkdir(parents=True)
    # Of the initial file system's making, for management's eyes.
    places.first.mkdir(mode=0o750, exist_ok=True)
    for old in places.first.iterdir():
        old.unlink()
    if seed.hostname:
        write(places.state / "hostname", f"{seed.hostname}\n".encode())
    for name, content in seed.network.files.items():
        write(places.state / "network" / name, content.encode())
    # The initial file system reads it.
    write(places.interfaces, "".join(f"{mac} {name}\n" for mac, name in seed.network.names.items()).encode())
    if seed.time_servers:
        servers = f"[Time]\nNTP={' '.join(seed.time_servers)}\n"
        write(places.state / "timesyncd.d/seed.conf", servers.encode())
    _write_log_targets(seed, places)
    complaint = "".join(f"not used from the seed: {each}\n" for each in seed.ignored)
    write(places.problem, complaint.encode())
    write(places.state / "instance-id", f"{seed.instance_id}\n".encode())
    _write_first(seed, places)


def let_management_start(places: Places) -> None:
    """Write `seeded`: what the seed asks for is done. Raises OSError."""
    (configuration,) = places.first.glob("first.*")
    _start_with(places, configuration)


def _start_with(places: Places, configuration: Path) -> None:
    options = f"--config /{configuration.relative_to(places.root)}\n"
    key = places.first / "admin.pub"
    if key.exists():
        options += f"--admin-key /{key.relative_to(places.root)}\n"
    write(places.seeded, options.encode())


def give_up_configuration(places: Places, why: str) -> None:
    """Management refuses the configuration of the seed: it starts with the image's own, and the console says why.

    Where nobody could log in to that, or reach it, another seed is waited for instead.
    """
    lacking = ""
    if not (places.first / "admin.pub").exists():
        lacking = "it has no key for the image's own"
    elif fault := hides_management(_network(places), [*present(places).values()]):
        lacking = f"the image's own cannot be reached, since network-config {fault}"
    if lacking:
        give_up_seed(places, f"the configuration of the seed was refused, and {lacking}: attach another seed\n{why}")
        return
    name = (places.state / "hostname").read_text().strip() if (places.state / "hostname").exists() else ""
    write(places.problem, f"the configuration of the seed was refused, the image's own is in force:\n{why}\n".encode())
    # After each of these steps management starts with one or the other, whenever the power goes.
    made = _write_configuration(places, _default(places, name))
    _start_with(places, made)
    for old in places.first.glob("first.*"):
        if old != made:
            old.unlink()
    for given in places.first.glob("seed.*"):
        given.rename(given.with_stem("refused"))


def give_up_seed(places: Places, why: str) -> None:
    """Wait for another seed; this one is not read again."""
    write(places.problem, f"{why}\n".encode())
    if places.seed_used.exists():
        places.seed_used.replace(places.seed_refused)
    places.seeded.unlink(missing_ok=True)


def has_committed(places: Places) -> bool:
    """Whether management has ever started."""
    return places.commits.is_dir() and any(places.commits.glob("commit-*"))


def takes_seeds_configuration(places: Places) -> bool:
    """Whether the next start of management puts the configuration of the seed in force."""
    return not has_committed(places) and any(places.first.glob("seed.*"))


def _write_first(seed: Seed, places: Places) -> None:
    if seed.admin_key:
        write(places.first / "admin.pub", f"{seed.admin_key}\n".encode())
    if seed.configuration is not None:
        write(places.first / f"seed{seed.configuration.suffix}", seed.configuration.content)
    _write_configuration(places, seed.configuration or _default(places, seed.hostname))


def _default(places: Places, hostname: str) -> Configuration:
    configuration = json.loads(places.first_default.read_bytes())
    if hostname:
        configuration["applianced-system:system"]["host-name"] = hostname
    network = of_management(_network(places), [*present(places).values()])
    if not _DHCPV6.isdisjoint(network.splitlines()):
        management = configuration["applianced-security:security"]["zones"]["functional-zone"]["management"]
        management["host-inbound-traffic"]["system-services"].append({"name": "dhcpv6"})
    return Configuration(".json", json.dumps(configuration, indent=2).encode())


def _network(places: Places) -> Network:
    """What `apply` has written of it."""
    files = {path.name: path.read_text() for path in (places.state / "network").glob("*.network")}
    names = places.interfaces.read_text() if places.interfaces.exists() else ""
    return Network(files, dict(line.split() for line in names.splitlines()))


def _write_configuration(places: Places, configuration: Configuration) -> Path:
    path = places.first / f"first{configuration.suffix}"
    write(path, configuration.content)
    return path


def _write_log_targets(seed: Seed, places: Places) -> None:
    lines = []
    for number, target in enumerate(seed.log_targets):
        authority = ""
        if target.certificate_authority:
            authority = f"/var/lib/image/rsyslog.d/ca-{number}.pem"
            write(places.state / f"rsyslog.d/ca-{number}.pem", target.certificate_authority.encode())
        lines.append(_action(target, authority))
    if lines:
        write(places.state / "rsyslog.d/seed.conf", "\n".join([*lines, ""]).encode())


def _action(target: LogTarget, authority: str) -> str:
    """RFC 5425 (TLS, the server's name is checked) or RFC 6587 (TCP); what cannot be sent waits, up to 32 MiB."""
    security = ""
    if target.tls:
        # Those that the system trusts are one file in Debian.
        authority = authority or "/etc/ssl/certs/ca-certificates.crt"
        security = (
            ' StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name"'
            f' StreamDriverPermittedPeers="{target.host}" StreamDriver.CAFile="{authority}"'
        )
    return (
        f'action(type="omfwd" protocol="tcp" target="{target.host}" port="{target.port}" template="{RSYSLOG_FORMAT}"'
        f' TCP_Framing="octet-counted"{security} action.resumeRetryCount="-1" queue.type="LinkedList"'
        f' queue.filename="to-{target.host.replace(":", "-")}-{target.port}" queue.maxDiskSpace="32m"'
        ' queue.saveOnShutdown="on")'
    )
