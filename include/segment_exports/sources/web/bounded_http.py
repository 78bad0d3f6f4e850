"""HTTP answers within bounds: so many bytes of the wire, as many unpacked, and a time for the whole answer.

The client library's time-out counts each silence and starts anew with each byte; it waits through any number
of answers 100, and unpacks whatever comes. Here each answer has one end, whatever it is made of.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from segment_exports.settings import bounds
from segment_exports.transport.unpacking import ACCEPTED, Body, TooMuchError, UnusableBodyError, told_bytes

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

AnySession = TypeVar("AnySession", bound=requests.Session)

_READ_SIZE = 1 << 20


@dataclass(frozen=True)
class AnswerLimits:
    """What one answer may take.

    :param most: bytes, unpacked; on the wire as many, and headers.
    :param seconds: from the end of the request to the end of the answer.
    """

    most: int
    seconds: float
    clock: Callable[[], float] = time.monotonic


class TooSlowError(UnusableBodyError):
    """The answer has not come to its end in its time."""


def within_bounds(session: AnySession, limits: Callable[[], AnswerLimits], *, tries: int = 1) -> AnySession:
    """Bound the answers of a session; each has come whole when it is returned.

    :param limits: asked for with each request.
    :param tries: at connecting.
    :raises UnusableBodyError: by its requests: an answer is too long or too slow, or can't be unpacked.
    """
    session.headers["Accept-Encoding"] = ACCEPTED
    for scheme in ("http://", "https://"):
        session.mount(scheme, _BoundedAdapter(limits, tries - 1))
    return session


class _BoundedAdapter(HTTPAdapter):
    def __init__(self, limits: Callable[[], AnswerLimits], retries: int) -> None:
        self._limits = limits
        super().__init__(max_retries=retries)

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self._bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **named)
        if is_new:
            self._bound(manager)
        return manager

    def send(self, request: requests.PreparedRequest, **named: Any) -> requests.Response:  # type: ignore[override]
        response = super().send(request, **{**named, "stream": True})
        try:
            body = Body(response.headers.get("Content-Encoding", ""), self._limits().most)
            for piece in response.raw.stream(_READ_SIZE, decode_content=False):
                body.add(piece)
            response._content = body.whole()
            response._content_consumed = True  # type: ignore[attr-defined]
        except HTTPError as error:
            raise requests.exceptions.ConnectionError(error) from None
        finally:
            response.close()
        return response

    def _bound(self, manager: Any) -> None:
        """Let the manager's pools, for either scheme, make connections whose answers have limits."""
        classes = manager.pool_classes_by_scheme
        manager.pool_classes_by_scheme = {scheme: self._bounded(one) for scheme, one in classes.items()}

    def _bounded(self, pool: Any) -> Any:
        def response(sock: socket.socket, *arguments: Any, **named: Any) -> _BoundedResponse:
            return _BoundedResponse(self._limits(), sock, *arguments, **named)

        connection = pool.ConnectionCls
        its_class = type(connection.__name__, (connection,), {"response_class": staticmethod(response)})
        return type(pool.__name__, (pool,), {"ConnectionCls": its_class})


class _BoundedResponse(HTTPResponse):
    def __init__(self, limits: AnswerLimits, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp = io.BufferedReader(_Wire(self.fp.detach(), sock, limits))


class _Wire(io.RawIOBase):
    """What comes over a connection for one answer."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, limits: AnswerLimits) -> None:
        self._raw = raw
        self._sock = sock
        self._limits = limits
        self._silence = sock.gettimeout()
        self._ends = limits.clock() + limits.seconds
        self._left = limits.most + bounds.HEADER_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends - self._limits.clock()
        if left <= 0:
            raise TooSlowError(f"no whole answer in {self._limits.seconds:g} s")
        self._sock.settimeout(left if self._silence is None else min(self._silence, left))
        size = self._raw.readinto(buffer)
        self._left -= size or 0
        if self._left < 0:
            raise TooMuchError(f"more than {told_bytes(self._limits.most)}")
        return size

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()
