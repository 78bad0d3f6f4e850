"""A service that answers with bytes as a test wants them, and as slowly."""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


class RawService(ThreadingTCPServer):
    """``pieces`` gives what follows a request; then the connection is closed."""

    daemon_threads = True
    pieces: Callable[[], Iterable[bytes]] = staticmethod(tuple)
    scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}/api"

    def answer(self, *body: bytes, status: int = 200, headers: str = "") -> None:
        """Answer with a body of these pieces."""
        self.pieces = lambda: (f"HTTP/1.1 {status} Some\r\n{headers}\r\n".encode(), *body)


class _Handler(StreamRequestHandler):
    def handle(self) -> None:
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        with suppress(OSError):  # the client had enough
            for piece in self.server.pieces():  # type: ignore[attr-defined]
                self.wfile.write(piece)


@contextmanager
def raw_service(certificate: tuple[Path, Path] | None = None) -> Iterator[RawService]:
    """Serve, by TLS where a certificate and its key are given."""
    with RawService(("127.0.0.1", 0), _Handler) as service:
        if certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*certificate)
            service.socket = context.wrap_socket(service.socket, server_side=True)
            service.scheme = "https"
        threading.Thread(target=service.serve_forever, daemon=True).start()
        try:
            yield service
        finally:
            service.shutdown()
