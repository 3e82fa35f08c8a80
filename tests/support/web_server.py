"""An https server on loopback, with a certificate of its own, that answers as it is told."""

from __future__ import annotations

import datetime
import hashlib
import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Seen(NamedTuple):
    """A request that arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


def make_certificate(directory: Path, host: str) -> Path:
    """A self-signed certificate and its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = directory / "web.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file


def pem_to_der(pem: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem)


class WebServer:
    """Answers every request with `status`, `headers` and `content`; with the octets of `raw` where they are given, and
    with nothing at all when it stalls."""

    def __init__(self, directory: Path, host: str = "localhost") -> None:
        file = make_certificate(directory, host)
        self.certificate = "-----BEGIN CERTIFICATE-----" + file.read_text().partition("-----BEGIN CERTIFICATE-----")[2]
        self.fingerprint = hashlib.sha256(pem_to_der(self.certificate)).digest()
        self.seen: list[Seen] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.content = b""
        self.raw: bytes | None = None
        self.chunked = self.stalls = False
        self._end = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                web.seen.append(Seen(self.command, self.path, dict(self.headers), body))
                self.close_connection = True
                if web.stalls:
                    web._end.wait(30)
                elif web.raw is not None:
                    self.wfile.write(web.raw)
                else:
                    self._regular()

            def _regular(self) -> None:
                self.send_response(web.status)
                for name, value in web.headers.items():
                    self.send_header(name, value)
                if web.chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    half = len(web.content) // 2
                    for part in (web.content[:half], web.content[half:], b""):
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
                else:
                    self.send_header("Content-Length", str(len(web.content)))
                    self.end_headers()
                    self.wfile.write(web.content)

            do_GET = do_PUT = do_DELETE = _answer

        return Handler

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._server.shutdown()
        self._server.server_close()
