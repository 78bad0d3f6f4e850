"""The order that is safe whatever the new account does with what it isn't told.

Who may not be mailed is read at the old account, whole, and written to the new one with permission off; then
all of the new account is read back. Only where each of them stands there so is the move done. Nothing is
changed at the old account, nobody is given permission at the new one. Done again, it writes who is missing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING

from segment_exports.commands.moving.refused import Refusal, There, usable
from segment_exports.errors import OutcomeUnknownError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from segment_exports.commands.moving.refused import Mask, RefusedPeople
    from segment_exports.destinations.moving import RefusalReader, RefusalWriter, Standing
    from segment_exports.records.keyed_hash import KeyedHasher

_READINGS = 3
"""So often an account is read that changes while it is read."""
_LOOKS = (5.0, 10.0, 20.0, 40.0)
"""Seconds to wait before looking again at those who aren't seen as they were written: reading may lag."""
_MOST_ALONE = 50
"""So many who weren't taken are sent once more, each alone, to learn why; more are no matter of people."""


@dataclass
class Counts:
    """What was found at the old account. The last three are left alone."""

    contacts: int = 0
    unsubscribed: int = 0
    undeliverable: int = 0
    of_our_lists: int = 0
    nameless: int = 0
    unusable: int = 0
    erased: int = 0


@dataclass
class Found:
    """What is at the new account of those who are unsubscribed at the old one, before and after."""

    nobody: int = 0
    off: int = 0
    maybe_mailed: int = 0


@dataclass
class Written:
    """What was written, and what was seen of it. ``refused`` are all who stand there as they must."""

    people: int = 0
    refused: int = 0
    suppressed: int = 0
    suppressed_seen: int | None = None
    kept_out: int = 0
    """Not made, since the account suppresses their address by itself: nobody mails them."""


@dataclass
class Doubt:
    """Of whom it isn't certain that they are not mailed, by their places; why some weren't taken."""

    left: Mask
    reasons: dict[str, str] = field(default_factory=dict)


async def read_refusals(
    reader: RefusalReader,
    make: Callable[[], RefusedPeople],
    hasher: KeyedHasher,
    *,
    ours: Collection[str],
    erased: Collection[bytes],
    list_ids: Sequence[str] | None = None,
) -> tuple[RefusedPeople, Counts]:
    """Return all who may not be mailed at an account, read whole.

    :param make: makes what takes them in.
    :param ours: ids of the export's lists.
    :param erased: keyed hashes of people who were erased: of them nothing is sent anywhere.
    :param list_ids: read the people of these lists only.
    :raises DestinationError: the account can't be read whole.
    """
    for left in reversed(range(_READINGS)):
        people, counts = make(), Counts()
        try:
            async for page in reader.people(list_ids):
                counts.contacts += len(page)
                for one in page:
                    if one.is_unsubscribed or one.is_undeliverable:
                        _take_in(people, counts, one, hasher, ours, erased)
        except OutcomeUnknownError:
            people.close()
            if not left:
                raise
            continue
        people.seal()
        unsubscribed = people.have(Refusal.UNSUBSCRIBED)
        counts.unsubscribed = int(unsubscribed.sum())
        counts.undeliverable = int(people.have(Refusal.UNDELIVERABLE).sum())
        counts.of_our_lists = int((unsubscribed & people.have(Refusal.OF_OUR_LISTS)).sum())
        return people, counts
    raise AssertionError("unreachable")


def _take_in(
    people: RefusedPeople,
    counts: Counts,
    one: Standing,
    hasher: KeyedHasher,
    ours: Collection[str],
    erased: Collection[bytes],
) -> None:
    judged = usable(one.email)
    if one.email is None:
        counts.nameless += 1
    elif judged is None:
        counts.unusable += 1
    elif hasher.text(judged) in erased:
        counts.erased += 1
    else:
        refusal = Refusal.UNSUBSCRIBED if one.is_unsubscribed else Refusal(0)
        refusal |= Refusal.UNDELIVERABLE if one.is_undeliverable else Refusal(0)
        refusal |= Refusal.OF_OUR_LISTS if any(held in ours for held in one.lists) else Refusal(0)
        people.add(judged, refusal)


async def look(writer: RefusalWriter, people: RefusedPeople) -> Found:
    """Read the whole new account, and note of each of these people how they stand there.

    :raises DestinationError: it can't be read whole.
    """
    for left in reversed(range(_READINGS)):
        people.forget_there()
        try:
            async for page in writer.people():
                for one in page:
                    people.stand(one.email, is_off=one.is_unsubscribed)
        except OutcomeUnknownError:
            if not left:
                raise
            continue
        break
    there = people.there[people.have(Refusal.UNSUBSCRIBED)]
    return Found(*(int((there == one).sum()) for one in There))


