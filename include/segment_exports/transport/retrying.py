"""When a request is sent again, and after how long."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TRANSIENT_STATUSES = frozenset({408, 425, *range(500, 600)})
"""Answers after which the same request may succeed; 429 is not among them, since it uses up no retry."""


@dataclass(frozen=True)
class RetrySettings:
    """How often and how long to try.

    :param max_attempts: attempts at one request, the first included; those answered 429 don't count.
    :param first_wait: upper bound (seconds) of the wait after the first failure; it doubles each time.
    :param longest_wait: upper bound (seconds) of any such wait.
    :param throttle_patience: seconds that one request waits for the rate limit, or because a
        ``Retry-After`` asks for it; a wait that would end later is not begun.
    """

    max_attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0
    throttle_patience: float = 900.0

    def wait(self, failures: int, random: Callable[[], float]) -> float:
        """Return seconds to wait after so many failures: exponential, with full jitter."""
        return random() * min(self.longest_wait, self.first_wait * 2.0 ** (failures - 1))


def retry_after(headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for: a number, or an HTTP date.

    None if there is none or it is unreadable. (Servers need not send one; a proxy before them may.)
    """
    seconds = told_wait(headers, now)
    return seconds if seconds is not None and seconds >= 0 else None


def told_wait(headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    """Return what a ``Retry-After`` header says in seconds, also where it is a number below zero."""
    value = headers.get("Retry-After", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        return _seconds_until(value, now)
    return seconds if math.isfinite(seconds) else None


def _seconds_until(date: str, now: Callable[[], datetime]) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now()).total_seconds())
