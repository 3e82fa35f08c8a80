# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and calling: what the modules get, rpc, facts, gates, sessions, counters and clear do."""

from __future__ import annotations

import time

from ansible_collections.applianced.appliance.plugins.module_utils import codec, transaction
from ansible_collections.applianced.appliance.plugins.module_utils.codec import Json
from ansible_collections.applianced.appliance.plugins.module_utils.device import Device, Fault
from ansible_collections.applianced.appliance.plugins.module_utils.paths import place_of
from ansible_collections.applianced.appliance.plugins.module_utils.resource import shown as shown_resource
from ansible_collections.applianced.appliance.plugins.module_utils.resource_table import RESOURCES
from ansible_collections.applianced.appliance.plugins.module_utils.rewriting import (
    Inside,
    declarations,
    without_declaration,
)
from ansible_collections.applianced.appliance.plugins.module_utils.schema import (
    DATASTORE,
    LIST,
    MODULES,
    InputError,
    operation,
)

try:
    import xmltodict
except ImportError:
    xmltodict = None

PAGE = 1000
INTERVAL_S = 0.5
READING = ("get", "compare", "validate")
"""Operations whose names begin so change nothing."""


# --- get ---------------------------------------------------------------------------------------------------------


def get(module):
    """Configuration or state, whole or what paths or a filter select."""
    params, device = module.params, Device(module)
    inner = _filter(params)
    wanted = f'<filter type="subtree">{inner}</filter>' if inner is not None else ""
    if params["source"] == "operational":
        reply = device.read(f"<get>{wanted}</get>")
    else:
        reply = device.read(f"<get-config><source><{params['source']}/></source>{wanted}</get-config>")
    output = shown(reply, params["display"], DATASTORE, 1)
    return {"changed": False, "round_trips": device.round_trips, "output": output}


def _filter(params):
    if params["filter"] is not None:
        return _elements(params["filter"])
    if params["paths"] is None:
        return None
    places = [place_of(path) for path in params["paths"]]
    return "".join(_selection(place) for place in places)


def _elements(text):
    """A filter as it is given, when there are elements in it and no text beside them. Raises InputError."""
    text = without_declaration(text)
    try:
        if Inside(f"<holder>{text}</holder>", 0, strict=True).count:
            return text
    except InputError as error:
        raise InputError("filter", error.message) from None
    raise InputError("filter", "no element is in it: give what is to be read, or leave it out")


def _selection(place):
    if place.node.kind == LIST and not place.key:
        return place.wrapped(codec.tagged(place.parent, place.node, ""))
    return place.wrapped(place.instance(""))


def shown(reply, display, node, depth):
    """What stands in the first element at a depth of a reply's text (0: the reply itself), in one of three forms."""
    if display == "json":
        element = codec.parse_xml(reply)
        return codec.show_container(node, codec.decode(node, next(iter(element)) if depth else element), Json)
    inside = Inside(reply, depth)
    if display == "xml":
        return inside.text
    if xmltodict is None:
        raise InputError("display", "dict needs the Python package xmltodict: install it, or use json or xml")
    return xmltodict.parse(f"<output{declarations(inside.declared)}>{inside.text}</output>")["output"] or {}


# --- rpc ---------------------------------------------------------------------------------------------------------


def rpc(module):
    """Any operation: one that the model has with its parameters as JSON, or its XML."""
    params = module.params
    node, name = None, params["rpc"] or ""
    if params["xml"]:
        asked = without_declaration(params["xml"])
        name = codec.split_tag(codec.parse_xml(asked, "xml"))[1]
    else:
        asked, node = call_of(name, params["input"] or {})
    local = name.rpartition(":")[2]
    changes = not local.startswith(READING)
    if changes and module.check_mode:
        return {"changed": True, "output": {}, "round_trips": 0}
    device = Device(module)
    reply = device.read(asked)
    display = params["display"] if node is not None or params["display"] != "json" else "xml"
    return {"changed": changes, "round_trips": device.round_trips, "output": shown(reply, display, node, 0)}