async def write(
    writer: RefusalWriter,
    people: RefusedPeople,
    why: str,
    *,
    erased: Callable[[], Collection[bytes]],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> tuple[Written, Doubt]:
    """Write who is to be written, and read back whether all stand as they must.

    :param people: with what a look has shown of them.
    :param why: shown at the account as the reason.
    :param erased: gives the keyed hashes of people who were erased by now: nothing more is sent of them.
    :return: what was written, and of whom it isn't certain: nobody, where all is well.
    :raises DestinationError: the account doesn't answer, or refuses all.
    """
    people.leave_out(erased())
    refused = people.have(Refusal.UNSUBSCRIBED)
    written = Written(suppressed=int(people.have(Refusal.UNDELIVERABLE).sum()))
    for some in people.emails(people.have(Refusal.UNDELIVERABLE), writer.most_written):
        await writer.suppress(some)
    written.people = int((refused & (people.there != There.OFF)).sum())
    to_write = refused & (people.there != There.OFF)
    reasons, suppressed = await _unsubscribe(writer, people, to_write, why, erased)
    await look(writer, people)
    people.leave_out(erased())
    refused = people.have(Refusal.UNSUBSCRIBED)
    written.refused = int(refused.sum())
    left = refused & (people.there != There.OFF)
    for number, seconds in enumerate(_LOOKS):
        if not left.any():
            break
        if number == 1 and int(left.sum()) <= _MOST_ALONE:
            more_reasons, more_suppressed = await _each_alone(writer, people, left, why)
            reasons, suppressed = reasons | more_reasons, suppressed | more_suppressed
        await sleep(seconds)
        await _look_at(writer, people, left)
        left &= people.there != There.OFF
    kept_out = people.mask_of(suppressed) & left & (people.there == There.NOBODY)
    written.kept_out = int(kept_out.sum())
    written.suppressed_seen = await _count_suppressed(writer, people)
    return written, Doubt(left & ~kept_out, reasons)


async def _unsubscribe(
    writer: RefusalWriter,
    people: RefusedPeople,
    which: Mask,
    why: str,
    erased: Callable[[], Collection[bytes]],
) -> tuple[dict[str, str], frozenset[str]]:
    """Write people, several requests at a time, each person in one of them; return who wasn't taken."""
    reasons, suppressed = dict[str, str](), frozenset[str]()
    spelled = people.spellings(which)
    batches = chain(
        people.emails(which, writer.most_written),
        (spelled[at : at + writer.most_written] for at in range(0, len(spelled), writer.most_written)),
    )
    while some := list(islice(batches, writer.at_once)):
        people.leave_out(erased())
        asked = [kept for one in some if (kept := people.without_left_out(one))]
        # All are awaited, also where one fails: what is on the wire then is answered, and known.
        sending = (writer.unsubscribe(one, why) for one in asked)
        answers = await asyncio.gather(*sending, return_exceptions=True)
        for found in answers:
            if isinstance(found, BaseException):
                raise found
            reasons |= found.reasons
            suppressed |= found.suppressed
        if len(reasons) > _MOST_ALONE:
            break
    return reasons, suppressed


async def _each_alone(
    writer: RefusalWriter, people: RefusedPeople, which: Mask, why: str
) -> tuple[dict[str, str], frozenset[str]]:
    """Send each of some people alone: a request for several tells of none why he wasn't taken."""
    reasons, suppressed = dict[str, str](), frozenset[str]()
    for some in people.emails(which, 1):
        found = await writer.unsubscribe(some, why)
        reasons |= found.reasons
        suppressed |= found.suppressed
    return reasons, suppressed


async def _look_at(writer: RefusalWriter, people: RefusedPeople, which: Mask) -> None:
    """Look again at some people, by their addresses."""
    spelled = people.spellings(which)
    people.forget_there(which)
    size = writer.most_asked
    asked = chain(
        people.emails(which, size), (spelled[at : at + size] for at in range(0, len(spelled), size))
    )
    for some in asked:
        for one in await writer.standings(some):
            people.stand(one.email, is_off=one.is_unsubscribed)


async def _count_suppressed(writer: RefusalWriter, people: RefusedPeople) -> int | None:
    """Count who is seen on the account's suppression list; None where it shows nobody at all."""
    undeliverable = people.have(Refusal.UNDELIVERABLE)
    if not undeliverable.any():
        return 0
    seen, is_any = set[int](), False
    async for page in writer.suppressed():
        is_any = True
        places = (people.find(one) for one in page)
        seen.update(one for one in places if one is not None and undeliverable[one])
    return len(seen) if is_any else None
