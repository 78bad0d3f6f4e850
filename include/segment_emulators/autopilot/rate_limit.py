"""More than N arrivals in any rolling second are too many."""

from __future__ import annotations

from collections import deque


class RollingSecond:
    """Counts arrivals of the last second; times are monotonic seconds."""

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque()

    def admits(self, now: float, limit: int | None, *, count_refused: bool) -> bool:
        """Tell whether an arrival at ``now`` is within the limit, and remember it."""
        if limit is None:
            return True
        arrivals = self._arrivals
        while arrivals and arrivals[0] <= now - 1.0:
            arrivals.popleft()
        admitted = len(arrivals) < limit
        if admitted or count_refused:
            arrivals.append(now)
        return admitted

    def reset(self) -> None:
        """Forget all arrivals."""
        self._arrivals.clear()
