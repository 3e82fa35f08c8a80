"""Every resource module in every state, against a running appliance."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from applianced.tools.collection.resources import RESOURCES, Resource
from tests.ansible.runner import Controller, controller
from tests.support.served import NETCONF, Served
from tests.support.shop import PASSWORD_HASH

AT_MOST = 6
KEY = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
EACH = pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)


def written(value: Any) -> Any:
    """An example with a real key in it."""
    if isinstance(value, dict):
        return {name: written(below) for name, below in value.items()}
    if isinstance(value, list):
        return [written(below) for below in value]
    return KEY if value == "{key}" else value


def twice(operator: Controller, resource: Resource, state: str, config: Any) -> dict[str, Any]:
    """Bring it into a state: check mode says what happens, it happens, and then there is nothing left to do."""
    arguments = {"state": state, **({"config": written(config)} if config is not None else {})}
    before = operator.ok(resource.name, state="gathered")["gathered"]
    foreseen = operator.ok(resource.name, check=True, **arguments)
    assert operator.ok(resource.name, state="gathered")["gathered"] == before, "check mode changes nothing"
    done = operator.ok(resource.name, **arguments)
    assert (done["changed"], done["commands"]) == (foreseen["changed"], foreseen["commands"])
    assert done.get("diff") == foreseen.get("diff")
    assert bool(done["commands"]) is done["changed"]
    assert done["round_trips"] <= AT_MOST
    assert foreseen["round_trips"] <= AT_MOST + 1
    if done["changed"]:
        assert done["before"] == before
    again = operator.ok(resource.name, **arguments)
    assert again["changed"] is False
    assert again["round_trips"] == 1
    return done


@EACH
def test_states(operator: Controller, resource: Resource) -> None:
    operator.ok("config", config=resource.needs)
    there = operator.ok(resource.name, state="gathered")["gathered"]
    assert twice(operator, resource, "merged", resource.example)["changed"]
    merged = operator.ok(resource.name, state="gathered")["gathered"]
    assert contains(merged, written(resource.example)), "what was merged is there"
    assert contains(merged, there) or resource.name == "system", "and what was there still is"
    twice(operator, resource, "replaced", resource.other)
    assert contains(operator.ok(resource.name, state="gathered")["gathered"], written(resource.other))
    twice(operator, resource, "merged", resource.example)
    assert twice(operator, resource, "deleted", resource.removal)["changed"]
    # Without those of the first configuration nobody could log in, and its policies had no zones.
    needed = there if resource.name in ("users_roles", "zones") else type(there)()
    only = both(needed, written(resource.example))
    twice(operator, resource, "overridden", only)
    assert same(operator.ok(resource.name, state="gathered")["gathered"], only)
    if needed:
        assert twice(operator, resource, "overridden", there)["changed"]
        assert same(operator.ok(resource.name, state="gathered")["gathered"], there)
        refused = operator.run(resource.name, state="deleted")
        assert refused["error"]["path"]
        assert same(operator.ok(resource.name, state="gathered")["gathered"], there)
        return
    assert twice(operator, resource, "deleted", None)["changed"]
    assert operator.ok(resource.name, state="gathered")["gathered"] in ([], {})


def both(one: Any, other: Any) -> Any:
    """All of the one with the other laid over it, entries by their names."""
    if isinstance(one, dict):
        return {**one, **{name: both(one[name], below) if name in one else below for name, below in other.items()}}
    if isinstance(one, list):
        entries, more = keyed(one), keyed(other)
        return list(
            {**entries, **{name: both(entries.get(name, entry), entry) for name, entry in more.items()}}.values()
        )
    return other


def keyed(entries: list[Any]) -> dict[str, Any]:
    """Entries of a list by their names, values of a leaf-list by themselves."""
    first = ("name", "from_zone_name")
    return {
        str(next((entry[key] for key in first if key in entry), entry) if isinstance(entry, dict) else entry): entry
        for entry in entries
    }


def contains(whole: Any, part: Any) -> bool:
    """Whether all of `part` is in `whole`."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and contains(whole[name], part[name]) for name in part)
    if isinstance(part, list):
        known = keyed(whole)
        return all(name in known and contains(known[name], entry) for name, entry in keyed(part).items())
    return bool(whole == part)


