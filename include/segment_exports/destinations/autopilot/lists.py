"""Lists by title: known because we made them, adopted by their id, or made once.

Titles are not unique at the destination and a list can't be deleted there, so a list is never made on
a guess: the intent is written down before ``POST /list``, and whenever its fate is unknown, the lists
are read again (the destination completes requests that it answers with a time-out) before a second try.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from segment_exports.errors import ListProblemError, OutcomeUnknownError, RequestRefusedError
from segment_exports.settings.names import STAGING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

    from segment_exports.definition import ListTarget
    from segment_exports.destinations.autopilot.client import AutopilotClient, ContactList
    from segment_exports.destinations.list_registry import ListRegistry

_LOOK_AGAIN = (0.5, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Waits (seconds) between looks for a list whose making was not answered: 67 s in all, more than twice
the 30.5 s that ``POST /list`` was recorded to take."""
_STILL_BEING_MADE = timedelta(seconds=120)
_TRIES = 3
_OTHER_ACCOUNT = "Is the key of another account on the connection?"
"""Asked before anything is advised: following the advice there would send everything to that account."""
_TO_ADOPT = (
    "for it in the definition to adopt it, and trigger a run with reconcile, since who gives no permission "
    "stays on it otherwise"
)


class ListVanishedError(ListProblemError):
    """A list that we know by its id is not in the account any more."""


class ListState(StrEnum):
    """How a list is known."""

    OURS = "ours"
    ADOPTED = "adopted"
    TO_CREATE = "to_create"
    GONE = "gone"


@dataclass(frozen=True)
class ListStatus:
    """Where a list stands; ``list_id`` is None for one that is still to be made, or gone."""

    title: str
    list_id: str | None
    state: ListState


async def check_lists(
    client: AutopilotClient,
    targets: Iterable[ListTarget],
    registry: ListRegistry,
    *,
    former: Collection[str] = (),
) -> tuple[ListStatus, ...]:
    """Find out how the lists are known, without making any (one request).

    :param former: titles that the definition names no more: these may have vanished.
    :raises ListProblemError: naming every list that has vanished, is double, not ours, or one with another.
    """
    return _judge(await client.lists(), targets, registry, former)


def refuse_shared_lists(
    targets: Iterable[ListTarget], registry: ListRegistry, *, former: Collection[str] = ()
) -> None:
    """Refuse two titles for one list, as far as the ids are known without a request.

    Who left the one would be taken off the other. A former title may share its list with the one that
    took its place.

    :raises ListProblemError: naming both titles and the id.
    """
    known: list[tuple[str, str | None]] = []
    for target in targets:
        made = None if target.list_id else registry.find(target.title)
        known.append((target.title, made.list_id if made else target.list_id))
    if problems := _shared(known, former):
        raise ListProblemError("; ".join(problems))


