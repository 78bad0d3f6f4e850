"""When a request is sent again, and after how long."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from segment_exports.sieve.signs import wait_told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from segment_exports.errors import DestinationError

TRANSIENT_STATUSES = frozenset({408, 425, *range(500, 600)})
"""Answers after which the same request may succeed; 429 is not among them, since it uses up no retry."""


_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")


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


@dataclass
class Tries:
    """What was tried of one request: failures so far, and since when (clock) the service asks to wait."""

    failures: int = 0
    asked_since: float | None = None


def retry_after(headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    """Return the seconds (at least 0) that a ``Retry-After`` header asks for: a number, or an HTTP date.

    A date is counted from the answer's own clock where it tells one (``Date``), else from ours, which may go
    wrong. It is a hint: who waits takes the longer of it and their own wait. None if there is none, or if it
    is neither. (Servers need not send one; a proxy before them may.)
    """
    value = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        seconds = float(value)
        return seconds if math.isfinite(seconds) else None
    moment = http_date(value)
    if moment is None:
        return None
    told = http_date(headers.get("Date", ""))
    return max(0.0, (moment - (told or now())).total_seconds())


def given_up(error: DestinationError, asked: float | None) -> DestinationError:
    """Return an error that tells, too, of the wait (seconds) that was asked for and is too long."""
    if not asked:
        return error
    text = f"{error}; it asks to wait {wait_told(asked)}, which is too long"
    return type(error)(text, status=error.status, answer=error.answer)


def http_date(text: str) -> datetime | None:
    """Return the time (UTC) of a header; None where it is none."""
    try:
        moment = parsedate_to_datetime(text.strip())
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        return None
