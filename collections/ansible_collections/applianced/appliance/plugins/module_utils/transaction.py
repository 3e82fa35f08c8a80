# Copyright: The applianced project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an edit to a commit: the messages, and what becomes of them when another controller is faster.

One change is at most six requests: read, update, edit, compare, and commit; in check mode validate and discard in place
of the commit.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from ansible_collections.applianced.appliance.plugins.module_utils.codec import NETCONF
from ansible_collections.applianced.appliance.plugins.module_utils.device import NO_CONNECTION, Fault, text_element
from ansible_collections.applianced.appliance.plugins.module_utils.rewriting import declarations

TXID = "urn:ietf:params:xml:ns:netconf:txid:1.0"
TXID_MODULE = "urn:ietf:params:xml:ns:yang:ietf-netconf-txid"
HISTORY = "urn:applianced:yang:history"
YANG = "urn:ietf:params:xml:ns:yang:1"
PRIVATE = "urn:ietf:params:xml:ns:yang:ietf-netconf-private-candidate"

UPDATE = f'<update xmlns="{PRIVATE}"/>'
VALIDATE = "<validate><source><candidate/></source></validate>"
COMPARE = f'<compare xmlns="{HISTORY}"/>'
DISCARD = "<discard-changes/>"

FAST_RETRIES = 3
"""So often a change is computed again at once from what another controller has made of running."""
RETRY_INTERVAL_S = 0.5


@dataclass(frozen=True)
class How:
    """How a change is committed. confirm_timeout: seconds, None for a commit that needs no confirmation.
    wait_s: how long to wait for other controllers, 0 not to."""

    check: bool = False
    comment: str | None = None
    confirm_timeout: int | None = None
    persist_id: str | None = None
    wait_s: float = 0.0


@dataclass(frozen=True)
class Done:
    """changed: or would be. lines: what, in set and delete lines. etag: of running behind it, "" when unknown."""

    changed: bool
    lines: tuple
    etag: str = ""


def edit_config(inner, etag="", default_operation="merge", declared=None):
    """<edit-config> of the candidate. etag: the commit is to be refused when running has another by then.
    declared: prefixes that `inner` uses, besides nc, yang and txid."""
    demand = f' xmlns:txid="{TXID}" txid:etag="{etag}"' if etag else ""
    default = "" if default_operation == "merge" else f"<default-operation>{default_operation}</default-operation>"
    prefixes = declarations({"nc": NETCONF, "yang": YANG, **(declared or {})})
    return (
        f"<edit-config><target><candidate/></target>{default}<config{prefixes}{demand}>{inner}</config></edit-config>"
    )


def get_config(inner_filter, etag="?", source="running"):
    """<get-config> with transaction ids. etag: what is known, "?" for nothing."""
    wanted = f'<filter type="subtree">{inner_filter}</filter>' if inner_filter is not None else ""
    return f'<get-config xmlns:txid="{TXID}" txid:etag="{etag}"><source><{source}/></source>{wanted}</get-config>'


def etag_of(element):
    """The transaction id on an element: "" for none, "=" for the one that was sent."""
    return element.get(f"{{{TXID}}}etag", "")


def data_of(reply):
    """What a reply to a question holds. Raises Fault when it holds no data."""
    data = reply.find(f"{{{NETCONF}}}data")
    if data is None:
        raise Fault("malformed-message", "the appliance answered a question without data")
    return data


def retrying(how, attempt):
    """What `attempt(first)` returns. When another controller was in the way it is tried again: at once when running
    has changed under it, and for `wait_s` when the appliance is busy. first: no reading was in vain so far."""
    deadline = time.monotonic() + how.wait_s
    for count in range(1, 1_000_000):
        try:
            return attempt(count)
        except Fault as fault:
            fast = fault.app_tag == "txid-mismatch" and count <= FAST_RETRIES
            if not fault.race or (not fast and time.monotonic() >= deadline):
                raise
            if not fast:
                time.sleep(RETRY_INTERVAL_S)
    raise AssertionError


def put(device, edits, how):
    """Edit the candidate, show what that changes, and commit it or, in check mode, leave it. edits: operations that
    change the candidate. Raises Fault; the candidate is then as if nothing had been asked."""
    asked = [*device.cleaning(), UPDATE, *edits, *([VALIDATE] if how.check else []), COMPARE]
    try:
        replies = _all_of(device.exchange(*asked))
        lines = changes_of(replies[-1])
        if not lines or how.check:
            device.call(DISCARD)
            return Done(bool(lines), lines)
        return Done(True, lines, etag_of(_ok(_commit(device, how))))
    except Fault as fault:
        if fault.tag != NO_CONNECTION:
            device.exchange(DISCARD, UPDATE)
        raise


def _all_of(replies):
    """Raises the first Fault."""
    for reply in replies:
        if isinstance(reply, Fault):
            raise reply
    return replies


def changes_of(reply):
    """The lines of a <compare>."""
    return tuple((reply.findtext(f"{{{HISTORY}}}changes") or "").splitlines())


def _ok(reply):
    found = reply.find(f"{{{NETCONF}}}ok")
    return reply if found is None else found


def _commit(device, how):
    """A commit that waits for its confirmation is taken up when its token is ours. Raises Fault."""
    try:
        return device.call(commit(how))
    except Fault as fault:
        if not (how.persist_id and how.confirm_timeout and fault.awaits_confirmation):
            raise
        (reply,) = device.exchange(commit(how, goes_on=True))
        # Another token is refused as invalid; what is in the way is the commit that it belongs to.
        if isinstance(reply, Fault):
            raise (fault if reply.awaits_confirmation else reply) from None
        return reply


def commit(how, goes_on=False):
    """<commit>. goes_on: a confirmed commit with this token is under way."""
    confirmed = ""
    if how.confirm_timeout:
        confirmed = "<confirmed/>" + text_element("confirm-timeout", how.confirm_timeout)
        confirmed += text_element("persist", how.persist_id)
    if goes_on:
        confirmed += text_element("persist-id", how.persist_id)
    said = text_element("comment", how.comment, f' xmlns="{HISTORY}"')
    return f'<commit>{confirmed}{said}<with-etag xmlns="{TXID_MODULE}">true</with-etag></commit>'
