"""<url> (RFC 6241 8.8): what is read, written and deleted, and what is not offered."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from applianced.compiler.plan import Plan
from applianced.config.access import HttpsServer, UrlOptions
from applianced.config.schema import Config, System
from applianced.netconf.urls.address import FileUrl
from applianced.netconf.urls.folder import Folder
from applianced.northbound.inforce import Built
from tests.support.netconf_session import Client, serving, tags
from tests.support.shop import build_shop
from tests.support.web_server import WebServer, pem_to_der

OK = "<ok/>"
FIRST = "<title>old</title><item><name>a</name><kind>small</kind></item>"
GET = "<get-config><source><{}/></source></get-config>"
DOCUMENT = '<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><shop xmlns="urn:example:shop">{}</shop></config>'
FILES = UrlOptions(file=True, size_limit=4096, file_limit=3)
Scenario = Callable[[Client], Awaitable[None]]


def built(options: UrlOptions, data: Mapping[str, Any], in_force: Plan | None) -> Built:
    config, plan = build_shop(data, in_force)
    return Built(Config(system=System(users=config.system.users, url=options)), plan)


def run(directory: Path, scenario: Scenario, options: UrlOptions = FILES) -> None:
    async def play() -> None:
        async with serving(directory, FIRST, build=partial(built, options)) as server:
            await scenario(await Client(server).connected())

    asyncio.run(play())


def copy(source: str, target: str, more: str = "") -> str:
    return f"<copy-config><target>{target}</target><source>{source}</source>{more}</copy-config>"


def url(text: str) -> str:
    return f"<url>{text}</url>"


def edit(text: str, more: str = "") -> str:
    return f"<edit-config><target><candidate/></target>{more}{url(text)}</edit-config>"


def validate(text: str) -> str:
    return f"<validate><source>{url(text)}</source></validate>"


def delete(text: str) -> str:
    return f"<delete-config><target>{url(text)}</target></delete-config>"


def put(directory: Path, name: str, content: str) -> Path:
    file = directory / "url" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(content)
    return file


def test_edit_data_from_a_url(tmp_path: Path) -> None:
    """RFC 8526 3.1.2: as <edit-config> does."""
    nmda = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
    edit_data = f'<edit-data xmlns="{nmda}"><datastore>candidate</datastore>{{}}</edit-data>'

    async def scenario(one: Client) -> None:
        put(tmp_path, "edit.xml", DOCUMENT.format("<title>new</title>"))
        assert await one.rpc(edit_data.format(url("file:///edit.xml"))) == OK
        assert "<title>new</title><item>" in await one.rpc(GET.format("candidate"))
        assert tags(await one.rpc(edit_data.format(url("file:///../edit.xml")))) == ["invalid-value"]

    async def not_offered(one: Client) -> None:
        assert tags(await one.rpc(edit_data.format(url("file:///edit.xml")))) == ["operation-not-supported"]

    run(tmp_path, scenario)
    run(tmp_path, not_offered, UrlOptions())


def test_a_file_there_and_back(tmp_path: Path) -> None:
    async def scenario(one: Client) -> None:
        saved = tmp_path / "url" / "saved.xml"
        assert await one.rpc(copy("<running/>", url("file:///saved.xml"))) == OK
        assert saved.read_text() == DOCUMENT.format(FIRST) + "\n"
        assert saved.stat().st_mode & 0o777 == 0o600
        assert saved.parent.stat().st_mode & 0o777 == 0o700
        put(tmp_path, "edit.xml", DOCUMENT.format("<title>new</title>"))
        assert await one.rpc(edit("file:///edit.xml")) == OK
        assert "<title>new</title><item>" in await one.rpc(GET.format("candidate"))
        assert await one.rpc(copy("<candidate/>", url("file:///saved.xml"))) == OK
        assert "<title>new</title>" in saved.read_text()
        assert await one.rpc(validate("file:///saved.xml")) == OK
        # <copy-config> from it replaces the whole.
        assert await one.rpc(copy(url("file:///edit.xml"), "<candidate/>")) == OK
        assert await one.rpc(GET.format("candidate")) == "<data><shop><title>new</title></shop></data>"
        assert await one.rpc("<commit/>") == OK
        assert await one.rpc(copy(url("file:///edit.xml"), url("file:///copy.xml"))) == OK
        assert await one.rpc(delete("file:///copy.xml")) == OK
        assert sorted(os.listdir(saved.parent)) == ["edit.xml", "saved.xml"]
        assert tags(await one.rpc(delete("file:///copy.xml"))) == ["data-missing"]

    run(tmp_path, scenario)


def test_files_that_are_written_at_the_same_time(tmp_path: Path) -> None:
    """By folders of their own, as sessions have them."""

    def write(number: int) -> None:
        url = FileUrl(f"{number}.xml")
        for _ in range(10):
            Folder(tmp_path / "url").write(url, b"x" * 100_000, UrlOptions())

    with ThreadPoolExecutor(8) as several:
        list(several.map(write, range(8)))
    assert sorted(os.listdir(tmp_path / "url")) == [f"{number}.xml" for number in range(8)]


def test_what_is_sent_along_is_written_as_it_was_read(tmp_path: Path) -> None:
    async def scenario(one: Client) -> None:
        assert await one.rpc(copy(DOCUMENT.format("<size> 7 </size>"), url("file:///x"))) == OK
        assert (tmp_path / "url" / "x").read_text() == DOCUMENT.format("<size>7</size>") + "\n"
        mode = (
            '<with-defaults xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults">report-all</with-defaults>'
        )
        assert await one.rpc(copy("<running/>", url("file:///x"), mode)) == OK
        assert "<size>10</size>" in (tmp_path / "url" / "x").read_text()
        assert tags(await one.rpc(copy(DOCUMENT.format("<frob/>"), url("file:///y")))) == ["unknown-element"]
        assert not (tmp_path / "url" / "y").exists()

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "text",
    [
        "file:///../commits/x",
        "file:///a/b",
        "file:///.hidden",
        "file:///",
        "file://host/x",
        "file:///%2e%2e",
        "file:///x?y",
        "file:///x#y",
        "file:///a b",
        "ftp://host/x",
        "https://host/x",
        "http://[",
        "x",
        "",
        "file:///" + "x" * 129,
        "file:///" + "x" * 4000,
    ],
)
def test_what_is_no_url_of_ours(tmp_path: Path, text: str) -> None:
    async def scenario(one: Client) -> None:
        for operation in (edit(text), validate(text), delete(text), copy("<running/>", url(text))):
            reply = await one.rpc(operation)
            assert tags(reply) == ["invalid-value"]
            assert "<bad-element>url</bad-element>" in reply
        assert not (tmp_path / "url").exists()

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("content", "tag"),
    [
        ("", "invalid-value"),
        ("no xml", "invalid-value"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><config>&b;</config>", "invalid-value"),
        ("<config/>", "invalid-value"),
        (DOCUMENT.format("<frob/>"), "unknown-element"),
        (DOCUMENT.format("<size>900</size>"), "invalid-value"),
        (DOCUMENT.format("x" * 5000), "too-big"),
    ],
)
def test_content_that_is_none(tmp_path: Path, content: str, tag: str) -> None:
    async def scenario(one: Client) -> None:
        put(tmp_path, "bad", content)
        for operation in (edit("file:///bad"), validate("file:///bad"), copy(url("file:///bad"), "<candidate/>")):
            assert tags(await one.rpc(operation)) == [tag]
        assert await one.rpc(GET.format("candidate")) == f"<data><shop>{FIRST}</shop></data>"

    run(tmp_path, scenario)


def test_only_regular_files_of_the_folder(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(DOCUMENT.format("<title>leak</title>"))

    async def scenario(one: Client) -> None:
        folder = put(tmp_path, "x", "").parent
        (folder / "link").symlink_to(secret)
        (folder / "sub").mkdir()
        os.mkfifo(folder / "pipe")
        for name in ("link", "sub", "pipe"):
            reply = await one.rpc(edit(f"file:///{name}"))
            assert tags(reply) == ["invalid-value"]
            assert "only regular files are read" in reply or "no regular file" in reply
        # A link is replaced, not followed.
        assert tags(await one.rpc(delete("file:///sub"))) == ["operation-failed"]
        (folder / "x").unlink()
        (folder / "sub").rmdir()
        assert await one.rpc(copy("<running/>", url("file:///link"))) == OK
        assert "leak" in secret.read_text()
        assert not (folder / "link").is_symlink()

    run(tmp_path, scenario)


def test_a_folder_that_is_a_link_is_not_used(tmp_path: Path) -> None:
    async def scenario(one: Client) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "url").symlink_to(tmp_path / "elsewhere")
        assert len(tags(await one.rpc(copy("<running/>", url("file:///x"))))) == 1
        assert not list((tmp_path / "elsewhere").iterdir())

    run(tmp_path, scenario)


def test_limits_of_the_folder(tmp_path: Path) -> None:
    async def scenario(one: Client) -> None:
        put(tmp_path, ".left-over.tmp", "x")
        for number in range(3):
            assert await one.rpc(copy("<running/>", url(f"file:///{number}"))) == OK
        reply = await one.rpc(copy("<running/>", url("file:///4")))
        assert tags(reply) == ["resource-denied"]
        assert "file-limit" in reply
        assert await one.rpc(copy("<running/>", url("file:///2"))) == OK
        big = DOCUMENT.format("".join(f"<tag>{number:080}</tag>" for number in range(60)))
        reply = await one.rpc(copy(big, url("file:///2")))
        assert tags(reply) == ["too-big"]
        assert "size-limit" in reply
        assert sorted(os.listdir(tmp_path / "url")) == ["0", "1", "2"]
        assert (tmp_path / "url" / "2").read_text() == DOCUMENT.format(FIRST) + "\n"

    run(tmp_path, scenario)


def test_contradictions(tmp_path: Path) -> None:
    async def scenario(one: Client) -> None:
        put(tmp_path, "x", DOCUMENT.format("<title>new</title>"))
        reply = await one.rpc(edit("file:///x", DOCUMENT.format("")))
        assert tags(reply) == ["bad-element"]
        assert tags(await one.rpc(copy(url("file:///x"), url("file:///x")))) == ["invalid-value"]
        assert tags(await one.rpc(copy(url("file:///x"), "<running/>"))) == ["operation-not-supported"]
        get = f"<get-config><source>{url('file:///x')}</source></get-config>"
        assert tags(await one.rpc(get)) == ["operation-not-supported"]
        lock = f"<lock><target>{url('file:///x')}</target></lock>"
        assert tags(await one.rpc(lock)) == ["operation-not-supported"]

    run(tmp_path, scenario)


@pytest.mark.parametrize("operation", [edit, validate, delete])
def test_nothing_is_offered_unless_configured(tmp_path: Path, operation: Callable[[str], str]) -> None:
    async def scenario(one: Client) -> None:
        reply = await one.rpc(operation("file:///x"))
        assert tags(reply) == ["operation-not-supported"]
        assert "system services netconf url" in reply
        assert ":url:1.0" not in await one.rpc("<get/>")
        assert not (tmp_path / "url").exists()

    run(tmp_path, scenario, UrlOptions())


@pytest.mark.parametrize(
    ("options", "schemes"),
    [(FILES, "file"), (UrlOptions(servers=(HttpsServer(host="h"),)), "https"),
     (UrlOptions(file=True, servers=(HttpsServer(host="h"),)), "file,https")],
)  # fmt: skip
def test_the_hello_names_the_schemes(tmp_path: Path, options: UrlOptions, schemes: str) -> None:
    async def play() -> None:
        async with serving(tmp_path, FIRST, build=partial(built, options)) as server:
            hello = (await Client(server).next()).decode()
            assert f"<capability>urn:ietf:params:netconf:capability:url:1.0?scheme={schemes}</capability>" in hello
            assert "xpath,url</capability>" in hello, "RFC 6241 8.8 ties the module's feature to the capability"

    asyncio.run(play())


# --- https -----------------------------------------------------------------------------------------------------------


def served(web: WebServer, **leaves: Any) -> UrlOptions:
    chosen = {"host": "localhost", "port": web.port, "certificates": (pem_to_der(web.certificate),), "private": True}
    return UrlOptions(servers=(HttpsServer(**(chosen | leaves)),), size_limit=4096, timeout_s=3)


def test_https_there_and_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with WebServer(tmp_path) as web:
        place = f"https://localhost:{web.port}/configs/a.xml"

        async def scenario(one: Client) -> None:
            secret = place.replace("//", "//me:s%40cret@") + "?token=t0ken"
            assert await one.rpc(copy("<running/>", url(secret))) == OK
            method, target, headers, body = web.seen[-1]
            assert (method, target) == ("PUT", "/configs/a.xml?token=t0ken")
            assert headers["Authorization"] == f"Basic {base64.b64encode(b'me:s@cret').decode()}"
            assert body.decode() == DOCUMENT.format(FIRST) + "\n"
            web.content = DOCUMENT.format("<title>new</title>").encode()
            for chunked in (False, True):
                web.chunked = chunked
                assert await one.rpc(edit(place)) == OK
                assert await one.rpc(validate(place)) == OK
            assert await one.rpc(copy(url(place), "<candidate/>")) == OK
            assert await one.rpc(GET.format("candidate")) == "<data><shop><title>new</title></shop></data>"
            assert await one.rpc(delete(secret)) == OK
            assert web.seen[-1][0] == "DELETE"
            web.status = 404
            reply = await one.rpc(edit(secret))
            assert tags(reply) == ["data-missing"]
            for hidden in ("cret", "t0ken", "me:"):
                assert hidden not in reply
                assert hidden not in caplog.text
            assert f"admin wrote https://localhost:{web.port}/configs/a.xml" in caplog.text

        run(tmp_path, scenario, served(web))


@pytest.mark.parametrize(
    ("leaves", "said"),
    [
        ({"certificates": ()}, "certificate that is not trusted"),
        ({"pins": frozenset([b"x" * 32])}, "certificate-sha256"),
        ({"private": False}, "private-address"),
        ({"host": "127.0.0.1"}, "certificate that is not trusted"),
    ],
)
def test_servers_that_are_not_believed(tmp_path: Path, leaves: dict[str, Any], said: str) -> None:
    with WebServer(tmp_path) as web:
        web.content = DOCUMENT.format("").encode()

        async def scenario(one: Client) -> None:
            reply = await one.rpc(edit(f"https://{leaves.get('host', 'localhost')}:{web.port}/x"))
            assert tags(reply) == ["operation-failed"]
            assert said in reply
            assert not web.seen, "nothing was asked of it"

        run(tmp_path, scenario, served(web, **leaves))


def test_a_server_with_the_fingerprint_is_believed(tmp_path: Path) -> None:
    with WebServer(tmp_path) as web:
        web.content = DOCUMENT.format("<title>new</title>").encode()

        async def scenario(one: Client) -> None:
            assert await one.rpc(edit(f"https://LOCALHOST:{web.port}/x")) == OK

        run(tmp_path, scenario, served(web, pins=frozenset([web.fingerprint])))


@pytest.mark.parametrize(
    ("change", "tag", "said"),
    [
        ({"status": 302, "headers": {"Location": "http://169.254.169.254/"}}, "operation-failed", "redirects"),
        ({"status": 500}, "operation-failed", "answers 500"),
        ({"content": b"x" * 9000}, "too-big", "size-limit"),
        ({"content": b"x" * 200_000}, "too-big", "size-limit"),
        ({"headers": {"Content-Encoding": "gzip"}}, "operation-failed", "encoded"),
        ({"raw": b"garbage\r\n\r\n"}, "operation-failed", "no whole HTTP response"),
        ({"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n<config"}, "operation-failed", "no whole HTTP"),
        ({"raw": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"}, "operation-failed", "no whole HTTP"),
        ({"raw": b""}, "operation-failed", "no whole HTTP"),
        ({"stalls": True}, "operation-failed", "did not answer within"),
        ({"content": b"<html/>"}, "invalid-value", "must hold"),
    ],
)
def test_servers_that_answer_badly(tmp_path: Path, change: dict[str, Any], tag: str, said: str) -> None:
    with WebServer(tmp_path) as web:
        for name, value in change.items():
            setattr(web, name, value)

        async def scenario(one: Client) -> None:
            reply = await one.rpc(edit(f"https://localhost:{web.port}/x"))
            assert tags(reply) == [tag]
            assert said in reply
            assert await one.rpc(GET.format("running")) == f"<data><shop>{FIRST}</shop></data>"

        options = served(web)
        run(tmp_path, scenario, UrlOptions(servers=options.servers, size_limit=4096, timeout_s=1))


@pytest.mark.parametrize(
    "path", ["/", "/configsx", "/configs/../x", "/configs/%2e%2e/x", "/configs/%252e%252e%252fx", "/configs/..%5cx"]
)
def test_paths_beside_the_prefix(tmp_path: Path, path: str) -> None:
    async def scenario(one: Client) -> None:
        for place in (f"https://h:1{path}", "https://other:1/configs/x", "https://h/configs/x", "https://h:x/configs"):
            assert tags(await one.rpc(edit(place))) == ["invalid-value"]

    run(tmp_path, scenario, UrlOptions(servers=(HttpsServer(host="h", port=1, path_prefix="/configs"),)))


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    async def scenario(one: Client) -> None:
        reply = await one.rpc(edit("https://localhost:1/x"))
        assert tags(reply) == ["operation-failed"]
        assert "cannot be reached" in reply

    run(tmp_path, scenario, UrlOptions(servers=(HttpsServer(host="localhost", port=1, private=True),)))
