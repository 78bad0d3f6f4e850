"""When a delivery ends early: what stops it, and how often the destination may fail to answer."""

from __future__ import annotations

import asyncio

from segment_exports.delivery.job import Stop, StopKind
from segment_exports.errors import (
    AccountRefusedError,
    CredentialsRefusedError,
    DestinationError,
    ListProblemError,
    NotFoundError,
    RequestRefusedError,
    WithdrawnError,
    WrongServerError,
)

_LEAST_MISSES = 6
_LEAST_FORBIDDEN = 8


class Stopping:
    """Takes note of a reason to stop (the first one counts), and of answers that stay away.

    A destination that answers nothing in a row of requests is down: a later attempt goes on. One that
    refuses everything without a word on what is in it (403, a gateway's page) refuses us, not a contact.
    ``trouble`` is what was met last, in words without anything of a contact.
    """

    def __init__(self, requests_in_flight: int) -> None:
        self.stop: Stop | None = None
        self.stopped = asyncio.Event()
        self.trouble: str | None = None
        self._misses = 0
        self._forbidden = 0
        self._most_misses = max(_LEAST_MISSES, 2 * requests_in_flight)
        self._most_forbidden = max(_LEAST_FORBIDDEN, 2 * requests_in_flight)

    def stop_for(self, kind: StopKind, message: str) -> None:
        """Stop, unless that is decided already."""
        if self.stop is None:
            self.stop = Stop(kind, message)
            self.stopped.set()

    def answered(self) -> None:
        """Note that a request was carried out, or refused in the destination's own words on what is in it."""
        self._misses = self._forbidden = 0

    def missed(self, error: DestinationError) -> None:
        """Note that a request was given up without an answer on what is in it, unless it was withdrawn."""
        if isinstance(error, WithdrawnError):
            return
        self.trouble = str(error)
        if isinstance(error, AccountRefusedError):
            self._misses = 0
            self._forbidden += 1
            if self._forbidden >= self._most_forbidden:
                self.stop_for(StopKind.FORBIDDEN, f"{error}. So went {self._forbidden} requests in a row")
            return
        self._misses += 1
        if self._misses >= self._most_misses:
            self.stop_for(StopKind.UNREACHABLE, f"{error}. So it went with {self._misses} requests in a row")

    def stops(self, error: DestinationError) -> bool:
        """Stop if this error concerns more than the request that met it; tell whether."""
        kind = _kind_of(error)
        if kind is not None:
            self.stop_for(kind, str(error))
        return kind is not None

    def setup_failed(self, error: DestinationError) -> None:
        """Stop because what comes before the first contact failed."""
        if not self.stops(error):
            is_refused = isinstance(error, RequestRefusedError | AccountRefusedError)
            self.stop_for(StopKind.FORBIDDEN if is_refused else StopKind.UNREACHABLE, str(error))


def _kind_of(error: DestinationError) -> StopKind | None:
    if isinstance(error, CredentialsRefusedError):
        return StopKind.CREDENTIALS
    if isinstance(error, ListProblemError):
        return StopKind.LIST
    if isinstance(error, WrongServerError | NotFoundError):
        return StopKind.NOT_THE_API
    return None
