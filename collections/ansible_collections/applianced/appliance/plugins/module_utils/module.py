# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules of this collection begin and end: arguments that do not fit are told by their path, and are not sent back
where they may be a whole configuration."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from ansible.module_utils.parsing.convert_bool import BOOLEANS

from ansible_collections.applianced.appliance.plugins.module_utils.codec import as_whole, described
from ansible_collections.applianced.appliance.plugins.module_utils.schema import InputError, said_names

LARGE = ("config", "xml", "lines", "running_config")


class _Telling:
    """accepted: Ansible has found nothing wrong with the arguments. given: them, as they were before Ansible looked at
    them."""

    accepted = False

    def _load_params(self):
        super()._load_params()
        self.given = dict(self.params)
        self.params = spelled_out(self.argument_spec, self.params, frozenset(said_names()))

    def fail_json(self, msg, **more):
        """Ansible names an argument without the entry that it is in; here it is config[0].name, and in `path` too."""
        wrong = None if self.accepted else misfit(self.argument_spec, self.given, "")
        if wrong:
            msg, more["path"] = str(wrong), wrong.path
        super().fail_json(msg, **{"invocation": self.invocation(), **more})

    def invocation(self):
        """What is returned of the arguments."""
        return {"module_args": {name: value for name, value in self.params.items() if name not in LARGE}}


def telling(base):
    """An AnsibleModule that ends as above. base: AnsibleModule as the module's file has it, where actions put another
    one in its place."""
    return type("ApplianceModule", (_Telling, base), {})


def spelled_out(options, given, said):
    """The arguments with a mapping wherever true says that something is there which may have content. options: of an
    argument spec, by name. said: names of such arguments."""
    found = {}
    for name, value in given.items():
        option = options.get(name, {})
        below = option.get("options")
        if option.get("type") == "dict" and name in said and isinstance(value, bool):
            value = {} if value else None
        elif below and isinstance(value, Mapping):
            value = spelled_out(below, value, said)
        elif below and isinstance(value, list):
            value = [spelled_out(below, entry, said) if isinstance(entry, Mapping) else entry for entry in value]
        found[name] = value
    return found


def misfit(options, given, path, exclusive=()):
    """The first of the arguments that does not fit as an InputError, None when all do. options: of an argument spec,
    by name. exclusive: names of which one can be given. What Ansible can make fit does."""
    names = [name for name in given if not str(name).startswith("_ansible")]
    for name in names:
        if name not in options:
            near = get_close_matches(str(name), options, n=3, cutoff=0.5) or sorted(options)[:20]
            return InputError(_below(path, name), f"there is no such argument: use one of {', '.join(near)}")
    there = [name for name in names if given[name] is not None]
    for group in exclusive:
        several = [name for name in group if name in there]
        if len(several) > 1:
            return InputError(_below(path, several[1]), f"{' and '.join(several)} exclude each other: give one")
    missing = [name for name, option in options.items() if option.get("required") and name not in there]
    if missing:
        return InputError(path or missing[0], f"{' and '.join(missing)} must be given")
    found = (_misfit_value(options[name], given[name], _below(path, name)) for name in there)
    return next((wrong for wrong in found if wrong), None)


def _below(path, name):
    return f"{path}.{name}" if path else str(name)


def _misfit_value(option, value, path):
    kind = option.get("type", "str")
    if kind == "list" and isinstance(value, (list, tuple)):
        element = {**option, "type": option.get("elements", "raw")}
        found = (_misfit_value(element, entry, f"{path}[{at}]") for at, entry in enumerate(value))
        return next((wrong for wrong in found if wrong), None)
    if kind == "dict" and isinstance(value, Mapping):
        options = option.get("options")
        return misfit(options, value, path, option.get("mutually_exclusive") or ()) if options else None
    return _misfit_scalar(option, kind, value, path)


def _misfit_scalar(option, kind, value, path):
    message = None
    if kind == "dict" and not (isinstance(value, str) and value.strip()[:1] in ("{", "[")) and "=" not in str(value):
        message = f"a mapping is needed, this is {described(value)}"
    elif kind == "list" and isinstance(value, Mapping):
        message = f"a list is needed, this is {described(value)}"
    elif kind in ("str", "int", "bool", "path") and isinstance(value, (Mapping, list, tuple)):
        message = f"a single value is needed, this is {described(value)}"
    elif kind == "int" and not as_whole(value):
        message = f"{described(value)} is no whole number"
    elif kind == "bool" and str(value).lower() not in map(str, BOOLEANS) and not isinstance(value, bool):
        message = f"{described(value)} is not true or false"
    elif option.get("choices") and kind in ("str", "int") and str(value) not in map(str, option["choices"]):
        message = f"{described(value)} is none of {', '.join(map(str, option['choices']))}: use one of these"
    return InputError(path, message) if message else None
