"""Which policies have changed, and what becomes of their sessions."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from applianced.compiler.compile import compile_plan
from applianced.compiler.plan import Change
from applianced.config.schema import Config, Policy, Term
from applianced.dataplane.rematch import Running, changed, judge
from applianced.model.tuples import Endpoint, FlowTuple, packed
from tests.support.configs import FTP_OUT, HTTP

NUMBER = 1
REMATCHED = replace(FTP_OUT, policy_rematch=True)


def flow(port: int, protocol: int = 6) -> FlowTuple:
    return FlowTuple(protocol, Endpoint(packed("10.0.0.1"), 1025), Endpoint(packed("198.51.100.2"), port))


def change(new: Config, old: Config = FTP_OUT) -> Change:
    before = compile_plan(old)
    return Change(old=old, new=new, old_plan=before, new_plan=compile_plan(new, kept=before.policies))


def with_policies(*policies: Policy, config: Config = REMATCHED) -> Config:
    return replace(config, policies=policies)


ONE = FTP_OUT.policies[0]
WEB_ONLY = replace(ONE, applications=("junos-http",))


def verdicts(what: Change, *flows: FlowTuple) -> list[int | None]:
    return [verdict.policy for verdict in judge(what, [Running(NUMBER, each, each) for each in flows])]


def test_nothing_is_judged_unless_asked_for() -> None:
    assert changed(change(with_policies(WEB_ONLY, config=FTP_OUT))) == []


def test_a_change_is_what_decides_otherwise() -> None:
    assert changed(change(REMATCHED)) == []
    assert changed(change(with_policies(replace(ONE, log_init=True, count=True)))) == []
    assert changed(change(with_policies(WEB_ONLY))) == [NUMBER]
    assert changed(change(with_policies(replace(ONE, action="deny")))) == [NUMBER]
    assert changed(change(with_policies(replace(ONE, sources=(ip_network("10.9.0.0/16"),))))) == [NUMBER]


def test_an_application_that_changes_changes_its_policies() -> None:
    moved = replace(HTTP, terms=(Term(protocol=6, destination_ports=(8080, 8080)),))
    known = FTP_OUT.applications.applications | {"junos-http": moved}
    new = replace(REMATCHED, applications=replace(FTP_OUT.applications, applications=known))
    assert changed(change(new)) == [NUMBER]
    assert verdicts(change(new), flow(80), flow(21)) == [None]


def test_what_is_no_longer_permitted_ends() -> None:
    assert verdicts(change(with_policies(WEB_ONLY)), flow(80), flow(21)) == [None]
    assert verdicts(change(with_policies(replace(ONE, action="reject"))), flow(80), flow(21)) == [None, None]


def test_what_another_policy_permits_is_its_own() -> None:
    more = replace(ONE, name="more", applications=("junos-ftp",))
    what = change(with_policies(WEB_ONLY, more))
    number = next(name.number for name in what.new_plan.policies if name.name == "more")
    assert verdicts(what, flow(80), flow(21)) == [number]


def test_what_the_default_policy_permits_is_its_own() -> None:
    new = replace(with_policies(WEB_ONLY), default_policy="permit-all")
    assert verdicts(change(new), flow(21)) == [0]


def test_icmp_ends_since_its_type_is_not_known() -> None:
    assert verdicts(change(with_policies(replace(ONE, applications=()))), flow(0, 1)) == [None]


def test_a_global_policy_must_permit_between_all_zones() -> None:
    global_ = replace(ONE, from_zone="", to_zone="")
    old = replace(FTP_OUT, policies=(), global_policies=(global_,))
    web = replace(old, policy_rematch=True, global_policies=(replace(global_, applications=("junos-http",)),))
    assert verdicts(change(web, old), flow(80), flow(21)) == [None]
