"""Management of the image: where it answers, who uses it, and what it does when its disk is full."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ncclient.operations.rpc import RPCError  # type: ignore[import-untyped]

from applianced.tools.namespaces import HOST_INTERFACE, IPV4, IPV6, PLANS
from applianced.tools.netconf_client import SYSTEM
from tests.ansible.playbooks import DIRECT, PERSISTENT, host, run
from tests.image.lab import MANAGEMENT, MANAGEMENT_IPV6, MANAGER, MANAGER_IPV6, Lab, Wanted, seed_with_address
from tests.image.scan import link_local, open_ports, scanned
from tests.support.appliance import SECURITY_ELEMENT
from tests.support.served import Served
from tests.support.sockets import datagrams_in
from tests.support.until import until

WANTED = Wanted(seed=seed_with_address, managed_by_card=True, shell=True)
WAITING_S = 300
OURS = "applianced.appliance"
NAME = f'<system xmlns="{SYSTEM}"><host-name>{{}}</host-name></system>'


def test_network_config_of_the_seed_is_in_force(lab: Lab) -> None:
    (shown,) = json.loads(lab.shell.run("ip -j address show management"))
    assert shown["mtu"] == 1400
    assert MANAGEMENT in [each["local"] for each in shown["addr_info"]]
    assert f"default via {MANAGER} dev management" in lab.shell.run("ip route")
    assert f"DNS={MANAGER}" in lab.shell.run("cat /run/systemd/netif/state")


def test_the_console_shows_the_addresses(lab: Lab) -> None:
    """Also one that comes later."""
    later = "192.0.2.99"
    for address in (MANAGEMENT, MANAGEMENT_IPV6):
        until(lambda: address in lab.console(), WAITING_S)  # noqa: B023 — called within this turn
    lab.shell.run(f"ip address add {later}/24 dev management")
    until(lambda: later in lab.console(), WAITING_S)
    lab.shell.run(f"ip address delete {later}/24 dev management")


def test_nothing_listens_but_netconf(lab: Lab) -> None:
    """As the kernel lists it; what is bound to a loopback address is reached from inside alone."""
    listed = [line.split() for line in lab.shell.run("ss -Hlntu").splitlines()]
    reached = {(words[0], words[4]) for words in listed if not words[4].startswith(("127.", "[::1]"))}
    assert reached == {("tcp", "*:830")}


@pytest.mark.parametrize("address", [MANAGEMENT, MANAGEMENT_IPV6])
def test_the_management_address_answers_netconf_alone(lab: Lab, address: str) -> None:
    assert scanned(lab.topology.gateway, address) == ([830], [])


CARDS = {"management": "gateway", "inside": "client", "outside": "server"}
"""And the namespace in which each ends."""


def link_local_address(lab: Lab, card: str) -> tuple[str, str]:
    """Of a card, which no configuration gave it; the namespace from which it is tried."""
    namespace = getattr(lab.topology, CARDS[card])
    (shown,) = json.loads(lab.shell.run(f"ip -j -6 address show {card}"))
    (own,) = (each["local"] for each in shown["addr_info"] if each.get("scope") == "link")
    return namespace, link_local(namespace, HOST_INTERFACE, own)


SERVICES = """
<zones xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">
  <security-zone><name>trust</name><host-inbound-traffic>{netconf}{snmp}</host-inbound-traffic></security-zone>
  <security-zone><name>untrust</name><host-inbound-traffic>{netconf}{snmp}</host-inbound-traffic></security-zone>
  <functional-zone><management><host-inbound-traffic>{snmp}</host-inbound-traffic></management></functional-zone>