def same(one: Any, other: Any) -> bool:
    return contains(one, other) and contains(other, one)


@EACH
def test_rendered_and_parsed(operator: Controller, resource: Resource) -> None:
    config = written(resource.example)
    operator.connection.sent.clear()
    rendered = operator.ok(resource.name, state="rendered", config=config)["rendered"]
    parsed = operator.ok(
        resource.name,
        state="parsed",
        running_config=rendered if rendered.count("<nacm") == 0 else f'<config xmlns="{NETCONF}">{rendered}</config>',
    )
    assert same(parsed["parsed"], config)
    assert not operator.connection.sent, "neither talks to an appliance"


@EACH
def test_wrong_arguments_name_the_path(operator: Controller, resource: Resource) -> None:
    config = written(resource.example)
    wrong = [{**config[0], "no_such": 1}] if isinstance(config, list) else {**config, "no_such": 1}
    failed = operator.run(resource.name, config=wrong)
    assert failed["failed"]
    assert failed["path"] == ("config[0].no_such" if isinstance(config, list) else "config.no_such")
    assert failed["path"] in failed["msg"]
    assert "config" not in failed["invocation"]["module_args"], "what was given is not sent back"
    alike = operator.run("resources", config={resource.name: wrong})
    assert alike["path"] == failed["path"].replace("config", f"config.{resource.name}", 1)


def test_a_value_of_another_kind(operator: Controller) -> None:
    config = [{"name": "x", "protocol": "tcp", "destination_port": "no port"}]
    failed = operator.run("applications", config=config)
    assert "application[name='x']/destination-port" in failed["msg"]
    assert failed["error"]["path"].endswith("destination-port")
    missing = operator.run("applications", config=[{"protocol": "tcp"}])
    assert (missing["path"], missing["msg"]) == ("config[0]", "config[0]: name must be given")


def rules(**then: Any) -> dict[str, Any]:
    match = {"source_address": ["any"], "destination_address": ["any"], "application": ["any"]}
    rule = {"name": "p", "match": match, "then": then}
    return {"policy": [{"from_zone_name": "trust", "to_zone_name": "untrust", "policy": [rule]}]}


@pytest.mark.parametrize(
    ("module", "config", "leaf", "rule"),
    [
        ("applications", [{"name": "x", "protocol": "tpc"}], "[name='x']/protocol", "use IP protocol"),
        ("applications", [{"name": "junos-x", "protocol": "tcp"}], "[name='junos-x']/name", "choose another name"),
        ("applications", [{"name": "x", "icmp_type": 300}], "[name='x']/icmp-type", "use a number in 0..255"),
        (
            "address_book",
            [{"name": "global", "address": [{"name": "a", "ip_prefix": "10.0.0.0/33"}]}],
            "address[name='a']/ip-prefix",
            "use an IPv4 or IPv6 prefix",
        ),
        ("policies", rules(permit=True, deny=True), "[name='p']/then/deny", "exclude each other"),
        ("system", {"platform_profile": "toaster"}, "/system/platform-profile", "use branch, high-end, sdwan"),
        ("alg_policy", [{"name": "a", "alg": [{"name": "ftpp"}]}], "policy[name='a']/alg/name", "use dns, ftp"),
        (
            "nat_source",
            {
                "rule_set": [
                    {
                        "name": "o",
                        "from": {"zone": ["trust"]},
                        "to": {"zone": ["untrust"]},
                        "rule": [{"name": "r", "then": {"source_nat": {"pool": {"pool_name": "n"}}}}],
                    }
                ]
            },
            "rule[name='r']/then/source-nat/pool/pool-name",
            "there is no pool of that name",
        ),
    ],
)
def test_a_bad_value_is_told_by_its_leaf_and_the_rule(
    operator: Controller, module: str, config: Any, leaf: str, rule: str
) -> None:
    failed = operator.run("resources", config={module: config})
    assert failed["error"]["path"].endswith(leaf)
    assert rule in failed["msg"]
    # The module itself may find it among the arguments.
    alone = operator.run(module, config=config)
    assert leaf in alone["msg"] or alone["path"].startswith("config")


