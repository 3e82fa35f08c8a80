"""What a filter can select is told from names alone, and never wrongly denied."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lxml import etree

from applianced.netconf.filters import Filter
from applianced.netconf.reading import _encoded, _long
from tests.yang.models import shipped

SEC, ALG, STATE, NC = (
    "urn:applianced:yang:security",
    "urn:applianced:yang:alg",
    "urn:applianced:yang:state",
    "urn:ietf:params:xml:ns:netconf:base:1.0",
)
GATES = "applianced-security:security/applianced-alg:alg/applianced-state:gates"
WORKERS = "applianced-security:security/flow/applianced-state:workers"
ALARMS = "applianced-system:system/applianced-state:alarms"
EVERY = {GATES, WORKERS, ALARMS}


def reached(wanted: Filter) -> set[str]:
    return {path for path in EVERY if wanted.reaches(shipped(), path)}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", set()),
        (f'<security xmlns="{SEC}"/>', {GATES, WORKERS}),
        (f'<security xmlns="{SEC}"><flow/></security>', {WORKERS}),
        (f'<security xmlns="{SEC}"><flow><workers xmlns="{STATE}"/></flow></security>', {WORKERS}),
        (f'<security xmlns="{SEC}"><flow><sessions xmlns="{STATE}"/></flow></security>', set()),
        (
            f'<security xmlns="{SEC}"><alg xmlns="{ALG}"><gates xmlns="{STATE}"><gate/></gates></alg></security>',
            {GATES},
        ),
        (f'<security xmlns="{SEC}"><alg xmlns="{SEC}"/></security>', set()),
        (f'<security xmlns="{NC}"><alg/></security>', {GATES}),
        ('<security xmlns=""><flow/></security>', {WORKERS}),
        (f'<security xmlns="{SEC}"><flow><gate-timeout>30</gate-timeout></flow></security>', {WORKERS}),
        (f'<security xmlns="{SEC}"><flow><gate-timeout>30</gate-timeout><x/></flow></security>', set()),
        (f'<security xmlns="{SEC}"><!-- all --></security>', {GATES, WORKERS}),
        ('<system xmlns="urn:applianced:yang:system"/><x xmlns="urn:x"/>', {ALARMS}),
    ],
)
def test_subtree(content: str, expected: set[str]) -> None:
    element = etree.fromstring(f'<filter xmlns="{NC}">{content}</filter>')
    assert reached(Filter.read(shipped(), element)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/s:security", {GATES, WORKERS}),
        ("/s:security/s:flow", {WORKERS}),
        ("/s:security/s:flow/st:workers/st:worker[st:queue='0']/st:pid", {WORKERS}),
        ('/s:security/s:flow[s:gate-timeout = "30"]/st:workers', {WORKERS}),
        ("/s:security/s:alg", set()),
        ("/s:security//st:gate", {GATES, WORKERS}),
        ("/s:security/*", {GATES, WORKERS}),
        ("/s:security/s:flow | /a:system", EVERY),
        ("/s:security/s:flow[count(/a:system/*) > 0]", EVERY),
        ("/s:security/s:flow/..", EVERY),
        ("/s:security[st:gates='x']/s:flow", {WORKERS}),
        ("/s:security[s:flow='x']/al:alg", {GATES, WORKERS}),
        ("/s:security/parent::node()", EVERY),
        ("//st:gate", EVERY),
        ("s:security/s:flow", EVERY),
        ("/", EVERY),
    ],
)
def test_xpath(text: str, expected: set[str]) -> None:
    prefixes = {"s": SEC, "al": ALG, "st": STATE, "a": "urn:applianced:yang:system"}
    element = etree.Element("filter", nsmap=prefixes)
    assert reached(Filter.xpath(shipped(), text, element, "")) == expected


def test_without_a_filter_everything() -> None:
    assert reached(Filter()) == EVERY


@pytest.mark.parametrize("length", [0, 1, 499, 500, 501, 1000, 1203])
def test_long_lists_are_written_as_short_ones_are(length: int) -> None:
    value: dict[str, Any] = {"a": {"b": [{"n": number} for number in range(length)], "c": {}}, "d": [1], "e": None}
    assert json.loads("".join(_encoded(value))) == value
    assert _long(value) is (length > 500)
