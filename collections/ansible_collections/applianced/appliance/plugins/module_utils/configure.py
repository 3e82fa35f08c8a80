# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module `config` does: any path, in any of its forms, and what has to do with commits."""

from __future__ import annotations

import json
import os
import tempfile
import time

from ansible_collections.applianced.appliance.plugins.module_utils import codec, lines, transaction
from ansible_collections.applianced.appliance.plugins.module_utils.device import Device, Fault, text_element
from ansible_collections.applianced.appliance.plugins.module_utils.etags import EtagCache, fingerprint
from ansible_collections.applianced.appliance.plugins.module_utils.outcome import outcome
from ansible_collections.applianced.appliance.plugins.module_utils.paths import place_of
from ansible_collections.applianced.appliance.plugins.module_utils.resource import guarded, how_of
from ansible_collections.applianced.appliance.plugins.module_utils.rewriting import (
    Inside,
    declarations,
    without_declaration,
)
from ansible_collections.applianced.appliance.plugins.module_utils.schema import DATASTORE, InputError
from ansible_collections.applianced.appliance.plugins.module_utils.transaction import DISCARD, HISTORY, Done

FORMS = ("config", "xml", "lines", "rollback")
NOTHING = f'<system xmlns="urn:applianced:yang:system"><none xmlns="{HISTORY}"/></system>'
"""A filter that selects nothing, for a reply that has the id of running alone."""
WAITING = (
    '<system xmlns="urn:applianced:yang:system"><commits xmlns="urn:applianced:yang:state"><awaiting-confirmation/>'
    "</commits></system>"
)


def run(module):
    """The whole of the module `config`. module: an AnsibleModule."""
    guarded(module, lambda: _run(module))


def _run(module):
    params = module.params
    edits = _edits(params)
    device = Device(module)
    result = {"changed": False}
    if params["backup"]:
        result.update(backup(device, params["backup_options"] or {}, module.check_mode))
    if params["confirm"]:
        changed = _confirmation(module, device) or result["changed"]
        return {**result, "changed": changed, "round_trips": device.round_trips}
    if edits:
        result.update(_change(module, device, edits))
    return {**result, "round_trips": device.round_trips}


# --- what is to be changed ---------------------------------------------------------------------------------------


def _edits(params):
    """Operations on the candidate. Raises InputError."""
    form = "config" if params["path"] else next((name for name in FORMS if params[name] is not None), None)
    if params["path"] and params["config"] is None and params["operation"] != "remove":
        raise InputError("config", f"{params['path']} needs a value: give config, or operation remove")
    if form is None:
        if not params["confirm"] and not params["backup"]:
            raise InputError("config", f"there is nothing to do: give one of {', '.join(FORMS)}, confirm or backup")
        return []
    if form == "rollback":
        return [rollback(params["rollback"])]
    inner, default, declared = _inner(form, params)
    return [transaction.edit_config(inner, default_operation=default, declared=declared)] if inner else []


def rollback(text):
    """The <rollback> to a commit: how many commits ago, `id:` with its id, or `rescue`."""
    if text == "rescue":
        to = "<rescue/>"
    elif text.startswith("id:"):
        to = text_element("id", text[3:])
    elif text.isdigit():
        to = text_element("number", text)
    else:
        raise InputError("rollback", f"{text!r} is no commit: give how many commits ago, id: and its id, or rescue")
    return f'<rollback xmlns="{HISTORY}">{to}</rollback>'


def _inner(form, params):
    """What stands in <config>, the default operation, and prefixes that are to be declared."""
    operation = params["operation"]
    if form == "lines":
        return lines.edit_of(params["lines"]), "merge", {}
    default = "replace" if operation == "override" and not params["path"] else "merge"
    if form == "xml":
        inner, declared = _xml_inner(params["xml"], operation)
        return inner, default, declared
    inner = _json_inner(params["config"], params["path"], operation)
    if default == "replace" and not inner:
        raise InputError("config", "nothing is in it, and that cannot be all of a configuration: give one")
    return inner, default, {}


def _xml_inner(text, operation):
    """What stands in <config>, or the text itself when it is that already, and the prefixes declared around it."""
    text = without_declaration(text)
    marked = operation if operation in ("replace", "remove") else ""
    try:
        names = Inside(f"<holder>{text}</holder>", 1).names
        depth = 1 if len(names) > 1 and names[1] in ("config", "data") else 0
        inside = Inside(f"<holder>{text}</holder>", depth, operation=marked, strict=True)
    except InputError as error:
        raise InputError("xml", error.message) from None
    if not inside.count:
        raise InputError("xml", "no element is in it: give what is to be configured")
    return inside.text, inside.declared


def _json_inner(given, path, operation):
    # At a path both are the same: exactly what is given.
    operation = "replace" if operation == "override" and path else operation
    marked = f' nc:operation="{operation}"' if operation in ("replace", "remove") else ""
    if not path:
        tree = codec.read_container(DATASTORE, _loaded(given, "config"), "config", codec.Json)
        return "".join(
            codec.element(DATASTORE, DATASTORE.children[name], value, marked) for name, value in tree.items()
        )
    place = place_of(path)
    if operation == "remove":
        return place.wrapped(place.instance("", marked))
    return place.wrapped(place.read(_loaded(given, "config"), marked))


