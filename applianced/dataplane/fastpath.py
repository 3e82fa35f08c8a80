"""Flow offload of one namespace: the table that has it, the devices in that, and the end of sessions that are in it.

The table names devices, which come and go: who is here is looked at now and then, and the table made anew for those. It
is only a matter of speed. Where the kernel has no flow tables, or does not take this one, the rules forward everything,
and the state says why; a commit does not fail for it.

A session that is deleted stays in the flow table for up to a second, until the kernel's collector comes by. So the
table is made anew when one of its sessions is to end. Some kernels (Linux before 6.4) do not even delete it meanwhile
(EBUSY): then the table goes away, which takes the kernel a moment, and comes back when the session has ended. Somebody
waits for that as long as it usually takes; what takes longer is done with the ticks.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from applianced.compiler import offload
from applianced.compiler.marks import OFFLOAD_TABLE
from applianced.compiler.plan import OFFLOAD_SILENT_S
from applianced.dataplane import nft
from applianced.dataplane.books import Operation
from applianced.dataplane.channel import Message
from applianced.dataplane.conntrack import Conntrack, Entry
from applianced.dataplane.netlink import Netlink
from applianced.dataplane.owntimes import OwnTimes
from applianced.errors import DataplaneError
from applianced.model.tuples import FlowTuple

LOOK_S = 2.0
"""Between two looks at the devices and the table."""
LEAVING_S = 2.0
"""In which the kernel has let go of the sessions of a table that was deleted, unless the machine stands still."""
AGAIN_S = 0.01

log = logging.getLogger("applianced.agent")


class State(StrEnum):
    """What the state shows."""

    UNUSED = "unused"
    ACTIVE = "active"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"


class Wanted(NamedTuple):
    """What a plan wants, see compiler.plan.OffloadPlan. Nothing without policies."""

    policies: tuple[int, ...] = ()
    interfaces: frozenset[str] = frozenset()
    silent_s: int = OFFLOAD_SILENT_S

    @classmethod
    def of(cls, plan: Mapping[str, object] | None) -> Wanted:
        """What a plan says; one of a release that did not have it says nothing."""
        said = (plan or {}).get("offload")
        if not isinstance(said, dict):
            return cls()
        return cls(tuple(said["policies"]), frozenset(said["interfaces"]), int(said["silent_s"]))


class Loaded(NamedTuple):
    """What is in the kernel. devices: name and index."""

    policies: tuple[int, ...]
    devices: tuple[tuple[str, int], ...]


class FastPath:
    """The sessions of one namespace that the kernel forwards past the rules."""

    def __init__(self, netlink: Netlink, conntrack: Conntrack) -> None:
        self._netlink = netlink
        self._conntrack = conntrack
        self._wanted = Wanted()
        self._loaded: Loaded | None = None
        self._supported: bool | None = None
        """None: nobody has asked the kernel since the last plan."""
        self._fault = ""
        self._next_look = 0.0
        self._late: list[Entry] = []
        """Sessions to be deleted as soon as the kernel lets go of them. There is no table meanwhile, or their next
        packets would have them in it again."""
        self._looking = Netlink()
        self._own_times = OwnTimes(Conntrack(self._looking), conntrack)
        self._flow: Mapping[str, int] = {}

    @property
    def operations(self) -> Mapping[str, Operation]:
        """Operations by name."""
        return {"offload": self._state}

    def take(self, plan: Message | None) -> None:
        """The plan in force. Sessions that are offloaded stay so when it changes nothing about that."""
        self._wanted = Wanted.of(plan)
        if plan is not None:
            self._flow = plan["flow"]
        self._supported = self._supported or None
        self._update()

    def tick(self) -> None:
        """Follow the devices, and put back a table that somebody deleted."""
        now = time.monotonic()
        if self._late:
            with contextlib.suppress(DataplaneError, OSError):
                self._end_late()
        if self._wanted.policies and now >= self._next_look:
            self._next_look = now + LOOK_S
            self._update()
        with contextlib.suppress(DataplaneError, OSError):
            self._own_times.tick(now, self._flow, offloading=self._loaded is not None)

    def close(self) -> None:
        """Close its own socket; what is in the kernel stays."""
        self._looking.close()

    def renew(self) -> None:
        """Every session meets the rules again, once."""
        if self._loaded is not None:
            self._loaded = None
            self._update()

    def end(self, entries: Sequence[Entry]) -> list[bool]:
        """Delete sessions, offloaded or not; of each, whether it was there. None of their packets passes afterwards,
        but for those of a session that the kernel does not let go of: that goes on until it does."""
        flows = [entry.translation.original for entry in entries]
        codes = [self._conntrack.delete(flow) for flow in flows]
        busy = [place for place, code in enumerate(codes) if code == errno.EBUSY]
        if busy:
            self._guarded(self._withdraw)
            for place, code in zip(busy, self._delete([flows[place] for place in busy]), strict=True):
                codes[place] = code
            if late := [entry for entry, code in zip(entries, codes, strict=True) if code == errno.EBUSY]:
                log.warning(
                    "the kernel does not let go of offloaded sessions; these end as soon as it does: %d", len(late)
                )
                self._late += late
            self._update()
        elif any(entry.offloaded for entry in entries):
            self.renew()
        return [code == 0 for code in codes]

    def _delete(self, flows: Sequence[FlowTuple]) -> list[int]:
        """Delete sessions that the kernel is about to let go of; the errno of each."""
        codes = [errno.EBUSY] * len(flows)
        latest = time.monotonic() + LEAVING_S
        while errno.EBUSY in codes and time.monotonic() < latest:
            time.sleep(AGAIN_S)
            codes = [
                self._conntrack.delete(flow) if code == errno.EBUSY else code
                for flow, code in zip(flows, codes, strict=True)
            ]
        return codes

    def _end_late(self) -> None:
        """Delete those that can be deleted now, unless they have ended, and another session has the same tuple."""
        late = []
        for entry in self._late:
            flow = entry.translation.original
            found = self._conntrack.lookup(flow)
            if found is not None and found.id == entry.id and self._conntrack.delete(flow) == errno.EBUSY:
                late.append(entry)
        self._late = late
        if not late:
            self._update()

    # ----- the table

    def _update(self) -> None:
        """Have the kernel do what is wanted, with the devices that are there. What it refuses is tried again later."""
        self._guarded(self._load if self._wanted.policies else self._withdraw)

    def _guarded(self, what: Callable[[], None]) -> None:
        fault = ""
        try:
            what()
        except (DataplaneError, OSError) as error:
            fault = str(error)
        if fault and fault != self._fault:
            log.warning("services-offload: %s; the rules forward these sessions", fault)
        self._fault = fault

    def _load(self) -> None:
        """Raises DataplaneError."""
        if self._late:
            self._withdraw()
            raise DataplaneError("flow table", "away until the sessions that are to end have left it")
        if self._supported is None:
            self._supported = nft.has_flowtables()
        if not self._supported:
            raise DataplaneError("flow table", "this kernel has none (NF_FLOW_TABLE_INET, NFT_FLOW_OFFLOAD)")
        devices = tuple(
            sorted((name, index) for index, name in socket.if_nameindex() if name in self._wanted.interfaces)
        )
        if not devices:
            self._withdraw()
            raise DataplaneError("flow table", "none of the interfaces of the zones is there")
        wanted = Loaded(self._wanted.policies, devices)
        if wanted == self._loaded and nft.table_exists(self._netlink, OFFLOAD_TABLE):
            return
        self._loaded = None
        nft.load(offload.table([name for name, _ in devices], self._wanted.policies))
        self._loaded = wanted

    def _withdraw(self) -> None:
        """Raises DataplaneError."""
        self._loaded = None
        if nft.table_exists(self._netlink, OFFLOAD_TABLE):
            nft.load(f"delete table inet {OFFLOAD_TABLE}\n")

    # ----- what management asks

    def _state(self, _: Message) -> Message:
        """What services-offload shows: "state", "reason" ("" when there is nothing to be said), "interfaces" in the
        table, how many "sessions", and how many packets of theirs went "by-rules" since the table was made."""
        devices = self._loaded.devices if self._loaded is not None else ()
        return {
            "state": self._name(),
            "reason": self._fault,
            "interfaces": [name for name, _ in devices],
            "sessions": self._conntrack.offloaded() if self._loaded is not None else 0,
            "by-rules": nft.counted(self._netlink, OFFLOAD_TABLE, offload.BY_RULES) if self._loaded is not None else 0,
        }

    def _name(self) -> State:
        if not self._wanted.policies:
            return State.UNUSED
        if self._supported is False:
            return State.UNSUPPORTED
        return State.ACTIVE if self._loaded is not None else State.FAILED
