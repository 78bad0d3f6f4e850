"""Bad requests of all tasks, processes and accounts of this machine, kept below what a service bans for.

A service may shut an address out after so many bad requests (answered 4xx, but 429) within so many seconds,
and behind one address are all tasks of a machine. So each request takes a place before it goes out. It has
the place until it is answered well, or until some seconds after it was answered badly; so what is under way
at once can't exceed the budget either. What was never answered counts as bad until the next attempt at the
same call is answered well.

The places stand in a small file in a private folder under the system's temporary directory, changed under an
exclusive lock. Those of a process that died count as bad from when that is found. What can't be read counts
as full. Where there is no such folder, each process counts for itself, and says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import secrets
import time
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from segment_exports.settings import bounds
from segment_exports.transport.bad_requests.shared_file import locked, private_folder, replace, text_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

log = logging.getLogger(__name__)

MARGIN = 1.0
"""Seconds more than the service counts: it may take in a request later than we hear of its answer."""
_LOOK_AGAIN = 0.05
_MOST_BUSY = 10.0
"""Seconds after which a lock is held by nobody who will give it back, such as a stopped process."""
_OTHER_BOOT = 1.0
"""Seconds ahead of the clock, from where a time is of before the machine was started."""
_LONGEST_UNDER_WAY = 2 * bounds.ANSWER_SECONDS
"""Seconds after which nothing is under way any more, whatever stands there."""

T = TypeVar("T")


class Kind(StrEnum):
    """Why a place is taken."""

    UNDER_WAY = "under_way"
    BAD = "bad"
    UNANSWERED = "unanswered"


def is_bad(status: int) -> bool:
    """Tell whether a request is bad by the status that it was answered."""
    return 400 <= status < 500 and status != 429


class Place:
    """The place of one attempt."""

    def __init__(self, note: Callable[[Kind | None], None] = lambda _: None) -> None:
        self._note = note
        self.is_answered = False

    def answered(self, status: int) -> None:
        """Say what the attempt was answered."""
        self.is_answered = True
        self._note(Kind.BAD if is_bad(status) else None)

    def unanswered(self) -> None:
        """Say that it went out, and that nobody knows what became of it."""
        self._note(Kind.UNANSWERED)

    def give_back(self) -> None:
        """Say that nothing went out, or that it was no bad one after all."""
        self._note(None)


class Uncounted:
    """A service that shuts nobody out."""

    waits_until = float("-inf")
    """Until when (clock) who asked last has to wait for the bad requests that were sent."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be told."""
        return ()

    async def start(self, begin: Callable[[], Awaitable[int]]) -> tuple[int, Place]:
        """Wait for a place for one attempt; return what ``begin`` gave for it, and the place."""
        return await begin(), Place()

    def happened_lately(self) -> bool:
        """Tell whether there was a bad request within the time that the service counts."""
        return False

    def shut_out(self) -> float:
        """Take note that the service has shut this machine out; return the seconds that all wait now."""
        return 0.0


class _Taken(NamedTuple):
    owner: str
    number: int
    since: float
    kind: str

    def unanswered(self, now: float) -> _Taken:
        return self._replace(since=now, kind=Kind.UNANSWERED)


@dataclass
class _State:
    """What stands in the file. Times are those of the clock, which is one for all processes."""

    shut_until: float = 0.0
    places: list[_Taken] = field(default_factory=list)

    @property
    def text(self) -> str:
        return json.dumps({"shut_until": self.shut_until, "places": self.places})