def _loaded(given, path):
    """JSON may come as text."""
    if not isinstance(given, str) or not given.lstrip().startswith(("{", "[")):
        return given
    try:
        return json.loads(given)
    except ValueError as error:
        raise InputError(path, f"this is no JSON: {error}") from None


# --- changing ----------------------------------------------------------------------------------------------------


def _change(module, device, edits):
    how = how_of(module, device)
    cache = EtagCache(module.params["cache_path"], device.peer())
    arguments = fingerprint([module.params[name] for name in (*FORMS, "path", "operation")])
    # Where a rollback leads to depends on when it is asked.
    lasting = module.params["rollback"] is None

    def attempt(count):
        if not lasting:
            return transaction.put(device, edits, how)
        known = cache.known("config", arguments) if count == 1 else None
        reply = device.call(transaction.get_config(NOTHING, known or "?"))
        at = transaction.etag_of(transaction.data_of(reply))
        if at == "=":
            return Done(False, (), known)
        done = transaction.put(device, edits, how)
        # An id that was read before the comparison may be older than what was compared, never newer.
        return done if done.changed else Done(False, (), at)

    done = transaction.retrying(how, attempt)
    if lasting and done.etag:
        cache.keep("config", arguments, done.etag)
    return outcome(module, device, done)


def _confirmation(module, device):
    """Confirm a commit that waits for it, or take it back. Returns whether there is one, in check mode as well.

    With a name there must be one.
    """
    params = module.params
    name, verb = params["persist_id"], params["confirm"]
    waiting = _waiting(device)
    if module.check_mode:
        return _foreseen(module, waiting)
    token = text_element("persist-id", name)
    asked = f"<commit>{token}</commit>" if verb == "commit" else f"<cancel-commit>{token}</cancel-commit>"
    # What was edited and not committed is no part of what is confirmed.
    reply = device.exchange(DISCARD, transaction.UPDATE, asked)[-1]
    if isinstance(reply, Fault) and (name or waiting is not None or reply.tag != "operation-failed"):
        raise reply
    return bool(name) or waiting is not None


def _waiting(device):
    """What the appliance says of the commit that waits for its confirmation; None when there is none."""
    reply = device.call(f'<get><filter type="subtree">{WAITING}</filter></get>')
    tree = codec.decode(DATASTORE, transaction.data_of(reply))
    return tree.get("system", {}).get("commits", {}).get("awaiting-confirmation")


def _foreseen(module, waiting):
    name = module.params["persist_id"]
    persistent = waiting is not None and waiting.get("persistent") == "true"
    if name and not persistent:
        module.warn(f"no commit named {name} waits for its confirmation now: a task before this one has to make it")
    if persistent and not name:
        raise InputError("persist_id", "the commit that waits for its confirmation has a name: give it")
    return persistent if name else waiting is not None


# --- backup ------------------------------------------------------------------------------------------------------


def backup(device, options, check=False):
    """Write running to a file on the controller, unless the same is there. Returns what the module says of it.

    check: only say whether it would be written.
    """
    form = options.get("format") or "xml"
    reply = device.read("<get-config><source><running/></source></get-config>")
    folder = os.path.expanduser(options.get("dir_path") or "backup")
    name = options.get("filename") or f"{device.peer().rpartition('@')[2]}_{time.strftime('%Y%m%dT%H%M%S')}.{form}"
    path = os.path.join(folder, name)
    try:
        wrote = keep_private(path, config_text(reply, form), check)
    except OSError as error:
        raise InputError("backup_options", f"{path} cannot be written: {error.strerror}") from None
    return {"backup_path": os.path.abspath(path), "changed": wrote}


def config_text(reply, form):
    """A whole configuration as a file has it, of the text of a reply."""
    if form == "json":
        tree = codec.decode(DATASTORE, codec.parse_xml(reply).find(f"{{{codec.NETCONF}}}data"))
        return json.dumps(codec.show_container(DATASTORE, tree, codec.Json), indent=2) + "\n"
    inside = Inside(reply, 1, indented=True)
    return f'<config xmlns="{codec.NETCONF}"{declarations(inside.declared)}>{inside.text}\n</config>\n'


def keep_private(path, text, check=False):
    """Have this text in a file for its owner alone: hashes of passwords are in it. Returns whether something was to be
    done; with `check` it is not done. Raises OSError; what was there before is there then."""
    path = os.path.realpath(path)
    if _is_private(path, text):
        return False
    if not check:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        handle, written = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(path)}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(written, path)
        except OSError:
            os.unlink(written)
            raise
    return True


def _is_private(path, text):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read() == text and not os.fstat(file.fileno()).st_mode & 0o077
    except (OSError, ValueError):
        return False


__all__ = ["backup", "run"]
