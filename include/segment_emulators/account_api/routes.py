"""From a request to the operation it asks for, and from that to an answer.

Path segments are decoded as a form is: ``+`` is a space, so an address with a ``+`` must be sent with
``%2B``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_emulators.account_api.access_log import Arrival
    from segment_emulators.account_api.answers import Answer

    Operation = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """An operation and the path that leads to it: ``{name}`` stands for one segment."""

    operation: Operation
    segments: tuple[str, ...]
    reads: bool
    """Whether it changes nothing."""

    def fits(self, given: list[str]) -> bool:
        """Tell whether a path, cut into its segments, is this one."""
        return len(given) == len(self.segments) and all(
            segment[0] == "{" or segment == part for segment, part in zip(self.segments, given, strict=True)
        )

    def arguments(self, given: list[str]) -> dict[str, str]:
        """Return the decoded segments by name."""
        return {
            segment[1:-1]: unquote_plus(part)
            for segment, part in zip(self.segments, given, strict=True)
            if segment[0] == "{"
        }


class Routes:
    """The operations of an API."""

    def __init__(self) -> None:
        self._routes: dict[str, list[Route]] = {}
        """Method → its routes in the order in which they were registered."""

    def route(self, method: str, path: str, *, reads: bool | None = None) -> Callable[[Operation], Operation]:
        """Register an operation at a path; a GET reads, and others where it is said."""

        def register(operation: Operation) -> Operation:
            segments = tuple(path.strip("/").split("/"))
            is_read = method == "GET" if reads is None else reads
            self._routes.setdefault(method, []).append(Route(operation, segments, is_read))
            return operation

        return register

    def find(self, method: str, given: list[str]) -> Route | None:
        """Return the route that a method and a path lead to."""
        return next((found for found in self._routes.get(method, ()) if found.fits(given)), None)

    def is_path(self, given: list[str]) -> bool:
        """Tell whether any method leads somewhere at a path."""
        return any(found.fits(given) for routes in self._routes.values() for found in routes)


class RoutedRequest:
    """A request that has arrived: what it asks for is known, and its name stands in the log.

    :param resets: how often the emulator had been reset when it arrived.
    """

    def __init__(self, routes: Routes, entry: Arrival, raw_path: str, body: bytes, resets: int) -> None:
        self.resets = resets
        self.entry = entry
        self._given = raw_path.strip("/").split("/")
        self._routes = routes
        self.route = routes.find(entry.method, self._given)
        self.arguments = self.route.arguments(self._given) if self.route else {}
        self.body = as_json(body)
        """The body's JSON value; None if it has none."""
        if self.route is not None:
            entry.endpoint, entry.reads = self.route.operation.__name__, self.route.reads

    @property
    def is_wrong_method(self) -> bool:
        """Whether nothing is there, but would be by another method."""
        return self.route is None and self._routes.is_path(self._given)

    def perform(self, switches: Any) -> Answer:
        """Carry it out against the account."""
        raise NotImplementedError


def as_json(body: bytes) -> Any:
    """Return a body's JSON value; None if it has none."""
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return None