</zones>
"""
SERVICE = '<system-services nc:operation="{}"><name>{}</name></system-services>'


def admit(lab: Lab, operation: str) -> None:
    """NETCONF from everywhere, and SNMP, for which nobody listens: the kernel says so."""
    services = {name: SERVICE.format(operation, name) for name in ("netconf", "snmp")}
    with lab.netconf() as session:
        session.push(SECURITY_ELEMENT.format(SERVICES.format(**services)))


def test_the_scans_find_what_is_admitted(lab: Lab) -> None:
    """Or their silence would show nothing."""
    tried = [link_local_address(lab, card) for card in CARDS]
    tried += [(lab.topology.gateway, address) for address in (MANAGEMENT, MANAGEMENT_IPV6)]
    admit(lab, "create")
    try:
        assert [scanned(*each, [829, 830], [160, 161]) for each in tried] == [([830], [161])] * len(tried)
    finally:
        admit(lab, "delete")


@pytest.mark.parametrize(("card", "open_there"), [("management", [830]), ("inside", []), ("outside", [])])
def test_link_local_addresses_answer_managers_alone(lab: Lab, card: str, open_there: list[int]) -> None:
    """Every card has one, which no configuration gave it."""
    assert scanned(*link_local_address(lab, card)) == (open_there, [])


def test_nobody_else_reaches_the_management_address(lab: Lab) -> None:
    """Not even who has a route to it, from inside or from outside."""
    for plan, address in ((IPV4, f"{MANAGEMENT}/32"), (IPV6, f"{MANAGEMENT_IPV6}/128")):
        lab.topology.add_route(lab.topology.server, plan, address, plan.public)
    namespaces = (lab.topology.client, lab.topology.server)
    tried = [(namespace, address) for namespace in namespaces for address in (MANAGEMENT, MANAGEMENT_IPV6)]
    tried += [(lab.topology.client, plan.lan) for plan in PLANS.values()]
    tried += [(lab.topology.server, plan.public) for plan in PLANS.values()]
    with ThreadPoolExecutor(len(tried)) as pool:
        assert list(pool.map(lambda each: open_ports(each[0], each[1], [830]), tried)) == [[]] * len(tried)


OTHER_PORT = 5000
LISTEN = f"""
cat >/run/listen.py <<'END'
import select, socket
ports = {{}}
for family, port in ((socket.AF_INET, 68), (socket.AF_INET6, 546), (socket.AF_INET, {OTHER_PORT}), (socket.AF_INET6, {OTHER_PORT})):
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind(("", port))
    ports[made] = port
print("listening", flush=True)
while True:
    for made in select.select(list(ports), [], [])[0]:
        print(made.recv(100).decode(), ports[made], flush=True)
END
systemd-run --quiet --unit listen -p StandardOutput=file:/run/heard /opt/applianced/bin/python /run/listen.py
until grep -q listening /run/heard; do sleep 0.1; done
"""  # noqa: E501
PING = ("ping", "-c1", "-W2", IPV4.server)


def passes(lab: Lab) -> bool:
    return not lab.topology.run(lab.topology.client, PING, check=False).returncode


def test_only_dhcp_is_heard_while_the_dataplane_is_down(lab: Lab) -> None:
    """And nothing is forwarded, and nobody is answered; afterwards all is as it was."""
    until(lambda: passes(lab), WAITING_S)
    lab.shell.run(LISTEN)
    lab.shell.run("systemctl stop applianced-dataplane.service")
    heard = ""
    for source, server_port, address, client_port in (
        (MANAGER, 67, MANAGEMENT, 68),
        (MANAGER_IPV6, 547, MANAGEMENT_IPV6, 546),
    ):
        with datagrams_in(lab.topology.gateway, source, port=server_port) as sender:
            for port in (OTHER_PORT, client_port):
                sender.sendto(b"datagram to", (address, port))
        heard += f"datagram to {client_port}\n"
        until(lambda: heard in lab.shell.run("cat /run/heard"), WAITING_S)  # noqa: B023 — called within this turn
    assert lab.shell.run("cat /run/heard") == f"listening\n{heard}"
    assert not passes(lab)
    for address in (MANAGEMENT, MANAGEMENT_IPV6):
        assert open_ports(lab.topology.gateway, address, [830, OTHER_PORT]) == []
    lab.shell.run("systemctl stop listen.service; systemctl start applianced-dataplane.service")
    lab.await_netconf(WAITING_S)
    until(lambda: passes(lab), WAITING_S)


@pytest.mark.parametrize("connection", [PERSISTENT, DIRECT])
def test_the_ansible_collection_configures_it(lab: Lab, connection: str, tmp_path: Path) -> None:
    """The second time nothing changes."""
    wanted = [{"name": "ftp-2121", "protocol": "tcp", "destination_port": "2121", "application_protocol": "ftp"}]
    merged = {f"{OURS}.applications": {"config": wanted}}
    tasks = [
        {"name": "facts", f"{OURS}.facts": {"gather_network_resources": ["zones"]}},
        {"name": "done", **merged},
        {"name": "again", **merged},
        {"name": "gone", f"{OURS}.applications": {"state": "deleted"}},
    ]
    server = Served(lab.port, lab.machine.key, lab.directory)
    results = run(tmp_path, {"image": host(server, connection)}, tasks)["image"]
    assert not [name for name, result in results.items() if result.get("failed")], json.dumps(results)[:4000]
    facts = results["facts"]["ansible_facts"]
    assert facts["ansible_net_hostname"] == lab.host_name()
    assert len(facts["ansible_network_resources"]["zones"]["security_zone"]) == 2
    assert [results[name]["changed"] for name in ("done", "again", "gone")] == [True, False, True]


def test_management_s_unit_is_confined_as_run(lab: Lab) -> None:
    """Of the unit as systemd has loaded it, drop-ins and all."""
    shown = lab.shell.run("systemd-analyze security --no-pager applianced.service", timeout_s=300)
    (line,) = (line for line in shown.splitlines() if "Overall exposure level" in line)
    assert float(line.split(":")[1].split()[0]) <= 2.0


AUDITOR = f"""
<system xmlns="{SYSTEM}"><login><user><name>auditor</name>
  <authentication><encrypted-password>$6$saltsaltsalt${"abcdefghij./" * 7}ab</encrypted-password></authentication>