async def ensure_lists(
    client: AutopilotClient,
    targets: Sequence[ListTarget],
    registry: ListRegistry,
    *,
    make: Collection[str] | None = None,
    former: Collection[str] = (),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> dict[str, str]:
    """Return the id of each list by title; make those that are not there yet.

    :param make: titles that may be made (None: all); another that is not there has no id in the answer.
    :param former: as in :func:`check_lists`; one that vanished has no id in the answer.
    :raises ListProblemError: as :func:`check_lists`, before anything is made.
    :raises OutcomeUnknownError: a list could not be made, or its fate stays unknown.
    """
    maker = _ListMaker(client, registry, now, sleep)
    ids = {}
    for one in await check_lists(client, targets, registry, former=former):
        if one.list_id is not None:
            ids[one.title] = one.list_id
        elif one.state is ListState.TO_CREATE and (make is None or one.title in make):
            ids[one.title] = await maker.make(one.title)
    return ids


def _judge(
    there: Sequence[ContactList],
    targets: Iterable[ListTarget],
    registry: ListRegistry,
    former: Collection[str],
) -> tuple[ListStatus, ...]:
    statuses, problems = [], []
    for target in targets:
        try:
            statuses.append(_status(there, target, registry))
        except ListProblemError as problem:
            if target.title in former and isinstance(problem, ListVanishedError):
                statuses.append(ListStatus(target.title, None, ListState.GONE))
            else:
                problems.append(str(problem))
    problems += _shared([(one.title, one.list_id) for one in statuses], former)
    if problems:
        raise ListProblemError("; ".join(problems))
    return tuple(statuses)


def _shared(known: Iterable[tuple[str, str | None]], former: Collection[str]) -> list[str]:
    first: dict[str, str] = {}
    return [
        f"lists {first[list_id]!r} and {title!r} of the definition are one list in the account, {list_id}; "
        f"give their segments one list, or choose another list_id"
        for title, list_id in known
        if list_id is not None and title not in former and first.setdefault(list_id, title) != title
    ]


def _status(there: Sequence[ContactList], target: ListTarget, registry: ListRegistry) -> ListStatus:
    ids = {one.list_id for one in there}
    title = target.title
    known = registry.find(title)
    made = known.list_id if known else None
    list_id = target.list_id or made
    if list_id is not None:
        if list_id not in ids:
            by_us = f", made by us as {made}, has vanished from the account"
            told = by_us if list_id == made else f": the account has no list with the list_id {list_id}"
            raise ListVanishedError(
                f"list {title!r}{told}. {_OTHER_ACCOUNT} If not, its members went with it: name another list "
                f"in the definition, or make one there and name it by its list_id: everybody joins it"
            )
        return ListStatus(title, list_id, ListState.OURS if list_id == made else ListState.ADOPTED)
    same = _with_title(there, title)
    if len(same) > 1:
        raise ListProblemError(
            f"list {title!r} stands {len(same)} times in the account, as {' and '.join(same)}; "
            f"say which one is meant with list_id in the definition"
        )
    if not same:
        return ListStatus(title, None, ListState.TO_CREATE)
    if known is None:
        raise ListProblemError(
            f"list {title!r} exists in the account as {same[0]}, but {registry.place} doesn't say that this "
            f"project made it. If it did, the staging ({STAGING}) is not the one of then: is the volume "
            f"mounted? Else set list_id: {same[0]} {_TO_ADOPT}; or choose another title"
        )
    # We meant to make it and were cut off before the answer.
    registry.made(title, same[0], known.intended_at)
    return ListStatus(title, same[0], ListState.OURS)


@dataclass(frozen=True)
class _ListMaker:
    client: AutopilotClient
    registry: ListRegistry
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[object]]

    async def make(self, title: str) -> str:
        """Make the list of a title that none has."""
        list_id = await self._from_earlier(title) or await self._create(title)
        self.registry.made(title, list_id, self.now())
        same = _with_title(await self.client.lists(), title)
        if len(same) > 1:
            raise ListProblemError(
                f"list {title!r} was made as {list_id}, but the title now stands {len(same)} times, as "
                f"{' and '.join(same)}; say which one is meant with list_id in the definition"
            )
        return list_id

    async def _from_earlier(self, title: str) -> str | None:
        """Wait for a list that an earlier run, cut off a moment ago, may have asked for."""
        if self.registry.intend(title, self.now()):
            return None
        known = self.registry.find(title)
        if known is None or self.now() - known.intended_at > _STILL_BEING_MADE:
            return None
        return await self._appeared(title)

    async def _create(self, title: str) -> str:
        told = ""
        for attempt in range(1, _TRIES + 1):
            try:
                return await self.client.create_list(title)
            except OutcomeUnknownError as error:
                told = str(error)
                list_id = await self._appeared(title)
                if list_id is not None:
                    return list_id
            except RequestRefusedError as error:
                if error.status == 409 and attempt > 1:
                    return await self._conflicting(title)
                self.registry.forget(title)
                if error.status == 409:
                    raise ListProblemError(await self._taken(title)) from error
                raise
        raise OutcomeUnknownError(
            f"list {title!r}: {_TRIES} tries at making it were not answered, and it has not appeared. "
            f"The next attempt looks for it again before it makes one. Met last: {told}"
        )

    async def _conflicting(self, title: str) -> str:
        """Return the list that our unanswered first try has made."""
        list_id = await self._appeared(title)
        if list_id is None:
            raise ListProblemError(await self._taken(title))
        return list_id

    async def _appeared(self, title: str) -> str | None:
        for wait in (0.0, *_LOOK_AGAIN):
            await self.sleep(wait)
            same = _with_title(await self.client.lists(), title)
            if same:
                return same[0]
        return None

    async def _taken(self, title: str) -> str:
        same = _with_title(await self.client.lists(), title)
        where = f"as {same[0]}: set list_id: {same[0]} {_TO_ADOPT}" if same else "by a list it does not show"
        return f"list {title!r}: the account says that the title is taken, {where}; or choose another title"


def _with_title(there: Sequence[ContactList], title: str) -> list[str]:
    return sorted(one.list_id for one in there if one.title == title)
