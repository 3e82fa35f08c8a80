"""The RPCs about support bundles."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any

from applianced.datastore.lock import Store
from applianced.datastore.native import Form
from applianced.datastore.secrets import Secrets
from applianced.errors import ApplianceError, ConfigError
from applianced.netconf.caller import Caller
from applianced.netconf.filters import Filter
from applianced.netconf.history import Act
from applianced.netconf.reading import Reading
from applianced.northbound.bundles import Bundle, BundleFolder
from applianced.northbound.bundling import Known, content, own_log
from applianced.northbound.configuration import Configuration
from applianced.northbound.state import StateProvider, bundle_entry
from applianced.northbound.threads import in_thread

_MODULE = "applianced-operations"


class SupportBundles:
    """Makes, lists, hands out and deletes them; one is made at a time."""

    def __init__(self, configuration: Configuration, reading: Reading, state: StateProvider) -> None:
        self._configuration = configuration
        self._reading = reading
        self._state = state
        self._folder = BundleFolder(configuration.state_dir)
        self._making = asyncio.Lock()
        self._secrets: Secrets | None = None

    @property
    def offered(self) -> Mapping[str, Act]:
        """By "module:rpc"."""
        return {
            f"{_MODULE}:make-support-bundle": self._make,
            f"{_MODULE}:get-support-bundles": self._list,
            f"{_MODULE}:get-support-bundle": self._get,
            f"{_MODULE}:delete-support-bundle": self._delete,
        }

    async def _make(self, caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        async with self._making:
            if self._secrets is None:
                self._secrets = await in_thread(Secrets, self._configuration.models)
            known = await self._known()
            made = await in_thread(content, self._secrets, known, self._configuration.state_dir, caller.author)
            bundle = await in_thread(self._folder.keep, made.files)
        return {**bundle_entry(bundle), **({"missing": made.missing} if made.missing else {})}

    async def _known(self) -> Known:
        async with self._configuration.contents.reading(Store.RUNNING, None) as tree:
            body = await in_thread(tree.render, Form.JSON)
        state = await self._reading.state_parts(Filter())
        try:
            told = await self._state.act(f"{_MODULE}:diagnose", {})
        except ApplianceError as error:
            told = {"files": {}, "missing": [f"kernel, dataplane: {error}"]}
        return Known(
            configuration=await in_thread(json.loads, body),
            commits=self._configuration.history(),
            state=state,
            files={**told["files"], **own_log()},
            missing=told["missing"],
        )

    async def _list(self, caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        kept = await in_thread(self._folder.kept)
        return {"support-bundle": [bundle_entry(bundle) for bundle in kept]}

    async def _get(self, caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        bundle = await self._named("get-support-bundle", arguments)
        offset, length = int(arguments["offset"]), int(arguments["length"])
        if offset > bundle.size:
            message = f"{bundle.name} has {bundle.size} octets: begin at 0, and go on at 'next' of each part"
            raise ConfigError(f"/{_MODULE}:get-support-bundle/offset", message, bad_element="offset")
        octets = await in_thread(self._folder.part, bundle, offset, length)
        following = offset + len(octets)
        more = {"next": str(following)} if octets and following < bundle.size else {}
        return {"content": base64.b64encode(octets).decode(), **more}

    async def _delete(self, caller: Caller, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        bundle = await self._named("delete-support-bundle", arguments)
        await in_thread(self._folder.delete, bundle)
        return {}

    async def _named(self, rpc: str, arguments: Mapping[str, Any]) -> Bundle:
        name = str(arguments["name"])
        bundle = await in_thread(self._folder.find, name)
        if bundle is None:
            there = ", ".join(each.name for each in await in_thread(self._folder.kept))
            message = f'there is no support bundle "{name}": there is {there or "none"}'
            raise ConfigError(f"/{_MODULE}:{rpc}/name", message, bad_element="name")
        return bundle
