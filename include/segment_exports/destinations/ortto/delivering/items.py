"""Whose item of an answer is whose.

Answers to a merge name no address. Known people are found by their ids. New ones are taken by their place
only where there are as many items as people, and where it was seen in this attempt, by reading a whole answer
back, that items stand in the order in which people were sent; else each answer is read back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from segment_exports.destinations.ortto.answers import ItemStatus
from segment_exports.destinations.ortto.delivering.chunk_delivery import Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_exports.destinations.ortto.answers import MergedItem
    from segment_exports.destinations.ortto.delivering.chunk_delivery import OrttoDelivery

LOOK_AGAIN = (2.0, 5.0, 15.0)
"""Waits (seconds) until a merge is shown by a read: how long it takes is not known."""

_BAD = (ItemStatus.INVALID, ItemStatus.SUPPRESSED)


@dataclass(frozen=True)
class Matched:
    """What an answer says of each person of a request, None where it can't be told.

    ``by_order``: ids were taken by their place alone.
    """

    items: Sequence[MergedItem | None]
    by_order: bool = False


async def match_new(
    delivery: OrttoDelivery, emails: Sequence[str | None], items: Sequence[MergedItem]
) -> Matched:
    """Return the items of people who have no ids yet.

    :raises DestinationError: the people can't be read back.
    """
    counts_agree = len(items) == len(emails)
    if counts_agree and (len(items) == 1 or delivery.order is Order.AS_SENT):
        return Matched(items, by_order=len(items) > 1)
    ids = [one.person_id for one in items if one.person_id is not None]
    by_id = await _addresses(delivery, ids)
    if counts_agree and len(ids) > 1 and _agrees(emails, items, by_id):
        delivery.order = Order.AS_SENT
        return Matched(items)
    if len(ids) > 1 and len(by_id) == len(ids):
        delivery.order = Order.OTHER
    of_address = {by_id[one.person_id]: one for one in items if one.person_id in by_id}
    found = [of_address.get((email or "").casefold()) for email in emails]
    return Matched(_with_the_rest(found, [one for one in items if one.person_id not in by_id]))


def culprits(
    delivery: OrttoDelivery, people: int, items: Sequence[MergedItem]
) -> Sequence[MergedItem | None] | None:
    """Return whom an answer that took nobody blames, by place; None where it can't be told."""
    if people == 1:
        return [items[0] if items else None]
    if len(items) != people:
        return None
    if _are_alike(items):
        return items
    if delivery.order is not Order.AS_SENT or not any(one.status in _BAD for one in items):
        return None
    return [one if one.status in _BAD else None for one in items]


def in_place(expected: Sequence[str], items: Sequence[MergedItem]) -> bool:
    """Tell whether the items of known people stand in the order in which they were sent."""
    return len(items) == len(expected) and all(
        one.person_id in (None, person_id) for one, person_id in zip(items, expected, strict=True)
    )


def _agrees(emails: Sequence[str | None], items: Sequence[MergedItem], by_id: dict[str, str]) -> bool:
    return bool(by_id) and all(
        one.person_id is None or by_id.get(one.person_id) == (email or "").casefold()
        for one, email in zip(items, emails, strict=True)
    )


async def _addresses(delivery: OrttoDelivery, person_ids: Sequence[str]) -> dict[str, str]:
    """Return the address of each of these people, as far as the account shows them by now."""
    found: dict[str, str] = {}
    for wait in (0.0, *LOOK_AGAIN):
        if len(found) == len(set(person_ids)) or (found and delivery.stopping.stop is not None):
            break
        await delivery.sleep(wait)
        people = await delivery.client.people_by_id(person_ids)
        found = {key: str(one.fields.get("str::email", "")).casefold() for key, one in people.items()}
    return found


def _with_the_rest(found: list[MergedItem | None], left: Sequence[MergedItem]) -> Sequence[MergedItem | None]:
    """Give items that can't be placed to the people who have none, where it makes no difference which."""
    if len(left) != found.count(None) or not _are_alike(left):
        return found
    rest = iter(left)
    return [next(rest) if one is None else one for one in found]


def _are_alike(items: Sequence[MergedItem]) -> bool:
    return len({(one.status, one.words) for one in items}) == 1 and items[0].status in _BAD
