"""What was believed while a chunk was sent is checked at its end: ids by their place, tags by a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segment_exports.delivery.chunk import State, is_there
from segment_exports.destinations.list_registry import ListRegistry
from segment_exports.destinations.ortto.api import BATCH_LIMIT, EMAIL
from segment_exports.destinations.ortto.delivering.items import LOOK_AGAIN
from segment_exports.destinations.ortto.tags import note_ids
from segment_exports.errors import OutcomeUnknownError
from segment_exports.mapping.email_address import same_address
from segment_exports.records.outcomes import Operation, Outcome
from segment_exports.transport.call import Call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_exports.destinations.ortto.client import Person
    from segment_exports.destinations.ortto.delivering.chunk_delivery import OrttoDelivery

SAMPLE = 10
_TAGS = "tags"
_TAGS_MISSING = (
    "people who were given a tag don't have it, by POST /person/get-by-ids. Does somebody, or a journey in "
    "Ortto, take it off again? Look at one of them there; the next attempt checks again"
)


async def conclude(delivery: OrttoDelivery) -> None:
    """Check what was written down.

    :raises AccountFullError: nobody could be created any more.
    :raises OutcomeUnknownError: tags that were given don't stand.
    """
    await _note_tags(delivery)
    await _check_ids(delivery)
    await _check_tags(delivery)
    delivery.unchecked = False
    if delivery.not_created is not None:
        raise delivery.not_created


async def _note_tags(delivery: OrttoDelivery) -> None:
    registry = ListRegistry(delivery.job.account)
    known = {title: registry.find(title) for title in delivery.tags}
    made = [title for title, one in known.items() if one is not None and one.list_id is None]
    if made:
        note_ids(await delivery.client.tags(), made, registry)


async def _check_ids(delivery: OrttoDelivery) -> None:
    """Read back a sample of those whose ids were taken by their place; if one is another's, all of them."""
    chunk = delivery.chunk
    rows = delivery.by_order or _delivered_new(delivery)
    sample = _sample(delivery, rows)
    people = await _read(delivery, sample)
    if all(_is_of(people.get(chunk.contact_ids[row] or ""), chunk.emails[row]) for row in sample):
        return
    for start in range(0, len(rows), BATCH_LIMIT):
        await _mend(delivery, rows[start : start + BATCH_LIMIT])
    delivery.by_order = []


async def _mend(delivery: OrttoDelivery, rows: Sequence[int]) -> None:
    """Give rows the ids that their addresses have."""
    chunk = delivery.chunk
    people = {
        str(one.fields.get(EMAIL, "")).casefold(): one.person_id
        for one in (await _read(delivery, rows)).values()
    }
    wrong = [row for row in rows if people.get(_folded(chunk.emails[row])) != chunk.contact_ids[row]]
    left = [row for row in wrong if _folded(chunk.emails[row]) not in people]
    for person in await delivery.client.people_with([chunk.emails[row] or "" for row in left]):
        people[str(person.fields[EMAIL]).casefold()] = person.person_id
    for row in wrong:
        chunk.contact_ids[row] = people.get(_folded(chunk.emails[row]))
    blocks = [
        delivery.progress.settle(Operation.UPSERT, [row], Outcome.DELIVERED, Call(), status=200)
        for row in wrong
    ]
    if blocks:
        await delivery.flusher.write(blocks)


async def _check_tags(delivery: OrttoDelivery) -> None:
    chunk = delivery.chunk
    given = np.flatnonzero((chunk.join == State.DELIVERED).any(axis=1)).tolist()
    sample = _sample(delivery, given)
    for wait in (0.0, *LOOK_AGAIN):
        if not sample:
            return
        await delivery.sleep(wait)
        people = await _read(delivery, sample)
        sample = [row for row in sample if not _has_tags(delivery, row, people)]
    if sample:
        raise OutcomeUnknownError(_TAGS_MISSING, status=200)


def _has_tags(delivery: OrttoDelivery, row: int, people: dict[str, Person]) -> bool:
    """Tell whether somebody has the tags that were given; who is not there any more had them."""
    chunk = delivery.chunk
    person = people.get(chunk.contact_ids[row] or "")
    if person is None:
        return True
    there = person.fields.get(_TAGS)
    shown = {str(one).casefold() for one in there} if isinstance(there, list) else set()
    given = np.flatnonzero(chunk.join[row] == State.DELIVERED).tolist()
    return all(delivery.tags.get(title := chunk.titles[one], title).casefold() in shown for one in given)


async def _read(delivery: OrttoDelivery, rows: Sequence[int]) -> dict[str, Person]:
    ids = [one for one in delivery.chunk.contact_ids[list(rows)].tolist() if one]
    return await delivery.client.people_by_id(ids, (EMAIL, _TAGS)) if ids else {}


def _folded(email: str | None) -> str:
    return (email or "").casefold()


def _is_of(person: Person | None, email: str | None) -> bool:
    """Tell whether somebody has an address; of who is not shown, nothing is known."""
    return person is None or same_address(str(person.fields.get(EMAIL)), email or "")


def _delivered_new(delivery: OrttoDelivery) -> list[int]:
    """Return rows of people made in this run whose ids may have been taken by an earlier attempt."""
    chunk = delivery.chunk
    made = (chunk.upsert == State.DELIVERED) & ~is_there(chunk.planned_ids)
    rows: list[int] = np.flatnonzero(made).tolist()
    return rows


def _sample(delivery: OrttoDelivery, rows: Sequence[int]) -> list[int]:
    left = list(rows)
    count = min(SAMPLE, len(left))
    return [left.pop(int(delivery.uniform() * len(left))) for _ in range(count)]
