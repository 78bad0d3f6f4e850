"""Too many bad requests from one address, and nothing comes from it for a while."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segment_emulators.account_api.access_log import Arrival
    from segment_emulators.ortto.config import Switches


@dataclass(slots=True)
class Ban:
    """One ban, in monotonic seconds."""

    address: str
    began: float
    until: float
    refused: int = 0
    """Requests that were turned away while it lasted."""


class Bans:
    """Counts the bad requests of each address."""

    def __init__(self) -> None:
        self.happened: list[Ban] = []
        self.bad: list[Arrival] = []
        """The requests that counted, in order."""
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def in_force(self, address: str, now: float) -> Ban | None:
        """Return the ban of an address; None if it has none."""
        return next((one for one in self.happened if one.address == address and now < one.until), None)

    def count(self, address: str, entry: Arrival, now: float, switches: Switches) -> None:
        """Count a bad request, and ban its address if it is one too many."""
        self.bad.append(entry)
        times = self._times[address]
        times.append(now)
        while times[0] <= now - switches.ban_window:
            times.popleft()
        if switches.ban_after is not None and len(times) >= switches.ban_after:
            self.happened.append(Ban(address, now, now + switches.ban_seconds))
            times.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.happened.clear()
        self.bad.clear()
        self._times.clear()
