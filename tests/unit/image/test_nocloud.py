"""Seeds: what they give, and what is said of those that cannot be used."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from applianced.image.nocloud import LARGEST_OCTETS, Configuration, LogTarget, SeedError, digest, parse

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f admin@example"
PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"


def user_data(text: str) -> dict[str, bytes]:
    return {"user-data": f"#cloud-config\n{text}".encode()}


def test_a_whole_seed() -> None:
    seed = parse(
        {
            "meta-data": b"instance-id: i-1\nlocal-hostname: gw1.example\n",
            "user-data": f"""#cloud-config
hostname: gw2
ssh_authorized_keys: ["{KEY}"]
ntp: {{servers: [192.0.2.7, ntp.example], pools: [pool.example]}}
packages: [curl]
applianced:
  configuration: {{"applianced-system:system": {{"host-name": "gw2"}}}}
  log:
    - to: tcp://192.0.2.9:601
    - {{to: "tls://[2001:db8::9]:6514", ca: {json.dumps(PEM)}}}
  colour: blue
""".encode(),
            "network-config": b"version: 2\nethernets: {management: {dhcp4: true}}\n",
        }
    )
    assert seed.instance_id == "i-1"
    assert seed.hostname == "gw2", "user-data is the user's word"
    assert seed.admin_key == KEY
    assert seed.configuration == Configuration(".json", b'{"applianced-system:system": {"host-name": "gw2"}}')
    assert list(seed.network.files) == ["10-management.network"]
    assert seed.time_servers == ("192.0.2.7", "ntp.example", "pool.example")
    assert seed.log_targets == (
        LogTarget("192.0.2.9", 601, False, ""),
        LogTarget("2001:db8::9", 6514, True, PEM),
    )
    assert seed.ignored == ("user-data: packages", "user-data: applianced: colour")


def test_nothing_is_asked_for_by_an_empty_seed() -> None:
    seed = parse({})
    assert (seed.hostname, seed.admin_key, seed.configuration, seed.network) == ("", "", None, ({}, {}))


@pytest.mark.parametrize(
    "keys",
    [
        f"public-keys: ['{KEY}']",
        f"public-keys: '{KEY}'",
        f"public-keys: {{first: '{KEY}'}}",
        f"public-keys: {{first: ['{KEY}']}}",
        f'public-keys: "\\n{KEY}\\n\\n"',
    ],
)
def test_meta_data_may_hold_the_key(keys: str) -> None:
    assert parse({"meta-data": keys.encode()}).admin_key == KEY


def test_only_the_first_key_is_used() -> None:
    seed = parse(user_data(f"ssh_authorized_keys: ['{KEY}', '{KEY}2']"))
    assert seed.admin_key == KEY
    assert seed.ignored == (f"user-data: key {KEY[:40]}...",)


_FIELDS = (b"ssh-rsa", b"\x01\x00\x01", b"\x00" + b"\xff" * 128)
SHORT_RSA = f"ssh-rsa {b64encode(b''.join(len(each).to_bytes(4) + each for each in _FIELDS)).decode()}"
REFUSED = {
    "ssh-dss AAAAB3NzaC1kc3MAAACBAJ3x": "keys of type 'ssh-dss' are not accepted",
    "sk-ssh-ed25519@openssh.com AAAA": "keys of type 'sk-ssh-ed25519@openssh.com' are not accepted",
    SHORT_RSA: "RSA keys of fewer than 2048 bits are not accepted",
    KEY[:40]: "this is no ssh-ed25519 key: copy the whole line",
}


@pytest.mark.parametrize("refused", REFUSED)
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_a_key_that_cannot_be_used_is_left_out(refused: str, first: bool) -> None:
    """And told; a console of a cloud gives all keys that somebody has."""
    lines = [refused, KEY] if first else [KEY, refused]
    seed = parse(user_data(f"ssh_authorized_keys: {json.dumps(lines)}"))
    assert seed.admin_key == KEY
    (told,) = seed.ignored
    assert told.startswith(f"user-data: {refused[:40]!r}: {REFUSED[refused]}")


def test_of_keys_in_both_files_one_must_be_usable() -> None:
    dss, sk, *_ = REFUSED
    user, meta = user_data(f"ssh_authorized_keys: [{dss}]"), {"meta-data": f"public-keys: ['{KEY}']".encode()}
    assert parse({**user, **meta}).admin_key == KEY
    with pytest.raises(SeedError) as refused:
        parse({**user, "meta-data": f"public-keys: ['{sk}']".encode()})
    for name, line in (("user-data", dss), ("meta-data", sk)):
        assert f"{name}: {line[:40]!r}: {REFUSED[line]}" in str(refused.value)


@pytest.mark.parametrize(
    ("given_", "configuration"),
    [
        ({"applianced.xml": b"<config/>"}, Configuration(".xml", b"<config/>")),
        ({"applianced.json": b'{"a": 1}'}, Configuration(".json", b'{"a": 1}')),
        (user_data("applianced: {configuration: '<config/>'}"), Configuration(".xml", b"<config/>")),
        (user_data("applianced: {configuration: '{\"a\": 1}'}"), Configuration(".json", b'{"a": 1}')),
    ],
)
def test_the_first_configuration_in_every_place(given_: dict[str, bytes], configuration: Configuration) -> None:
    assert parse(given_).configuration == configuration


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"user-data": b"hostname: a\n"}, "begins with 'hostname: a'; must begin with the line #cloud-config"),
        (user_data("a: ["), "user-data: not YAML"),
        ({"meta-data": b"\xff"}, "meta-data: not YAML"),
        ({"meta-data": b"- 1\n"}, "meta-data: must be a mapping"),
        ({"meta-data": b" " * (LARGEST_OCTETS + 1)}, "meta-data: longer than"),
        ({"applianced.xml": b" " * (LARGEST_OCTETS + 1)}, r"applianced.xml: longer than"),
        (user_data("applianced: yes"), "'applianced' must be a mapping"),
        (user_data("hostname: 'a b'"), "hostname 'a b': must be a domain name"),
        (user_data(f"hostname: {'a' * 65}"), "at most 64 characters"),
        (user_data("ssh_authorized_keys: 7"), "SSH keys must be a list"),
        (user_data("ssh_authorized_keys: [ssh-dss AAAA]"), "'ssh-dss AAAA': keys of type 'ssh-dss' are not accepted"),
        (user_data(f"ssh_authorized_keys: ['{KEY[:40]}']"), "this is no ssh-ed25519 key: copy the whole line"),
        (user_data(f'ssh_authorized_keys: ["{KEY}\\nmore"]'), "a key is one line"),
        (user_data("hostname: gw-"), "hostname 'gw-': must be a domain name"),
        (user_data("hostname: a-.b"), "hostname 'a-.b': must be a domain name"),
        (user_data("applianced: {configuration: {1: 2020-01-01}}"), "is not RFC 7951 JSON"),
        ({"applianced.json": b"{}", "applianced.xml": b""}, "several first configurations"),
        ({"applianced.json": b""}, "the first configuration is empty: leave it out to have the image's own"),
        ({"applianced.json": b" { }\n"}, "the first configuration is empty"),
        ({"applianced.xml": b"\n"}, "the first configuration is empty"),
        (user_data("applianced: {configuration: ''}"), "the first configuration is empty"),
        (user_data("applianced: {configuration: '{}'}"), "the first configuration is empty"),
        (user_data("applianced: {configuration: {}}"), "the first configuration is empty"),
        (user_data("ntp: {servers: one}"), "ntp servers must be a list"),
        (user_data("ntp: {servers: ['a b']}"), "'a b' is neither name nor address"),
        (user_data("applianced: {log: tcp://a:1}"), "'applianced: log' must be a list"),
        (user_data("applianced: {log: ['udp://a:1']}"), "must be tcp://HOST:PORT or tls://HOST:PORT"),
        (user_data("applianced: {log: ['tcp://a:0']}"), "must be tcp://HOST:PORT or tls://HOST:PORT"),
        (user_data("applianced: {log: [{to: 'tls://a:1', ca: some}]}"), "must be a certificate in PEM"),
        (user_data("applianced: {log: [{to: 'tcp://a\" b:1'}]}"), "must be tcp://HOST:PORT"),
        ({"network-config": b"version: 1\n"}, "network-config: version 1: only version 2 is read"),
    ],
)
def test_what_cannot_be_used_is_said(files: dict[str, bytes], message: str) -> None:
    with pytest.raises(SeedError, match=message):
        parse(files)


@given(st.dictionaries(st.sampled_from(["meta-data", "user-data", "network-config"]), st.binary(max_size=200)))
def test_any_octets_are_a_seed_or_refused(files: dict[str, bytes]) -> None:
    with suppress(SeedError):
        parse({name: b"#cloud-config\n" + content for name, content in files.items()})


_SCALARS = st.sampled_from(
    [
        "a",
        "''",
        "1",
        "2",
        ".inf",
        "'52:54:00:00:00:01'",
        "192.0.2.1",
        "192.0.2.1/24",
        "yes",
        "~",
        "2020-01-01",
        '"\\ud800"',
        "!!bool x",
        "!!timestamp x",
        "!!int ''",
        "!!set {a}",
        "*a",
    ]
)
_KEYS = st.sampled_from(
    [
        *("instance-id", "hostname", "ssh_authorized_keys", "ntp", "servers", "applianced", "configuration"),
        *(
            "to",
            "ca",
            "network",
            "version",
            "ethernets",
            "management",
            "match",
            "macaddress",
            "set-name",
            "routes",
            "1",
        ),
    ]
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]")
        | st.dictionaries(_KEYS, inner, max_size=4).map(
            lambda each: "{" + ", ".join(f"{key}: {value}" for key, value in each.items()) + "}"
        )
    ),
    max_leaves=12,
)


@settings(max_examples=500)
@given(
    st.dictionaries(
        st.sampled_from(["meta-data", "user-data", "network-config"]), st.dictionaries(_KEYS, _VALUES, max_size=4)
    )
)
def test_any_yaml_is_a_seed_or_refused(files: dict[str, dict[str, str]]) -> None:
    """And what is taken can be written down."""
    texts = {name: "".join(f"{key}: {value}\n" for key, value in each.items()) for name, each in files.items()}
    with suppress(SeedError):
        seed = parse({name: f"#cloud-config\n{text}".encode() for name, text in texts.items()})
        for text in (seed.instance_id, *seed.ignored, *(target.certificate_authority for target in seed.log_targets)):
            text.encode()


_CARD_KEYS = st.sampled_from(
    [
        *("match", "set-name", "macaddress", "dhcp4", "accept-ra", "addresses", "gateway4", "nameservers", "mtu"),
        *("routes", "to", "via", "metric"),
    ]
)


@given(
    st.dictionaries(
        st.sampled_from(["management", "inside", "eth3", "a"]),
        st.dictionaries(
            _CARD_KEYS, _VALUES | st.sampled_from(["{macaddress: '52:54:00:00:00:01'}", "[{to: default, metric: 1}]"])
        ).map(lambda each: "{" + ", ".join(f"{key}: {value}" for key, value in each.items()) + "}"),
    )
)
@example({"management": "{routes: [{to: default, metric: .inf}]}"})
def test_any_network_config_is_used_or_refused(cards: dict[str, str]) -> None:
    listed = "".join(f"  {name}: {card}\n" for name, card in cards.items())
    with suppress(SeedError):
        seed = parse({"network-config": f"version: 2\nethernets:\n{listed or '  {}'}".encode()})
        assert all("\n" not in name for name in seed.network.files)


def test_aliases_that_repeat_a_little_for_ever_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 12)]
    with pytest.raises(SeedError, match="meta-data: not YAML: with its aliases it is longer than 16777216 octets"):
        parse({"meta-data": "\n".join(lines).encode()})


OWN = {"applianced.xml": b"<config/>"}
CARD_WITHOUT_MANAGEMENT = b"{version: 2, ethernets: {a: {match: {macaddress: '52:54:00:00:00:01'}, set-name: inside}}}"


def test_names_of_cards_leave_one_for_management() -> None:
    """Unless the seed's own configuration may say where NETCONF is."""
    with pytest.raises(SeedError, match="network-config: gives cards names, but none is called management"):
        parse({"network-config": CARD_WITHOUT_MANAGEMENT})
    assert parse({"network-config": CARD_WITHOUT_MANAGEMENT, **OWN}).network.names


