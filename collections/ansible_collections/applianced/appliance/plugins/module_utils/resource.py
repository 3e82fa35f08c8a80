# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of the resource modules: one flow for every state of every resource."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ansible_collections.applianced.appliance.plugins.module_utils import codec, reconcile, secrets, transaction
from ansible_collections.applianced.appliance.plugins.module_utils.codec import Arguments, Changes, Json
from ansible_collections.applianced.appliance.plugins.module_utils.device import NO_CONNECTION, Device, Fault
from ansible_collections.applianced.appliance.plugins.module_utils.etags import EtagCache, fingerprint
from ansible_collections.applianced.appliance.plugins.module_utils.outcome import outcome
from ansible_collections.applianced.appliance.plugins.module_utils.schema import (
    CONTAINER,
    DATASTORE,
    LIST,
    InputError,
)
from ansible_collections.applianced.appliance.plugins.module_utils.transaction import How


@dataclass(frozen=True)
class Part:
    """A part of the configuration. argument: its name in `config`, "" when it is all of `config`. path: names from the
    top. without: children that another module owns."""

    argument: str
    path: tuple
    without: tuple = ()

    @property
    def node(self):
        node = DATASTORE
        for name in self.path:
            node = node.children[name]
        return node

    @property
    def holder(self):
        """The container that is edited: the node, or what holds the list."""
        return self.path[:-1] if self.node.kind == LIST else self.path


class Resource:
    """What one module configures. Trees are plain, from the top of the configuration."""

    def __init__(self, name, parts):
        self.name = name
        self.parts = parts

    def read(self, given, dialect=Arguments, path="config"):
        """The plain trees of `config`, by part. path: of `given`, for errors. Raises InputError."""
        if len(self.parts) == 1 and not self.parts[0].argument:
            part = self.parts[0]
            return {part: codec.read(part.node, given, path, dialect) if given is not None else None}
        given = {} if given is None else given
        if not isinstance(given, dict):
            raise InputError(path, f"a mapping is needed, this is {codec.described(given)}")
        known = [part.argument for part in self.parts]
        for name in given:
            if name not in known:
                raise InputError(f"{path}.{name}", f"there is no such argument: use one of {', '.join(known)}")
        return {
            part: codec.read(part.node, given[part.argument], f"{path}.{part.argument}", dialect)
            for part in self.parts
            if given.get(part.argument) is not None
        }

    def show(self, trees):
        """As `read` takes it: `config` of what is there."""
        if len(self.parts) == 1 and not self.parts[0].argument:
            part = self.parts[0]
            return codec.show(part.node, trees[part], Arguments)
        return {part.argument: codec.show(part.node, trees[part], Arguments) for part in self.parts if trees[part]}

    def filter(self):
        """A subtree filter that selects the parts."""
        return "".join(_wrapped(part.path, "") for part in self.parts)

    def decode(self, data):
        """The plain trees by part, of an element that holds the top of a configuration."""
        whole = codec.decode(DATASTORE, data)
        return {part: _owned(part, _below(whole, part.path)) for part in self.parts}

    def want(self, state, have, given):
        """What a state makes of what is there."""
        want = {}
        for part in self.parts:
            if part not in given and state in ("merged", "replaced"):
                want[part] = have[part]
            elif part.node.kind == LIST:
                want[part] = _want_list(part.node, state, have[part], given.get(part) or {})
            elif state == "deleted" and len(self.parts) > 1 and part not in given and given:
                want[part] = have[part]
            else:
                want[part] = reconcile.STATES[state](part.node, have[part], given.get(part) or {})
        return want

    def edit(self, have, want):
        """XML of the edit, "" for none."""
        return "".join(self._edit_part(part, have[part], want[part]) for part in self.parts)

    def _edit_part(self, part, have, want):
        node = part.node
        if node.kind == LIST:
            holder = _node_at(part.path[:-1])
            inner = reconcile.edit(holder, {node.name: have}, {node.name: want})
        else:
            inner = reconcile.edit(node, have, want)
        return _wrapped(part.holder, inner) if inner else ""


