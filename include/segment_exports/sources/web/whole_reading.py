"""What one reading of a source may take in all: time from its first request, and bytes of all its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.errors import SourceError
from segment_exports.settings import bounds
from segment_exports.transport.unpacking import told_bytes

if TYPE_CHECKING:
    from collections.abc import Callable


class WholeReading:
    """Counts what a reader of a service takes. Several threads may share one.

    :param seconds: the longest.
    """

    def __init__(self, service: str, seconds: float, clock: Callable[[], float]) -> None:
        self._service = service
        self._seconds = seconds
        self._clock = clock
        self._began: float | None = None
        self._bytes = 0

    def require_time(self) -> None:
        """Call before each request.

        :raises SourceError: the reading has no end.
        """
        now = self._clock()
        self._began = now if self._began is None else self._began
        if now - self._began > self._seconds:
            raise SourceError(
                f"{self._service} has been read for {self._seconds / 3600:,.1f} hours and there is more: "
                f"what was read isn't whole, and nothing of it is delivered. Is the service that slow, or "
                f"the table without end?"
            )

    def add(self, size: int) -> None:
        """Count the bytes of an answer.

        :raises SourceError: it is more than a reading may have.
        """
        self._bytes += size
        if self._bytes > bounds.TABLE_BYTES:
            raise SourceError(
                f"{self._service} has sent more than {told_bytes(bounds.TABLE_BYTES)} and there is more: "
                f"what was read isn't whole, and nothing of it is delivered. Ask for fewer attributes"
            )
