"""More than N arrivals in any rolling time are too many."""

from __future__ import annotations

from collections import deque


class RollingLimit:
    """Counts arrivals of the last ``seconds``; times are monotonic seconds."""

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._arrivals: deque[float] = deque()

    def admits(self, now: float, limit: int | None, *, count_refused: bool) -> bool:
        """Tell whether an arrival at ``now`` is within the limit, and remember it."""
        if limit is None:
            return True
        arrivals = self._arrivals
        while arrivals and arrivals[0] <= now - self._seconds:
            arrivals.popleft()
        admitted = len(arrivals) < limit
        if admitted or count_refused:
            arrivals.append(now)
        return admitted

    def wait(self, now: float, limit: int | None) -> float:
        """Return the seconds after which an arrival would be within the limit again."""
        arrivals = self._arrivals
        if limit is None or len(arrivals) < limit:
            return 0.0
        return max(arrivals[-limit] + self._seconds - now, 0.0)

    def reset(self) -> None:
        """Forget all arrivals."""
        self._arrivals.clear()