class Several:
    """Resources that are changed together, in one commit. resources: by name."""

    name = "resources"

    def __init__(self, resources):
        self._resources = resources

    @property
    def parts(self):
        return [part for resource in self._resources.values() for part in resource.parts]

    def read(self, given, dialect=Arguments):
        """The plain trees by part, of `config` by name of the resource. Raises InputError."""
        found = {}
        for name, config in given.items():
            if name not in self._resources:
                continue
            trees = self._resources[name].read(config, dialect, f"config.{name}")
            found.update({part: tree for part, tree in trees.items() if tree is not None})
        return found

    def show(self, trees):
        return {name: resource.show(trees) for name, resource in self._resources.items()}

    def filter(self):
        return "".join(resource.filter() for resource in self._resources.values())

    def decode(self, data):
        whole = codec.decode(DATASTORE, data)
        return {part: _owned(part, _below(whole, part.path)) for part in self.parts}

    def want(self, state, have, given):
        want = {}
        for resource in self._resources.values():
            want.update(resource.want(state, have, given))
        return want

    def edit(self, have, want):
        return "".join(resource.edit(have, want) for resource in self._resources.values())


def _node_at(path):
    node = DATASTORE
    for name in path:
        node = node.children[name]
    return node


def _want_list(node, state, have, given):
    """As for the children of a container that holds this list alone."""
    holder = _Holder(node)
    if state == "deleted" and not given:
        return {}
    if state == "overridden":
        return given
    return reconcile.STATES[state](holder, {node.name: have}, {node.name: given}).get(node.name, {})


class _Holder:
    """A container of one child."""

    kind = CONTAINER

    def __init__(self, node):
        self.children = {node.name: node}


def _wrapped(path, inner):
    """XML of nested elements from the top around `inner`."""
    node, opened = DATASTORE, []
    for name in path:
        opened.append((node, node.children[name]))
        node = node.children[name]
    for parent, child in reversed(opened):
        inner = codec.tagged(parent, child, inner)
    return inner


def _below(tree, path):
    for name in path:
        tree = tree.get(name, {})
    return tree


def _owned(part, tree):
    """Without what others own, and without state."""
    node = part.node
    if node.kind == LIST:
        return tree
    return {name: value for name, value in tree.items() if name not in part.without and node.children[name].config}


# --- the module --------------------------------------------------------------------------------------------------


def run(module, resource):
    """The whole of a resource module. module: an AnsibleModule."""
    guarded(module, lambda: _run(module, resource))


def run_several(module, resources):
    """The whole of the module `resources`. resources: all there are, by name."""

    def work():
        config, state = module.params["config"] or {}, module.params["state"]
        for name in config:
            if name not in resources:
                raise InputError(
                    f"config.{name}", f"no resource has this name: use one of {', '.join(sorted(resources))}"
                )
        # What is null is not named, as everywhere in Ansible; a hash of the arguments does not tell the two apart.
        wanted = [name for name, given in config.items() if given is not None]
        if not wanted and state == "gathered":
            wanted = list(resources)
        return _run(module, Several({name: resources[name] for name in resources if name in wanted}))

    guarded(module, work)


def guarded(module, work):
    """End the module with what `work()` returns, or with what was refused."""
    module.accepted = True
    # Ansible would put a mask of its own in the place of ours.
    module.no_log_values.discard(secrets.MASK)
    try:
        result = work()
    except InputError as error:
        module.fail_json(msg=str(error), path=error.path)
    except Fault as fault:
        if fault.tag == NO_CONNECTION:
            # As Ansible has it of a connection that is no process of its own.
            module.exit_json(
                unreachable=True,
                changed=False,
                msg=fault.described(),
                error=fault.result(),
                invocation=module.invocation(),
            )
        module.fail_json(msg=fault.described(), error=fault.result())
    else:
        module.exit_json(invocation=module.invocation(), **result)


def _run(module, resource):
    state, params = module.params["state"], module.params
    if state == "parsed":
        return {"changed": False, "parsed": shown(resource, _parsed(resource, params["running_config"]))}
    if state == "rendered":
        given = resource.read(params["config"])
        return {"changed": False, "rendered": resource.edit(_nothing(resource), _whole(resource, given))}
    device = Device(module)
    if state == "gathered":
        have, _etag = _read(device, resource)
        return {"changed": False, "gathered": shown(resource, have), "round_trips": device.round_trips}
    return _change(module, resource, device)