@pytest.mark.parametrize(
    ("module", "config", "path", "message"),
    [
        (
            "applications",
            [{"name": "a"}, {"name": "x", "term": [{"name": "t", "protocool": 6}]}],
            "[1].term[0].protocool",
            "protocol",
        ),
        ("applications", ["x"], "[0]", "a mapping is needed, this is 'x'"),
        ("applications", {"name": "x"}, "", "a list is needed"),
        ("system", {"services": {"netconf": {"idle_timeout": "soon"}}}, ".services.netconf.idle_timeout", "no whole"),
        ("system", {"services": "none"}, ".services", "a mapping is needed"),
        ("alg", {"ftp": {"disable": "perhaps"}}, ".ftp.disable", "'perhaps' is not true or false"),
        ("policies", rules(permit=True, deny=True), ".policy[0].policy[0].then.deny", "exclude each other"),
        ("system", {"platform_profile": "toaster"}, ".platform_profile", "use one of these"),
        ("policies", {"policy": [{"from_zone_name": "a"}]}, ".policy[0]", "to_zone_name must be given"),
    ],
)
def test_arguments_are_named_with_their_entries(
    operator: Controller, module: str, config: Any, path: str, message: str
) -> None:
    failed = operator.run(module, config=config)
    assert failed["path"] == f"config{path}"
    assert message in failed["msg"]


def test_other_arguments_are_named_as_well(operator: Controller) -> None:
    assert operator.run("config", confog={})["path"] == "confog"
    assert operator.run("gates", limit="some")["path"] == "limit"
    assert operator.run("clear", what="all")["path"] == "what"
    assert "config" in operator.run("applications", state="merged")["msg"]


SECRETS = (PASSWORD_HASH.rpartition("$")[2][:20], "geheim")


def test_hashes_of_passwords_are_not_shown(operator: Controller) -> None:
    """Neither in what is there, nor in what changes, nor in what failed; who gives the mask back keeps the hash."""
    other = PASSWORD_HASH[:-1] + ("A" if PASSWORD_HASH[-1] != "A" else "B")
    there = operator.ok("users_roles", state="gathered")
    (user,) = there["gathered"]["login"]["user"]
    assert user["authentication"]["encrypted_password"] == "********"
    added = {"login": {"user": [{"name": "olga", "authentication": {"encrypted_password": other}}]}}
    clear = {"login": {"user": [{"name": "olga", "authentication": {"encrypted_password": "geheim"}}]}}
    line = f"set system login user otto authentication encrypted-password {other}"
    results = [
        there,
        operator.ok("facts", gather_network_resources=["users_roles"]),
        operator.ok("resources", state="gathered"),
        operator.ok("resources", check=True, config={"users_roles": added}),
        operator.ok("users_roles", config=added),
        operator.ok("config", lines=[line]),
        operator.ok("resources", state="deleted", config={"users_roles": added}),
        operator.run("users_roles", config=clear),
        operator.run("resources", config={"users_roles": {**clear, "no_such": 1}}),
        operator.run("config", lines=[line, "sat"]),
    ]
    for result in results:
        assert not [secret for secret in SECRETS if secret in json.dumps(result)], result
    for state in ("merged", "replaced", "overridden"):
        for module, config in (("users_roles", there["gathered"]), ("resources", {"users_roles": there["gathered"]})):
            operator.ok("config", rollback="rescue")
            assert operator.ok(module, state=state, config=config)["changed"] is False
    unknown = {"login": {"user": [{"name": "new", "authentication": {"encrypted_password": "********"}}]}}
    failed = operator.run("users_roles", config=unknown)
    assert failed["path"] == "config.login.user.new.authentication.encrypted_password"