def call_of(name, given):
    """The XML of an operation, and the node that its answer is decoded by. Raises InputError."""
    module, taken, answered = operation(name)
    plain = codec.read_container(taken, given, "input", Json)
    local = name.rpartition(":")[2]
    return codec.tagged(_NOWHERE, _Call(local, module), codec.encode(taken, plain)), answered


class _Nowhere:
    """What an operation stands in, as far as namespaces go."""

    module = ""


_NOWHERE = _Nowhere()


class _Call:
    """An operation as an element."""

    def __init__(self, name, module):
        self.name = name
        self.module = module
        self.namespace = MODULES[module]


# --- operational -------------------------------------------------------------------------------------------------


def asked(device, name, given):
    """The answer of an operation as a plain tree."""
    text, node = call_of(name, {key: value for key, value in given.items() if value is not None})
    return codec.show_container(node, codec.decode(node, device.call(text)), codec.Arguments)


def pages(device, name, entries, given, limit):
    """Entries of a list that comes in pages, at most `limit` of them, and how many there are."""
    found, after = [], None
    while True:
        count = max(1, min(PAGE, limit - len(found)))
        answer = asked(device, name, {**given, "after": after, "count": count})
        found += answer.get(entries, [])
        after = answer.get("next")
        if after is None or len(found) >= limit:
            return found[:limit], answer.get("matched", len(found))


def waited(module, look, missing):
    """Look until nothing is missing, for at most `timeout` seconds. Returns what was seen last, and what is missing.

    look: returns what is seen. missing: of what is seen, the texts of assertions that do not hold.
    """
    deadline = time.monotonic() + module.params["timeout"]
    while True:
        seen = look()
        lacking = missing(seen)
        if not lacking or time.monotonic() >= deadline:
            return seen, lacking
        time.sleep(INTERVAL_S)


def listing(module, name, entries, given, assertions):
    """What the modules gates and sessions do. assertions: (at_least, at_most)."""
    device = Device(module)
    found, lacking = waited(
        module,
        lambda: pages(device, name, entries.replace("-", "_"), given, module.params["limit"]),
        lambda seen: out_of_range(entries, seen[1], *assertions),
    )
    shown_entries, matched = found
    result = {"matched": matched, entries.replace("-", "_") + "s": shown_entries, "round_trips": device.round_trips}
    if lacking:
        module.fail_json(msg="; ".join(lacking), **result)
    return {"changed": False, **result}


def out_of_range(what, value, at_least, at_most):
    """Texts of the bounds that a number is out of."""
    lacking = []
    if at_least is not None and value < at_least:
        lacking.append(f"{what}: {value}, and at least {at_least} were awaited")
    if at_most is not None and value > at_most:
        lacking.append(f"{what}: {value}, and at most {at_most} were awaited")
    return lacking


def counters(module):
    """Counters of ALGs, and assertions about them."""
    params, device = module.params, Device(module)
    given = {"alg": params["alg"], "non-zero": [None] if params["non_zero"] and not params["expect"] else None}

    def look():
        answer = asked(device, "get-alg-counters", given)
        return {
            alg["name"]: {event["name"]: event["value"] for event in alg.get("event", [])}
            for alg in answer.get("alg", [])
        }

    found, lacking = waited(module, look, lambda seen: _unmet(params["expect"] or [], seen))
    result = {"counters": found, "round_trips": device.round_trips}
    if lacking:
        module.fail_json(msg="; ".join(lacking), **result)
    return {"changed": False, **result}


def _unmet(expected, seen):
    lacking = []
    for at, wanted in enumerate(expected):
        events = seen.get(wanted["alg"])
        if events is None or wanted["event"] not in events:
            known = ", ".join(sorted(events if events is not None else seen))
            what = wanted["event"] if events is not None else wanted["alg"]
            raise InputError(f"expect[{at}]", f"{what} is not counted: use one of {known}")
        name = f"{wanted['alg']} {wanted['event']}"
        lacking += out_of_range(name, events[wanted["event"]], wanted["at_least"], wanted["at_most"])
    return lacking


