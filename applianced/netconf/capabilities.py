"""What the hello announces (RFC 6241 8.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from applianced.datastore import native
from applianced.datastore.models import Models
from applianced.datastore.rebase import Resolution
from applianced.netconf.session import BASE_1_0, BASE_1_1

BASE_NS = "urn:ietf:params:xml:ns:netconf:base:1.0"
_CAPABILITY = "urn:ietf:params:netconf:capability:"
PRIVATE_CANDIDATE = f"{_CAPABILITY}private-candidate:1.0"
_RESOLUTIONS = ",".join(resolution.value for resolution in Resolution)
_DEFAULTS = "basic-mode=explicit&also-supported=report-all,report-all-tagged,trim"


def capabilities(models: Models, content_id: str) -> Sequence[str]:
    """URIs, in the order in which they are announced."""
    return (
        BASE_1_0,
        BASE_1_1,
        f"{_CAPABILITY}candidate:1.0",
        f"{PRIVATE_CANDIDATE}?supported-resolution-modes={_RESOLUTIONS}",
        f"{_CAPABILITY}txid:etag:1.0",
        f"{_CAPABILITY}confirmed-commit:1.1",
        f"{_CAPABILITY}rollback-on-error:1.0",
        f"{_CAPABILITY}validate:1.1",
        f"{_CAPABILITY}xpath:1.0",
        f"{_CAPABILITY}partial-lock:1.0",
        f"{_CAPABILITY}with-defaults:1.0?{_DEFAULTS}",
        f"{_CAPABILITY}notification:1.0",
        f"{_CAPABILITY}interleave:1.0",
        f"{_CAPABILITY}with-operational-defaults:1.0?{_DEFAULTS}",
        f"{_CAPABILITY}yang-library:1.1?revision=2019-01-04&content-id={content_id}",
        *_modules(models),
    )


def with_urls(always: Sequence[str], schemes: Sequence[str]) -> Sequence[str]:
    """The same with :url (RFC 6241 8.8) and the feature of that name, as long as the configuration offers any."""
    if not schemes:
        return always
    named = [f"{uri},url" if uri.startswith(f"{BASE_NS}?") else uri for uri in always]
    return (*named, f"{_CAPABILITY}url:1.0?scheme={','.join(schemes)}")


def wants_private_candidate(offered: Iterable[str]) -> bool:
    """Whether a client's capabilities ask for a candidate of its own; parameters that follow mean nothing here."""
    return any(uri.partition("?")[0] == PRIVATE_CANDIDATE for uri in offered)


def _modules(models: Models) -> Iterable[str]:
    """Modules in YANG 1 are announced one by one (RFC 6020 5.6.4); the others are in the YANG library only (RFC 7950
    5.6.4)."""
    for module in sorted(models.modules.values(), key=lambda module: module.name):
        # `yang` is libyang's own, for the attributes of RFC 7950; nobody published it as a module.
        if not native.is_yang_1(module.pointer) or module.name == "yang":
            continue
        features = native.features_on(module.pointer)
        listed = f"&features={','.join(features)}" if features else ""
        yield f"{module.namespace}?module={module.name}&revision={module.revision}{listed}"