def test_what_is_refused_leaves_no_trace(operator: Controller) -> None:
    config = [{"name": "good", "protocol": "tcp"}, {"name": "sets-nothing", "application_protocol": "ftp"}]
    failed = operator.run("applications", config=config)
    assert failed["failed"]
    assert not operator.run("rpc", rpc="compare")["output"].get("changes")
    assert operator.ok("applications", state="gathered")["gathered"] == []


def test_the_diff_is_readable(operator: Controller) -> None:
    operator.ok("applications", config=[{"name": "a", "protocol": "tcp", "destination_port": "21"}])
    config = [{"name": "a", "protocol": "udp", "destination_port": "21"}, {"name": "b", "protocol": "tcp"}]
    done = operator.ok("applications", check=True, state="overridden", config=config)
    assert done["diff"]["prepared"] == (
        "+ applications application a protocol udp\n+ applications application b protocol tcp\n"
    )
    operator.ok("applications", state="deleted")


def rule(name: str) -> dict[str, Any]:
    match = {"source_address": ["any"], "destination_address": ["any"], "application": ["any"]}
    return {"name": name, "match": match, "then": {"permit": True}}


def test_a_flag_is_taken_away_by_false(operator: Controller) -> None:
    operator.ok("alg", config={"sip": {"disable": True, "maximum_call_duration": 30}})
    for state in ("merged", "replaced"):
        operator.ok("alg", config={"sip": {"disable": True}})
        config = {"sip": {"disable": False, "maximum_call_duration": 30}}
        assert operator.ok("alg", check=True, state=state, config=config)["changed"]
        assert operator.ok("alg", state=state, config=config)["commands"] == ["delete security alg sip disable"]
        assert operator.ok("alg", state=state, config=config)["changed"] is False
        assert operator.ok("alg", state="gathered")["gathered"]["sip"] == {"maximum_call_duration": 30}
    # Of a new entry, and of one alternative for another.
    pair = {"from_zone_name": "trust", "to_zone_name": "untrust", "policy": [rule("p")]}
    operator.ok("policies", config={"policy": [pair]})
    pair["policy"] = [{"name": "p", "then": {"permit": False, "deny": True}}, {**rule("q"), "then": {"deny": True}}]
    pair["policy"][1]["then"]["permit"] = False  # type: ignore[index]
    assert operator.ok("resources", config={"policies": {"policy": [pair]}})["changed"]
    assert operator.ok("resources", config={"policies": {"policy": [pair]}})["changed"] is False
    (there,) = operator.ok("policies", state="gathered")["gathered"]["policy"]
    assert [entry["then"] for entry in there["policy"]][-2:] == [{"deny": True}] * 2


def test_true_stands_for_an_empty_mapping(operator: Controller) -> None:
    def pair(permit: Any) -> dict[str, Any]:
        policy = {**rule("offloaded"), "then": {"permit": permit}}
        return {"policy": [{"from_zone_name": "trust", "to_zone_name": "untrust", "policy": [policy]}]}

    def there() -> Any:
        found = operator.ok("policies", state="gathered")["gathered"]["policy"]
        return [each["then"] for entry in found for each in entry["policy"] if each["name"] == "offloaded"]

    for name, wrap in (("policies", lambda config: config), ("resources", lambda config: {"policies": config})):
        operator.ok(name, config=wrap(pair(True)))
        assert there() == [{"permit": True}]
        assert operator.ok(name, config=wrap(pair({})))["changed"] is False
        assert operator.ok(name, config=wrap(pair({"services_offload": True})))["changed"]
        assert there() == [{"permit": {"services_offload": True}}]
        assert operator.ok(name, config=wrap(pair(True)))["changed"] is False, "merged leaves what is there"
        assert "permit" in operator.run(name, config=wrap(pair(["x"])))["path"]
        operator.ok("policies", state="deleted", config=pair(None))


