"""A request, what is known of it while it is tried, and what came back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from segment_exports.transport.bad_requests.budget import Place


@dataclass
class RequestCounters:
    """What went over the wire. Times are UTC."""

    total: int = 0
    throttled: int = 0
    retried: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass
class Call:
    """What is known of one call while it runs and after it failed.

    ``attempts`` went out so far; ``in_doubt`` says that one of them may have been done although no
    answer told so; ``on_wire`` that one waits for its answer just now; ``shut_outs``
    how often the service was found to take nothing of this machine; ``unanswered`` are the places of attempts
    whose fate nobody knows. ``max_attempts`` overrules the
    client's setting. ``is_withdrawn`` is asked before every attempt: a call may wait long for its next one.
    """

    attempts: int = 0
    in_doubt: bool = False
    on_wire: bool = False
    shut_outs: int = 0
    unanswered: list[Place] = field(default_factory=list)
    max_attempts: int | None = None
    is_withdrawn: Callable[[], bool] | None = None

    def unanswered_in(self, place: Place) -> None:
        """Take note that an attempt ended without an answer: if it went out, it may have been a bad one."""
        if not self.on_wire:
            place.give_back()
            return
        place.unanswered()
        self.unanswered.append(place)

    def answered_well(self) -> None:
        """Take note that the request is a good one: so were the attempts at it that nobody answered."""
        for place in self.unanswered:
            place.give_back()
        self.unanswered.clear()


@dataclass(frozen=True)
class Request:
    """One request; ``label`` names it without any value.

    ``once``: it is not repeated when its fate is unknown (all others are idempotent). ``about_people``: it
    names contacts, so an answer may quote them. ``empty_is_done``: a 204 without a body answers it too, as an
    empty object.
    """

    method: str
    path: str
    label: str
    body: bytes | None = None
    once: bool = False
    about_people: bool = False
    empty_is_done: bool = False


class Answer(NamedTuple):
    """What came back for one attempt."""

    status: int
    headers: Mapping[str, str]
    body: bytes
