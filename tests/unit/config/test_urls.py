"""`system services netconf url`: as it is decoded, and what is refused of it."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

from applianced.config.access import HttpsServer, UrlOptions
from applianced.config.decode.system import decode_system
from applianced.config.schema import Config, System
from applianced.config.urls import unusable_certificates
from tests.support.web_server import make_certificate, pem_to_der
from tests.yang.models import validated


def decoded(url: dict[str, Any]) -> UrlOptions:
    data = {"applianced-system:system": {"services": {"netconf": {"url": url}}}}
    return decode_system(data).url


def certificate(directory: Path) -> bytes:
    text = make_certificate(directory, "h").read_text()
    return pem_to_der("-----BEGIN CERTIFICATE-----" + text.partition("-----BEGIN CERTIFICATE-----")[2])


def test_nothing_is_offered_by_default() -> None:
    assert decoded({}) == UrlOptions() == UrlOptions(file=False, servers=())


def test_every_leaf(tmp_path: Path) -> None:
    der = certificate(tmp_path)
    server = {
        "host": "h",
        "port": 8443,
        "path-prefix": "/c",
        "ca-certificate": [b64encode(der).decode()],
        "certificate-sha256": [":".join(["aB"] * 32)],
        "private-address": [None],
    }
    options = decoded({"file": [None], "file-limit": 7, "size-limit": 2048, "timeout": 9, "https-server": [server]})
    meant = HttpsServer(
        host="h", port=8443, path_prefix="/c", certificates=(der,), pins=frozenset([b"\xab" * 32]), private=True
    )
    assert options == UrlOptions(file=True, servers=(meant,), size_limit=2048, file_limit=7, timeout_s=9)


def test_the_defaults_are_the_schemas() -> None:
    url = {"https-server": [{"host": "h"}]}
    shown = validated({"applianced-system:system": {"services": {"netconf": {"url": url}}}})
    assert decoded(shown["applianced-system:system"]["services"]["netconf"]["url"]) == decoded(url)


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    good, bad = (
        HttpsServer(host="g", certificates=(certificate(tmp_path),)),
        HttpsServer(host="h", certificates=(b"x",)),
    )
    (fault,) = unusable_certificates(Config(system=System(url=UrlOptions(servers=(good, bad)))))
    assert fault.path.endswith("/https-server[host='h']/ca-certificate[.='eA==']")
    assert "X.509" in fault.message