def test_the_deepest_that_is_named_is_deleted(operator: Controller) -> None:
    def pair(*policies: dict[str, Any]) -> dict[str, Any]:
        return {"policy": [{"from_zone_name": "untrust", "to_zone_name": "trust", "policy": list(policies)}]}

    def there() -> list[list[str]]:
        found = operator.ok("policies", state="gathered")["gathered"].get("policy", [])
        return [[each["name"] for each in entry["policy"]] for entry in found if entry["to_zone_name"] == "trust"]

    operator.ok("policies", config=pair(rule("p1"), rule("p2")))
    gone = operator.ok("policies", state="deleted", config=pair({"name": "p1"}))
    assert gone["commands"] == ["delete security policies policy untrust trust policy p1"]
    assert operator.ok("policies", state="deleted", config=pair(rule("p1")))["changed"] is False
    assert there() == [["p2"]]
    operator.ok("policies", state="deleted", config=pair(rule("p2")))
    assert there() == [], "a pair without policies is no more"
    operator.ok("policies", config=pair(rule("p1"), rule("p2")))
    operator.ok("policies", state="deleted", config=pair())
    assert there() == []
    operator.ok("alg", config={"ftp": {"disable": True, "line_break_extension": True}})
    gone = operator.ok("alg", state="deleted", config={"ftp": {"disable": True}})
    assert gone["commands"] == ["delete security alg ftp disable"]


def test_order_is_kept(operator: Controller) -> None:
    def policies(*names: str) -> dict[str, Any]:
        rules = [
            {
                "name": name,
                "match": {"source_address": ["any"], "destination_address": ["any"], "application": ["any"]},
                "then": {"permit": True},
            }
            for name in names
        ]
        return {"policy": [{"from_zone_name": "trust", "to_zone_name": "untrust", "policy": rules}]}

    def there() -> list[str]:
        found = operator.ok("policies", state="gathered")["gathered"]["policy"]
        return [rule["name"] for entry in found for rule in entry["policy"] if entry["to_zone_name"] == "untrust"]

    for names in ("abcde", "ebacd", "xcbya", "ayz", "zyxa"):
        done = operator.ok("policies", state="replaced", config=policies(*names))
        assert done["changed"]
        assert "".join(there()) == names
        assert operator.ok("policies", state="replaced", config=policies(*names))["changed"] is False
    moved = operator.ok("policies", state="replaced", config=policies(*"azyx"))
    assert moved["commands"] == ["insert security policies policy trust untrust policy a first"]


def test_what_is_remembered(server: Served, operator: Controller, tmp_path: Path) -> None:
    config = [{"name": "kept", "protocol": "tcp", "destination_port": "4711"}]
    operator.ok("applications", config=config)
    operator.ok("application_sets", config=[{"name": "s", "application": [{"name": "kept"}]}])
    operator.connection.sent.clear()
    again = operator.ok("applications", config=config)
    assert (again["changed"], again["round_trips"]) == (False, 1)
    # What the other module committed is known to be its own: the reply is one empty element.
    assert 'txid:etag="?"' not in operator.connection.sent[0]
    with controller(server) as other:
        other.ok("applications", config=[{"name": "kept", "protocol": "udp"}])
    # What did not change is left out of an answer to one who knows it, so all is read again.
    back = operator.ok("applications", config=config)
    assert back["commands"] == ["set applications application kept protocol tcp"]
    assert back["round_trips"] == AT_MOST
    for file in (tmp_path / "cache").iterdir():
        file.write_text("{torn")
    lost = operator.ok("applications", config=config)
    assert (lost["changed"], lost["round_trips"]) == (False, 1)
    for file in (tmp_path / "cache").iterdir():
        assert json.loads(file.read_text())["modules"]["applications"][0]["etag"]
    operator.ok("application_sets", state="deleted")
    operator.ok("applications", state="deleted")


