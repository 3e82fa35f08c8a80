# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a controller remembers of appliances: which arguments a module last put in force, and the transaction id that
running had then. Losing it costs one reading of the configuration, never a wrong result."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile

ANYTHING = ("config", "resources")
"""Modules that may configure what others do. The parts of all others are apart from each other."""
PER_MODULE = 4
VERSION = 2
"""Of the file, of how arguments are hashed, and of what they mean."""


def fingerprint(arguments):
    """A hash of what JSON can hold; what is None counts as not given."""
    text = json.dumps([VERSION, _given(arguments)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _given(value):
    if isinstance(value, dict):
        return {key: _given(below) for key, below in value.items() if below is not None}
    return [_given(below) for below in value] if isinstance(value, (list, tuple)) else value


class EtagCache:
    """A file per appliance, in `directory`; "" remembers nothing. peer: user and address, as the plugin names them.

    Of each module the last few arguments are kept, the latest first: a playbook may call one twice.
    """

    def __init__(self, directory, peer):
        name = hashlib.sha256(peer.encode()).hexdigest()[:32]
        self._path = os.path.join(os.path.expanduser(directory), f"{name}.json") if directory else ""
        self._entries = self._load()

    def known(self, module, arguments):
        """The id at which these arguments were in force, None when they are not remembered."""
        found = (entry["etag"] for entry in self._entries.get(module, ()) if entry["arguments"] == arguments)
        return next(found, None)

    def keep(self, module, arguments, etag):
        """Running has these arguments in force at this id."""
        others = [entry for entry in self._entries.get(module, ()) if entry["arguments"] != arguments]
        self._entries[module] = [{"arguments": arguments, "etag": etag}, *others[: PER_MODULE - 1]]
        self._store()

    def advance(self, before, after, module):
        """A commit of `module` alone led from one id to the other: what modules put in force that configure other
        parts still is."""
        for name, entries in self._entries.items():
            apart = name != module and module not in ANYTHING and name not in ANYTHING
            for entry in entries if apart else ():
                if entry["etag"] == before:
                    entry["etag"] = after

    def _load(self):
        if not self._path:
            return {}
        try:
            with open(self._path, encoding="utf-8") as file:
                return _checked(json.load(file))
        except (OSError, ValueError):
            return {}

    def _store(self):
        if not self._path:
            return
        folder = os.path.dirname(self._path)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            handle, written = tempfile.mkstemp(dir=folder)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"version": VERSION, "modules": self._entries}, file)
            os.replace(written, self._path)
        except OSError:
            # A cache that cannot be written is one that is lost.
            return


def _checked(loaded):
    """The entries of a file, without what has another form."""
    if not isinstance(loaded, dict) or loaded.get("version") != VERSION or not isinstance(loaded.get("modules"), dict):
        return {}
    return {
        name: [{"arguments": entry["arguments"], "etag": entry["etag"]} for entry in entries if _is_entry(entry)]
        for name, entries in loaded["modules"].items()
        if isinstance(entries, list)
    }


def _is_entry(entry):
    return isinstance(entry, dict) and all(isinstance(entry.get(name), str) for name in ("arguments", "etag"))
