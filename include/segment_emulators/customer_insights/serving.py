"""The three services on sockets of this machine: two of data over HTTP, the authority over TLS.

msal takes no authority without TLS, so the emulated one has a certificate of its own; the connection's
CA bundle names it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from segment_emulators.customer_insights import ci_api, dataverse, token_endpoint
from segment_emulators.quoting import Quoting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from segment_emulators.customer_insights.state import CustomerInsights

ADDRESS = "127.0.0.1"
CI_API_SCOPE = "https://api.ci.ai.microsoft.com/.default"
_START_SECONDS = 20.0


@dataclass(frozen=True)
class Addresses:
    """Where the services answer; ``ca_bundle`` is the file that trusts the authority."""

    authority: str
    environment_url: str
    api_url: str
    ca_bundle: str


@contextmanager
def serve(
    state: CustomerInsights, folder: Path, *, ports: tuple[int, int, int] = (0, 0, 0)
) -> Iterator[Addresses]:
    """Run the three services in threads while the context lasts.

    :param folder: where the authority's certificate and key are written.
    :param ports: of authority, Dataverse and API; 0 takes a free one.
    """
    certificate, key = write_certificate(folder)
    sockets = [_listen(port) for port in ports]
    authority, environment_url, api = (f"{ADDRESS}:{one.getsockname()[1]}" for one in sockets)
    environment_url = f"http://{environment_url}"
    dataverse_scope = f"{environment_url}/.default"
    services: list[Any] = [
        token_endpoint.application(state, {dataverse_scope, CI_API_SCOPE}),
        dataverse.application(state, lambda: dataverse_scope),
        ci_api.application(state, lambda: CI_API_SCOPE),
    ]
    applications = [Quoting(one, lambda: state.faults.quotes) for one in services]
    servers = [
        _Server(applications[0], sockets[0], certificate, key),
        *(_Server(app, sock) for app, sock in zip(applications[1:], sockets[1:], strict=True)),
    ]
    for server in servers:
        server.start()
    try:
        yield Addresses(f"https://{authority}", environment_url, f"http://{api}/v1", str(certificate))
    finally:
        for server in servers:
            server.stop()


class _Server:
    def __init__(
        self,
        application: Quoting,
        sock: socket.socket,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        config = uvicorn.Config(
            application,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        self._server = uvicorn.Server(config)
        self._socket = sock
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def start(self) -> None:
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if time.monotonic() > deadline:
                raise TimeoutError("the emulator did not start")
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.force_exit = True
        self._server.should_exit = True
        self._thread.join(_START_SECONDS)
        self._socket.close()


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for this machine's loopback address and its key; return both files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Emulated authority")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ADDRESS))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "authority.pem", folder / "authority.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio switches off Nagle's algorithm, which costs 40 ms an answer.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((ADDRESS, port))
    return sock