def test_several_in_one_commit(operator: Controller) -> None:
    """A whole desired state, whose parts need each other, on an appliance that has none of it."""
    names = (
        "applications",
        "application_sets",
        "address_book",
        "policies",
        "alg",
        "alg_policy",
        "nat_static",
        "system",
    )
    config: dict[str, Any] = {
        resource.name: copy.deepcopy(resource.example) for resource in RESOURCES if resource.name in names
    }
    config["policies"]["policy"][0]["policy"][0]["match"]["application"] = ["ftp-2121"]
    config["policies"]["policy"][0]["policy"][0]["match"]["source_address"] = ["office"]
    foreseen = operator.ok("resources", state="overridden", config=config, check=True)
    done = operator.ok("resources", state="overridden", config=config)
    assert foreseen["commands"] == done["commands"]
    assert done["round_trips"] == 5
    again = operator.ok("resources", state="overridden", config=config)
    assert (again["changed"], again["round_trips"]) == (False, 1)
    gathered = operator.ok("resources", state="gathered")["gathered"]
    assert set(gathered) == {resource.name for resource in RESOURCES}
    assert all(same(gathered[name], config[name]) for name in names)
    # Both directions of need at once: the policy goes with the application that it needed.
    config["applications"] = []
    config["alg_policy"] = []
    config["policies"]["policy"] = []
    assert operator.ok("resources", state="overridden", config=config)["changed"]
    refused = operator.run("resources", config={"policy": {}})
    assert refused["path"] == "config.policy"
    assert operator.run("resources", config={"zones": {"zone": []}})["path"] == "config.zones.zone"


@pytest.mark.parametrize("remembering", [True, False])
def test_null_is_not_named(server: Served, tmp_path: Path, remembering: bool) -> None:
    with controller(server, tmp_path / "cache" if remembering else None) as operator:
        operator.ok("applications", config=[{"name": "kept", "protocol": "tcp"}])
        config = {"application_sets": [{"name": "s", "application": [{"name": "kept"}]}]}
        for state in ("merged", "replaced", "overridden"):
            operator.ok("resources", state=state, config=config)
            assert not operator.ok("resources", state=state, config={**config, "applications": None})["changed"]
        deleted = operator.ok("resources", state="deleted", config={"application_sets": [], "applications": None})
        assert deleted["commands"] == ["delete applications application-set s"]
        assert operator.ok("resources", state="overridden", config={"applications": None})["changed"] is False
        assert operator.ok("applications", state="gathered")["gathered"] == [{"name": "kept", "protocol": "tcp"}]
        operator.ok("applications", state="deleted")


def test_what_is_remembered_is_never_wrong(operator: Controller) -> None:
    """Modules that may configure the same thing, one after the other, by one who remembers all of them."""
    one: Any = [{"name": "a", "protocol": "tcp"}]
    other: Any = [{"name": "a", "protocol": "udp"}]
    steps: list[tuple[str, dict[str, Any]]] = [
        ("applications", {"config": one}),
        ("resources", {"config": {"applications": other}}),
        ("config", {"lines": ["set applications application a protocol tcp"]}),
        ("resources", {"config": {"applications": other}}),
        ("applications", {"config": one}),
        ("config", {"lines": ["set applications application a protocol udp"]}),
        ("config", {"lines": ["set applications application a protocol tcp"]}),
        ("applications", {"config": other}),
        ("config", {"lines": ["set applications application a protocol tcp"]}),
        ("applications", {"state": "overridden", "config": []}),
        ("applications", {"config": other}),
        ("applications", {"state": "deleted"}),
        ("applications", {"config": other}),
    ]
    for module, arguments in steps:
        assert operator.ok(module, **arguments)["changed"], (module, arguments)
        assert not operator.ok(module, **arguments)["changed"], (module, arguments)


def test_modules_configure_parts_that_are_apart() -> None:
    """What the cache rests on: a commit of one is no change to what another one configures."""
    parts = [(resource.name, part) for resource in RESOURCES for part in resource.parts]
    for name, part in parts:
        for other_name, other in parts:
            if name != other_name and other.path[: len(part.path)] == part.path:
                assert other.path[len(part.path)] in part.without, (name, other_name)


def test_names_that_ansible_keeps_for_itself(operator: Controller) -> None:
    """ansible-test refuses an argument `message`, in whatever depth."""
    config = {"sip": {"application_screen": {"message_rate": {"message_": 20}}}}
    done = operator.ok("alg", config=config)
    assert done["commands"] == ["set security alg sip application-screen message-rate message 20"]
    assert operator.ok("alg", state="gathered")["gathered"] == config
    assert operator.ok("resources", config={"alg": config})["changed"] is False
