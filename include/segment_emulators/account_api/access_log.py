"""Every arrival, so that a test can count what was sent and what was sent again."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(slots=True)
class Arrival:
    """One request as it arrived, completed when it was answered."""

    number: int
    """Counts from 1 since the last clearing."""
    arrived: float
    """Monotonic seconds."""
    wall_time: float
    """Seconds since 1970."""
    method: str
    path: str
    """Below ``/v1``, decoded."""
    reads: bool = False
    """Whether the operation changes nothing."""
    endpoint: str | None = None
    """Name of the operation (see ``api.py``), None where the path has none or it was refused before."""
    address: str = ""
    """The network address that it came from; where an API minds it."""
    banned: bool = False
    """Whether it was turned away for its address."""
    key: str | None = None
    """Fingerprint of the key in the header, never the key."""
    contacts: int = 0
    emails: tuple[str, ...] = ()
    """Addresses (as stored, or as in the path) that the request named."""
    lists: tuple[str, ...] = ()
    """Lists that the request named, each as it does: by id, or by title."""
    joins: tuple[tuple[str, str], ...] = ()
    """Who was to join which list, as (address, list as the request names it)."""
    leaves: tuple[tuple[str, str], ...] = ()
    """Who was to leave which."""
    body_keys: tuple[str, ...] = ()
    """Keys of all contact objects in the body; those of ``custom`` as ``custom/<key>``."""
    done: tuple[str, ...] = ()
    """What was done to each contact; where an API tells these apart."""
    options: dict[str, Any] = field(default_factory=dict)
    """What the request said of all its contacts alike."""
    permissions: tuple[bool | None, ...] = ()
    """What it said of each one's permission; None where it said nothing."""
    worked: bool = False
    """Whether the work was done (a refusal by the API is work too)."""
    malformed: bool = False
    """Whether it could not be read, leads nowhere, or lacks what it needs; where an API tells these apart."""
    status: int | None = None
    """None while unanswered, or where the connection was reset."""
    fault: str | None = None
    finished: float | None = None
    """Monotonic seconds."""

    def to_json(self) -> dict[str, Any]:
        """Return the entry as JSON values."""
        return asdict(self)


class AccessLog:
    """The arrivals in order, the newest ``limit`` of them; the totals count all."""

    def __init__(self, limit: int | None = None) -> None:
        self._entries: deque[Arrival] = deque(maxlen=limit)
        self._count = 0
        self.totals: Counter[tuple[str, int | None]] = Counter()
        """(endpoint or method, status) → requests finished."""

    def __len__(self) -> int:
        return self._count

    def add(self, arrived: float, wall_time: float, method: str, path: str) -> Arrival:
        """Note an arrival and return its entry, to be completed."""
        self._count += 1
        entry = Arrival(self._count, arrived, wall_time, method, path, reads=method == "GET")
        self._entries.append(entry)
        return entry

    def finish(self, entry: Arrival, finished: float, *, counts: bool = True) -> None:
        """Complete an entry that was answered (or whose connection was reset), and count it in the totals."""
        entry.finished = finished
        if counts:
            self.totals[entry.endpoint or entry.method, entry.status] += 1

    @property
    def under_way(self) -> int:
        """Number of requests that have arrived and are not finished, whether or not their client waits."""
        return sum(entry.finished is None for entry in self.entries)

    @property
    def entries(self) -> list[Arrival]:
        """All entries that are kept, oldest first."""
        return list(self._entries)

    def select(
        self,
        *endpoints: str,
        method: str | None = None,
        status: int | None = None,
        since: int = 0,
    ) -> list[Arrival]:
        """Return the entries of these endpoints (all if none is named), with number above ``since``."""
        return [
            entry
            for entry in self.entries
            if entry.number > since
            and (not endpoints or entry.endpoint in endpoints)
            and (method is None or entry.method == method)
            and (status is None or entry.status == status)
        ]

    def writes(self, since: int = 0) -> list[Arrival]:
        """Return everything but reads."""
        return [entry for entry in self.entries if entry.number > since and not entry.reads]

    def times_sent(self, *endpoints: str, worked_only: bool = False) -> Counter[str]:
        """Return how often each address was named to these endpoints."""
        return Counter(
            email
            for entry in self.select(*endpoints)
            if entry.worked or not worked_only
            for email in entry.emails
        )

    def busiest_second(self, since: int = 0) -> int:
        """Return the most arrivals in any rolling second."""
        return most_in_a_second(entry.arrived for entry in self.entries if entry.number > since)

    def clear(self) -> None:
        """Forget everything and count from 1 again."""
        self._entries.clear()
        self._count = 0
        self.totals.clear()


def most_in_a_second(arrivals: Iterable[float]) -> int:
    """Return the most arrivals in any half-open second, of ascending monotonic times."""
    window: deque[float] = deque()
    most = 0
    for arrived in arrivals:
        window.append(arrived)
        while window[0] <= arrived - 1.0:
            window.popleft()
        most = max(most, len(window))
    return most