CARDS = ["52:54:00:00:00:01", "52:54:00:00:00:02"]
"""The first one is management."""
MATCHED = "{{match: {{macaddress: '52:54:00:00:00:0{}'}}, {}}}"


@pytest.mark.parametrize(
    ("entry", "refused"),
    [
        ("management: {mtu: 1400}", True),
        ("management: {dhcp4: false, dhcp6: false, accept-ra: false}", True),
        ("management: {routes: [{to: default, via: 192.0.2.1}]}", True),
        ("management: {dhcp4: true}", False),
        ("management: {dhcp6: true}", False),
        ("management: {accept-ra: true}", False),
        ("management: {addresses: [192.0.2.9/24]}", False),
        ("inside: {mtu: 1400}", False),
        (f"a: {MATCHED.format(1, 'mtu: 1400')}", True),
        (f"a: {MATCHED.format(1, 'dhcp4: true')}", False),
        (f"a: {MATCHED.format(2, 'mtu: 1400')}", False),
        (f"a: {MATCHED.format(2, 'set-name: management')}", True),
        (f"a: {MATCHED.format(2, 'set-name: management, dhcp4: true')}", False),
        (f"management: {MATCHED.format(2, 'mtu: 1400')}", False),
        (f"{{a: {MATCHED.format(1, 'mtu: 1400')}, management: {{dhcp4: true}}}}", True),
    ],
)
def test_network_config_leaves_management_an_address(entry: str, refused: bool) -> None:
    """Unless the seed's own configuration may give it one."""
    ethernets = entry if entry.startswith("{") else f"{{{entry}}}"
    network = {"network-config": f"{{version: 2, ethernets: {ethernets}}}".encode()}
    if refused:
        message = "network-config: gives management, where NETCONF answers, neither DHCP nor an address"
        with pytest.raises(SeedError, match=message):
            parse(network, CARDS)
        network.update(OWN)
    assert parse(network, CARDS).network.files


