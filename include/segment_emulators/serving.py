"""Serves an ASGI application over a real socket: in a thread of this process, or as the process itself."""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, MutableMapping

_TRANSPORT = "segment_emulators.transport"
_LINGER_NOT = struct.pack("ii", 1, 0)
_START_TIMEOUT = 10.0
_KEEP_ALIVE = 75


class ResettableProtocol(HttpToolsProtocol):
    """HTTP protocol whose requests know their transport, so that an application can reset it."""

    def on_message_begin(self) -> None:
        """Put the transport into the scope of the request that begins."""
        super().on_message_begin()
        scope: MutableMapping[str, Any] = self.scope  # type: ignore[assignment]
        scope[_TRANSPORT] = self.transport


async def reset_connection(
    scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[MutableMapping[str, Any]]]
) -> None:
    """Reset a request's connection (RST, not FIN), and wait until the server has noticed.

    The request's body must have been read.
    """
    transport = scope[_TRANSPORT]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()
    await receive()


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket; port 0 takes a free one.

    :raises OSError: the port is taken.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
    except OSError:
        opened.close()
        raise
    opened.listen(2048)
    return opened


def server(app: Any) -> uvicorn.Server:
    """Return a server for the application, without access log."""
    return uvicorn.Server(
        uvicorn.Config(
            _cut_off(app),
            http=ResettableProtocol,
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="critical",
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=1,
        )
    )


def _cut_off(app: Any) -> Any:
    """Let a request that is cancelled when the server stops end in a reset, not in uvicorn's own 500."""

    async def application(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            scope[_TRANSPORT].abort()
            raise

    return application


@contextmanager
def serve_in_thread(app: Any, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve an ASGI application while the block runs, and give its URL, such as ``http://127.0.0.1:4711``.

    At the end open requests are cut off, so that it stops quickly.

    :raises TimeoutError: the server didn't start within 10 seconds.
    """
    opened = listen(host, port)
    running = server(app)
    thread = threading.Thread(target=running.run, args=([opened],), name="emulator", daemon=True)
    thread.start()
    try:
        _wait_until_started(running, thread)
        yield f"http://{host}:{opened.getsockname()[1]}"
    finally:
        running.force_exit = True
        running.should_exit = True
        thread.join(_START_TIMEOUT)
        opened.close()


def _wait_until_started(running: uvicorn.Server, thread: threading.Thread) -> None:
    waited = threading.Event()
    for _ in range(int(_START_TIMEOUT / 0.005)):
        if running.started:
            return
        if not thread.is_alive():
            break
        waited.wait(0.005)
    raise TimeoutError("the emulator did not start")


def run(app: Any, opened: socket.socket) -> None:
    """Serve an ASGI application on a listening socket until SIGINT or SIGTERM, which is a good end."""
    # Uvicorn stops at a signal and raises it again afterwards, for whoever handled it before.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    server(app).run([opened])