</user></login></system>
"""


def test_the_command_makes_a_support_bundle_without_secrets(lab: Lab) -> None:
    """Though there are some. Whoever has no shell gets one over NETCONF, see test_forwarding."""
    with lab.netconf() as session:
        session.push(AUDITOR)
    secrets = "grep -r -l -e 'PRIVATE KEY' -e '[$]6[$]'"
    kept = lab.shell.run(f"{secrets} /var/lib/applianced")
    assert "/host-keys/" in kept
    assert "/commits/" in kept
    made = "applianced support --state-dir /var/lib/applianced --output /run/bundle.tar.gz"
    assert "/run/bundle.tar.gz" in lab.shell.run(made, timeout_s=300).splitlines()
    files = lab.shell.run("tar -tzf /run/bundle.tar.gz").split()
    for name in ("configuration.json", "state.json", "kernel/rules.nft", "kernel/versions.txt", "missing.txt"):
        assert [file for file in files if file.endswith(f"/{name}")], name
    assert lab.shell.run("tar -xOzf /run/bundle.tar.gz --wildcards '*/configuration.json'").count("auditor")
    lab.shell.run("mkdir /run/bundle && tar -xzf /run/bundle.tar.gz -C /run/bundle")
    status, found = lab.shell.tried(f"{secrets} /run/bundle")
    assert status == 1, f"no private key, no hash of a password: {found}"


FILL = """
setpriv --reuid applianced --regid applianced --clear-groups sh -c '
    cd /var/lib/applianced/url || exit
    fallocate -l $(df --output=avail -B1 . | tail -n 1) fill$$
    dd if=/dev/zero of=rest$$ bs=4096
    :'
sync
df /var
"""
"""As management itself can do it, for example by files that are stored by URL."""


def test_a_full_disk(lab: Lab) -> None:
    """Commits are refused and say why, everything else goes on, also after the power was cut; with room all is well."""
    with lab.netconf() as session:
        session.push(NAME.format("before"))
        lab.shell.run("install -d -o applianced -g applianced /var/lib/applianced/url")
        for _ in range(3):
            # What the journal gives up in between is taken, too.
            print(lab.shell.run(FILL))
            with pytest.raises(RPCError, match="No space left") as refused:
                session.push(NAME.format("refused"))
        print(refused.value)
    assert lab.host_name() == "before", "a new session logs in and reads"
    lab.machine.power_cut()
    lab.boot()
    assert lab.host_name() == "before"
    with lab.netconf() as session:
        lab.shell.run(FILL)
        with pytest.raises(RPCError, match="No space left"):
            session.push(NAME.format("refused"))
        lab.shell.run("rm /var/lib/applianced/url/*")
        session.push(NAME.format("after"))
    assert lab.host_name() == "after"