@pytest.mark.parametrize("name", ["set-name: management", "set-name: inside", "dhcp4: true"])
def test_a_card_that_is_not_there_is_named(name: str) -> None:
    card = MATCHED.format(3, name)
    network = {"network-config": f"version: 2\nethernets: {{nic: {card}}}\n".encode()}
    message = "network-config: nic: match: no card has the address 52:54:00:00:00:03, but 52:54:00:00:00:01, 52:54"
    with pytest.raises(SeedError, match=message):
        parse({**network, **OWN}, CARDS)
    assert parse({**network, **OWN}, [*CARDS, "52:54:00:00:00:03"])
    with pytest.raises(SeedError, match="no card has the address 52:54:00:00:00:03, but none"):
        parse({**network, **OWN}, [])


@pytest.mark.parametrize("text", ["a: !!bool x", "a: !!timestamp x", "a: !!int ''", '"\\ud800": 1', "a: &a [*a]"])
def test_what_yaml_itself_stumbles_over_is_refused(text: str) -> None:
    with pytest.raises(SeedError, match="meta-data: not YAML"):
        parse({"meta-data": text.encode()})


def test_a_seed_is_known_again() -> None:
    one = {"meta-data": b"a", "user-data": b"b"}
    assert digest(one) == digest(dict(reversed(one.items())))
    assert len({digest(each) for each in (one, {}, {"meta-data": b"ab"}, {"meta-data": b"", "user-data": b"ab"})}) == 4
