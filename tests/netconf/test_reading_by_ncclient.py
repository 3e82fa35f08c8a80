"""Reading as a client does it that nobody here wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree
from ncclient.operations import RPCError

from tests.netconf.test_management import serving

APPLICATIONS = {"a": "urn:applianced:yang:applications", "s": "urn:applianced:yang:system"}
MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
GET_DATA = (
    '<get-data xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-nmda">'
    '<datastore xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores">ds:operational</datastore>'
    "<xpath-filter xmlns:a=\"urn:applianced:yang:applications\">//a:application[a:name='junos-ftp']</xpath-filter>"
    "<with-origin/></get-data>"
)


def test_everything(tmp_path: Path, keys: Path) -> None:
    with serving(tmp_path, keys) as (_, session):
        # with-defaults; ncclient looks at what the hello says of it.
        plain = str(session.get_config("running"))
        for mode in ("report-all", "report-all-tagged"):
            assert len(str(session.get_config("running", with_defaults=mode))) > len(plain)
        assert "netconf:default:1.0" in str(session.get_config("running", with_defaults="report-all-tagged"))
        # XPath
        found = str(session.get_config("running", filter=("xpath", (APPLICATIONS, "/s:system/s:host-name"))))
        assert "host-name" in found
        assert "login" not in found
        with pytest.raises(RPCError) as caught:
            session.get_config("running", filter=("xpath", (APPLICATIONS, "/s:system[")))
        assert caught.value.tag == "bad-attribute"
        # Monitoring
        schemas = session.get(filter=("xpath", ({"m": MONITORING}, "//m:schema/m:identifier"))).data_ele
        names = [str(element.text) for element in schemas.iter(f"{{{MONITORING}}}identifier")]
        assert "applianced-nat" in names
        for name in names:
            assert f"module {name}" in session.get_schema(name).data
        with pytest.raises(RPCError) as caught:
            session.get_schema("frob", version="1999-01-01", format="yang")
        assert caught.value.tag == "invalid-value"
        locked = ("subtree", f'<netconf-state xmlns="{MONITORING}"><datastores/></netconf-state>')
        with session.locked("candidate"):
            assert "<locked-by-session>1<" in str(session.get(filter=locked))
        assert "locked-by-session" not in str(session.get(filter=locked))
        # NMDA
        system = str(session.rpc(etree.fromstring(GET_DATA)))
        assert 'or:origin="or:system"' in system
        assert "junos-ftp" in system
