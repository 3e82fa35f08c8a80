"""Which module <get-schema> means (RFC 6022 3.1)."""

from __future__ import annotations

import pytest

from applianced.datastore.schemas import Schema
from applianced.errors import ConfigError
from applianced.netconf.monitoring import choose

OLD = Schema("a", "2001-01-01", "urn:a", "")
NEW = Schema("a", "2002-01-01", "urn:a", "")
ONE = Schema("b", "", "urn:b", "")
KNOWN = (OLD, NEW, ONE)


def test_a_version_is_needed_only_when_there_are_several() -> None:
    assert choose(KNOWN, {"identifier": "b"}) is ONE
    assert choose(KNOWN, {"identifier": "b", "version": ""}) is ONE
    assert choose(KNOWN, {"identifier": "a", "version": "2001-01-01"}) is OLD
    with pytest.raises(ConfigError) as caught:
        choose(KNOWN, {"identifier": "a"})
    assert (caught.value.tag, caught.value.app_tag) == ("operation-failed", "data-not-unique")
