"""What keeps requests from going out just now, for whoever looks on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.errors import ThrottledError
from segment_exports.sieve.signs import wait_told

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_exports.errors import DestinationError
    from segment_exports.transport.bad_requests.budget import Uncounted

_LEAST = 1.0
"""Seconds below which a wait is none to speak of."""


class Waits:
    """The longest wait that has begun: until when, and what was answered before it.

    :param budget: of bad requests, for which all may have to wait.
    """

    def __init__(self, budget: Uncounted, clock: Callable[[], float]) -> None:
        self._budget, self._clock = budget, clock
        self._until, self._why = clock(), ""

    def begin(self, seconds: float, why: DestinationError) -> None:
        """Take note that a request waits so long, since it was answered this."""
        until = self._clock() + seconds
        if until >= self._until:
            too_many = " (too many requests)" if isinstance(why, ThrottledError) else ""
            self._until, self._why = until, f"{why}{too_many}"

    def told(self) -> str | None:
        """Return what is waited for, and for how long yet; None where it is nothing."""
        if (left := self._budget.waits_until - self._clock()) >= _LEAST:
            return f"Waiting {wait_told(left)} more, for the bad requests that were sent from this machine"
        if (left := self._until - self._clock()) >= _LEAST:
            return f"Waiting {wait_told(left)} more: {self._why}"
        return None