CLEARS = {
    "gate": ("clear-gate", "number"),
    "control_session": ("clear-control-session", "id"),
    "data_session": ("clear-data-session", "id"),
    "alg_sessions": ("clear-alg-sessions", "alg"),
    "alg_counters": ("clear-alg-counters", "alg"),
    "resources": ("clear-resources", None),
}


def clear(module):
    """Close gates, end sessions, set counters back."""
    params = module.params
    name, argument = CLEARS[params["what"]]
    given = {argument: params[argument if argument == "alg" else "number"]} if argument else {}
    text, node = call_of(name, {key: value for key, value in given.items() if value is not None})
    device = Device(module)
    if module.check_mode:
        _require(device, params)
        return {"changed": True, "ended": {}, "round_trips": device.round_trips}
    answer = codec.decode(node, device.call(text))
    return {
        "changed": True,
        "ended": codec.show_container(node, answer, codec.Arguments),
        "round_trips": device.round_trips,
    }


LISTED = {
    "gate": ("get-gates", "gate", "number"),
    "control_session": ("get-control-sessions", "control-session", "id"),
    "data_session": ("get-data-sessions", "data-session", "id"),
}
"""What has a number: the operation that lists it, the list, and the leaf with the number."""


def _require(device, params):
    """That there is what is to be cleared. Raises InputError and Fault."""
    if params["what"] in LISTED:
        name, entries, leaf = LISTED[params["what"]]
        number = params["number"]
        found = asked(device, name, {"after": number - 1 if number > 0 else None, "count": 1})
        if number not in (entry[leaf] for entry in found.get(entries.replace("-", "_"), [])):
            raise InputError("number", f"there is no {entries.replace('-', ' ')} {number}: see what is listed")
    elif params["alg"] is not None:
        asked(device, "get-alg-counters", {"alg": params["alg"], "non-zero": [None]})


# --- facts -------------------------------------------------------------------------------------------------------

FACTS = (
    '<system xmlns="urn:applianced:yang:system"><host-name/><platform-profile/>'
    '<commits xmlns="urn:applianced:yang:state"/></system>'
)


def facts(module):
    """What an appliance is, what was committed last, and resources in the form of their modules."""
    params, device = module.params, Device(module)
    wanted = params["gather_network_resources"] or []
    names = list(RESOURCES) if "all" in wanted else wanted
    operations = [f'<get><filter type="subtree">{FACTS}</filter></get>']
    if names:
        inner = "".join(RESOURCES[name].filter() for name in names)
        operations.append(transaction.get_config(inner))
    replies = device.exchange(*operations)
    for reply in replies:
        if isinstance(reply, Fault):
            raise reply
    found = _basics(transaction.data_of(replies[0]))
    if names:
        data = transaction.data_of(replies[1])
        found["ansible_net_etag"] = transaction.etag_of(data)
        trees = {name: RESOURCES[name] for name in names}
        found["ansible_network_resources"] = {
            name: shown_resource(each, each.decode(data)) for name, each in trees.items()
        }
    return {"changed": False, "ansible_facts": found, "round_trips": device.round_trips}


def _basics(data):
    system = codec.show_container(DATASTORE, codec.decode(DATASTORE, data), codec.Arguments).get("system", {})
    commits = system.get("commits", {})
    last = next(iter(commits.get("commit", [])), {})
    return {
        "ansible_net_system": "applianced",
        "ansible_net_api": "netconf",
        "ansible_net_hostname": system.get("host_name", ""),
        "ansible_net_platform_profile": system.get("platform_profile", ""),
        "ansible_net_commit": last,
        "ansible_net_awaiting_confirmation": commits.get("awaiting_confirmation", {}),
    }
