"""A host that must never be asked: it notices every connection, also one over which nothing is sent."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Thief:
    """A listening socket that nobody answers at.

    The system takes up a connection before anybody accepts it, so that none can be missed by looking early.
    """

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.port: int = listening.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"

    @property
    def was_asked(self) -> bool:
        """Whether anybody connected so far."""
        try:
            self._listening.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@contextmanager
def listening_thief() -> Iterator[Thief]:
    """Open a thief on a free port."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listening:
        listening.setblocking(False)
        yield Thief(listening)
