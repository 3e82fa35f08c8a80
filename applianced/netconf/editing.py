"""What <edit-config> and <edit-data> have in common: the edit itself."""

from __future__ import annotations

from applianced.datastore import whole
from applianced.datastore.edit import EditOptions
from applianced.netconf.caller import Caller
from applianced.netconf.parameters import Parameters
from applianced.netconf.txid import edited, wanted_ids
from applianced.netconf.urls.contents import UrlContents
from applianced.northbound.configuration import Configuration


async def edit(
    configuration: Configuration, urls: UrlContents, caller: Caller, given: Parameters, options: EditOptions
) -> bytes:
    """Edit the caller's candidate by the <config> that was sent along or is behind a <url>; the reply.

    Raises RpcError, ApplianceError.
    """
    wanted = wanted_ids(given)
    config = await urls.sent_or_read(caller, given)
    whole.check_holder(config)
    access = configuration.access.of(caller.author.user)
    await configuration.edit(caller.number, list(config), options, access)
    return await edited(configuration, caller, wanted)
