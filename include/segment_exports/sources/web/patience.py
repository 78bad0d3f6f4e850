"""How long a reader tries, and its waiting between two tries."""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from segment_exports.errors import SourceNotReadyError
from segment_exports.settings import bounds
from segment_exports.sieve.signs import wait_told
from segment_exports.transport.retrying import retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long a reader tries. Waiting for a throttled service uses up no try.

    :param tries: of one request that fails; then the error is told.
    :param first_pause: seconds before the second try, doubled each time up to ``longest_pause``.
    :param throttled_seconds: longest time spent waiting for one request that is throttled.
    :param timeout: seconds for connecting, and for each silence while reading.
    :param largest_answer: bytes; a bigger one is refused rather than held.
    :param longest_answer: seconds for one answer, however steadily it comes; then it is a try that failed.
    :param longest_reading: seconds for all that a reader reads.
    """

    tries: int = 5
    first_pause: float = 1.0
    longest_pause: float = 60.0
    throttled_seconds: float = bounds.SOURCE_THROTTLED_SECONDS
    timeout: float = bounds.SOURCE_SILENCE_SECONDS
    largest_answer: int = bounds.SOURCE_ANSWER_BYTES
    longest_answer: float = bounds.SOURCE_ANSWER_SECONDS
    longest_reading: float = bounds.SOURCE_READING_SECONDS


@dataclass
class Waits:
    """The clock of a reader; tests put in their own."""

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random


class Pause:
    """The waiting of one request."""

    def __init__(self, patience: Patience, waits: Waits) -> None:
        self._patience = patience
        self._waits = waits
        self._failures = 0
        self._throttles = 0
        self._started = waits.monotonic()

    def failed(self) -> bool:
        """Wait before another try; False when there is none left."""
        self._failures += 1
        if self._failures >= self._patience.tries:
            return False
        self._waits.sleep(self._backoff(self._failures))
        return True

    def throttled(self, headers: Mapping[str, str], status: int, service: str) -> None:
        """Wait as long as the service says, and no shorter than after a failure."""
        self._throttles += 1
        wait = max(self._backoff(self._throttles), retry_after(headers, self._now) or 0.0)
        waited = self._waits.monotonic() - self._started
        if waited + wait > self._patience.throttled_seconds:
            raise SourceNotReadyError(
                f"{service} asks to wait for longer than {self._patience.throttled_seconds:.0f} s "
                f"({self._throttles} answers {status}, the last one asks for {wait_told(wait)}); it has "
                f"trouble, or another program uses the same limits"
            )
        log.info("%s asks to wait (%d); waiting %.1f s", service, status, wait)
        self._waits.sleep(wait)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._waits.now(), UTC)

    def _backoff(self, count: int) -> float:
        pause = min(self._patience.longest_pause, self._patience.first_pause * 2.0 ** (count - 1))
        return pause * (0.5 + self._waits.jitter() / 2)