class BadRequests(Uncounted):
    """The budget of one service. A process may have several for it; they count together.

    :param service: names it, and all that counts bad requests together.
    :param most: bad requests in any so many ``seconds``, at most.
    :param seconds: so long the service counts, and so long it shuts out.
    :param folder: where the file lies; without one a private folder of the user's.
    :param clock, sleep: seconds that never go back, the same for all processes, and waiting.
    """

    def __init__(
        self,
        service: str,
        *,
        most: int,
        seconds: float,
        folder: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.shut_outs = 0
        self._most, self._seconds = most, seconds + MARGIN
        self._name = f"bad-requests-{hashlib.sha256(service.encode()).hexdigest()[:16]}"
        self._folder, self._clock, self._sleep = folder, clock, sleep
        self._owner = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._own: dict[int, _Taken] = {}
        self._numbers = 0
        self._alone: _State | None = None
        self._why_alone = ""
        self._busy_since: float | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be told: that the service has shut us out, and where the others can't be counted."""
        told = []
        if self.shut_outs:
            times = "once" if self.shut_outs == 1 else f"{self.shut_outs} times"
            told.append(
                f"the service shut this machine out for a while after bad requests, {times}: it took no "
                f"connection, or answered what it never does. That was waited out. Does anything else behind "
                f"this address send it bad requests? So does a wrong key, in any connection or tool"
            )
        if self._why_alone:
            told.append(
                f"bad requests of other tasks on this machine are not counted, so that the service may shut "
                f"it out: {self._why_alone}. The temporary directory must let each user have a folder of "
                f"their own (mode 0700)"
            )
        return tuple(told)

    async def start(self, begin: Callable[[], Awaitable[int]]) -> tuple[int, Place]:
        """Wait for a place for one attempt; return what ``begin`` gave for it, and the place.

        ``begin`` waits for its start by the rate; one for which there is no place then is lost.
        """
        while True:
            ticket = await begin()
            if not (wait := self._update(self._wait_or_take, _LOOK_AGAIN)):
                return ticket, Place(partial(self._note, self._numbers))
            self.waits_until = self._clock() + wait
            await self._sleep(wait)

    def happened_lately(self) -> bool:
        """Tell whether anybody here was answered a bad request within the time that the service counts."""
        return self._update(lambda state: any(one.kind == Kind.BAD for one in state.places), busy=False)

    def shut_out(self) -> float:
        """Take note that the service has shut this machine out; return the seconds that all wait now."""
        return self._update(self._begin_shut_out, busy=self._seconds)

    def _begin_shut_out(self, state: _State) -> float:
        now = self._clock()
        if state.shut_until <= now:
            self.shut_outs += 1
            state.shut_until = now + self._seconds
            log.warning("The service shut this machine out after bad requests: waiting %.0f s", self._seconds)
        return state.shut_until - now

    def _wait_or_take(self, state: _State) -> float:
        """Return the seconds to wait before a place may be free; 0 where one was taken."""
        now = self._clock()
        if state.shut_until > now:
            return state.shut_until - now
        if len(state.places) >= self._most:
            if any(one.kind == Kind.UNDER_WAY for one in state.places):
                return _LOOK_AGAIN
            return max(_LOOK_AGAIN, min(one.since for one in state.places) + self._seconds - now)
        self._numbers += 1
        taken = _Taken(self._owner, self._numbers, now, Kind.UNDER_WAY)
        self._own[self._numbers] = taken
        state.places.append(taken)
        return 0.0

    def _note(self, number: int, kind: Kind | None) -> None:
        """Keep what became of a place; as long as the file is busy, it has it as under way."""
        if kind is None:
            self._own.pop(number, None)
        else:
            self._own[number] = _Taken(self._owner, number, self._clock(), kind)
        self._update(lambda _: None, busy=None)

    def _update(self, change: Callable[[_State], T], busy: T) -> T:
        """Do something with what is so now and write down what it is then; ``busy`` while another does."""
        state = self._alone
        if state is not None:
            self._bring_up(state)
            return change(state)
        try:
            with locked(self._folder or private_folder(), self._name) as file:
                text = text_of(file)
                state = _state_of(text, self._full())
                self._bring_up(state)
                done = change(state)
                if state.text != text:
                    replace(file, state.text)
        except BlockingIOError:
            return self._busy(busy)
        except OSError as error:
            self._why_alone = f"{type(error).__name__}, {os.strerror(error.errno or 0)}"
            self._alone = state or _State()
            return done if state is not None else change(self._alone)
        self._busy_since = None
        return done

    def _busy(self, busy: T) -> T:
        now = self._clock()
        self._busy_since = now if self._busy_since is None else self._busy_since
        if now - self._busy_since > _MOST_BUSY:
            self._why_alone = "their file is locked by a process that does not go on"
            self._alone = _State()
        return busy

    def _bring_up(self, state: _State) -> None:
        """Leave out what is over, count what the dead had under way, and put in what is ours."""
        now = self._clock()
        if state.shut_until > now + self._seconds:
            state.shut_until = 0.0
        for number in [one for one, taken in self._own.items() if self._is_over(taken, now)]:
            del self._own[number]
        others = (one for one in state.places if one.owner != self._owner and not self._is_over(one, now))
        state.places = [
            one if one.kind != Kind.UNDER_WAY or _is_alive(one.owner) else one.unanswered(now)
            for one in others
        ]
        state.places += self._own.values()

    def _is_over(self, taken: _Taken, now: float) -> bool:
        longest = _LONGEST_UNDER_WAY if taken.kind == Kind.UNDER_WAY else self._seconds
        return not now - longest < taken.since <= now + _OTHER_BOOT

    def _full(self) -> _State:
        """Return what is believed where the file can't be read."""
        now = self._clock()
        return _State(places=[_Taken("0-unknown", one, now, Kind.UNANSWERED) for one in range(self._most)])


def _state_of(text: str, unreadable: _State) -> _State:
    if not text:
        return _State()
    try:
        value = json.loads(text)
        places = [_Taken(str(a), int(b), float(c), str(Kind(d))) for a, b, c, d in value["places"]]
        return _State(float(value["shut_until"]), places)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return unreadable


def _is_alive(owner: str) -> bool:
    """Tell whether a process is there; one of another container is not, for us."""
    try:
        os.kill(int(owner.partition("-")[0]), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
