"""<update> (draft-ietf-netconf-privcand): a candidate takes over what running has become."""

from __future__ import annotations

from applianced.datastore.rebase import Resolution
from applianced.netconf.caller import Caller, Offered
from applianced.netconf.messages import OK
from applianced.netconf.parameters import Parameters
from applianced.netconf.xmltext import Element
from applianced.northbound.configuration import Configuration

_NS = "urn:ietf:params:xml:ns:yang:ietf-netconf-private-candidate"


class PrivateCandidates:
    """The draft gives <update> to sessions with a candidate of their own; here those that share one may send it, too:
    running may have changed under them as well."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    @property
    def offered(self) -> Offered:
        """By "module:rpc"."""
        return {"ietf-netconf-private-candidate:update": self._update}

    async def _update(self, caller: Caller, operation: Element) -> bytes:
        given = Parameters(operation, "resolution-mode", namespace=_NS)
        resolution = given.choice("resolution-mode", Resolution, Resolution.REVERT)
        await self._configuration.update(caller.number, resolution)
        return OK