def _argument(part):
    return f"config.{part.argument}" if part.argument else "config"


def shown(resource, trees):
    """What a module returns of what is there."""
    return secrets.masked(resource.show(trees))


def _nothing(resource):
    return {part: {} for part in resource.parts}


def _whole(resource, given):
    return {part: given.get(part) or {} for part in resource.parts}


def _parsed(resource, text):
    """The trees of a configuration in XML (<data>, <config>, or its content) or JSON (RFC 7951)."""
    if text.lstrip().startswith("{"):
        try:
            loaded = json.loads(text)
        except ValueError as error:
            raise InputError("running_config", f"this is no JSON: {error}") from None
        whole = codec.read_container(DATASTORE, loaded, "running_config", Json)
        return {part: _owned(part, _below(whole, part.path)) for part in resource.parts}
    root = codec.parse_xml(text)
    if codec.split_tag(root)[1] == "rpc-reply":
        root = next(iter(root), root)
    if codec.split_tag(root)[1] in ("data", "config"):
        return resource.decode(root)
    holder = codec.parse_xml("<config/>")
    holder.append(root)
    return resource.decode(holder)


def _read(device, resource, etag="?"):
    """What is there, and the id of running; None for what is there when nothing has changed since `etag`."""
    reply = device.call(transaction.get_config(resource.filter(), etag))
    data = transaction.data_of(reply)
    now = transaction.etag_of(data)
    if now == "=":
        return None, etag
    if etag == "?":
        return resource.decode(data), now
    if _unchanged(resource, data):
        return None, now
    # What did not change since then was left out of the reply.
    return _read(device, resource)


def _unchanged(resource, data):
    """Whether each part, or something above it, is what was known."""
    return all(_known(data, part.holder) for part in resource.parts)


def _known(element, path):
    node = DATASTORE
    for name in path:
        node = node.children[name]
        element = element.find(f"{{{node.namespace}}}{name}")
        if element is None:
            return False
        if transaction.etag_of(element) == "=":
            return True
    return False


def how_of(module, device):
    """What the arguments that all changing modules share say. Raises InputError."""
    params = module.params
    if params["confirm_timeout"] is not None and params["confirm_timeout"] < 1:
        raise InputError("confirm_timeout", "this is no time to confirm in: give a second or more, or leave it out")
    if params["confirm_timeout"] and not params["persist_id"] and not device.lasting:
        raise InputError("confirm_timeout", "over this connection a session ends with its task: give persist_id, too")
    waits = params["when_busy"] == "wait"
    return How(
        check=module.check_mode,
        comment=params["comment"],
        confirm_timeout=params["confirm_timeout"],
        persist_id=params["persist_id"],
        wait_s=params["busy_timeout"] if waits else 0.0,
    )


def _change(module, resource, device):
    params, how = module.params, how_of(module, device)
    cache = EtagCache(params["cache_path"], device.peer())
    arguments = fingerprint([params["state"], params["config"]])
    known = cache.known(resource.name, arguments)
    # What is remembered was read before; of a large state that is most of the work of a run without changes.
    given = None if known else _given(resource, params)

    def attempt(count):
        have, now = _read(device, resource, known if known and count == 1 else "?")
        if have is None:
            return None, now, transaction.Done(False, (), now)
        want = resource.want(params["state"], have, given or _given(resource, params))
        want = {part: secrets.kept(have[part], tree, _argument(part)) for part, tree in want.items()}
        edit = resource.edit(have, want)
        if not edit:
            return have, now, transaction.Done(False, (), now)
        return have, now, transaction.put(device, [transaction.edit_config(edit, now)], how)

    before, at, done = transaction.retrying(how, attempt)
    if not done.changed:
        cache.keep(resource.name, arguments, at)
    elif not how.check and done.etag:
        cache.advance(at, done.etag, resource.name)
        cache.keep(resource.name, arguments, done.etag)
    return outcome(module, device, done, **({"before": shown(resource, before)} if done.changed else {}))


def _given(resource, params):
    dialect = Changes if params["state"] in ("merged", "replaced") else Arguments
    return resource.read(params["config"] or ({} if isinstance(resource, Several) else None), dialect)


__all__ = ["Part", "Resource", "guarded", "how_of", "run", "run_several", "shown"]
