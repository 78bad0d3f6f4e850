"""What a move found and did, as lines for a person: counts, and some addresses of which most is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from segment_exports.commands.moving.refused import Refusal, There
from segment_exports.mapping.email_address import mask_email
from segment_exports.records.outcomes import counted

if TYPE_CHECKING:
    from segment_exports.commands.moving.move import Counts, Doubt, Found, Written
    from segment_exports.commands.moving.refused import Mask, RefusedPeople

_EXAMPLES = 3


@dataclass(frozen=True)
class Names:
    """What is moved, and the two accounts as they are called."""

    export: str
    old: str
    new: str


def told_of_the_old(names: Names, counts: Counts, scope: str) -> str:
    """Return what was found at the old account."""
    ours = f", {counts.of_our_lists:,} of these on lists of {names.export}" if counts.of_our_lists else ""
    of_lists = scope == "lists"
    text = (
        f"{names.old}: {counts.contacts:,} contacts{' on our lists' if of_lists else ''} were read. "
        f"{counts.unsubscribed:,} are unsubscribed{'' if of_lists else ours}; from {counts.undeliverable:,} "
        f"mail comes back, or they complained of it.\n"
    )
    left = (
        (counts.nameless, "without an address"),
        (counts.unusable, "with an address that no export sends"),
        (counts.erased, "erased, of whom nothing is sent"),
    )
    alone = ", ".join(f"{count:,} {what}" for count, what in left if count)
    return text + (f"Left alone: {alone}.\n" if alone else "")


def told_of_the_new(names: Names, found: Found, people: RefusedPeople) -> str:
    """Return what was found at the new account before anything was written."""
    mailed = people.have(Refusal.UNSUBSCRIBED) & (people.there == There.MAYBE_MAILED)
    text = f"{names.new}: of the unsubscribed, {found.off:,} stand there with permission off already"
    text += f", {found.nobody:,} aren't there"
    return f"{text}, {found.maybe_mailed:,} may be mailed there{_such_as(people, mailed)}.\n"


def told_of_dry_run(names: Names, counts: Counts, found: Found, requests: int) -> str:
    """Return what would be written."""
    return (
        f"Nothing was written: this is a dry run. APPLY=yes makes "
        f"{counted(found.nobody, 'person', 'people')} in {names.new} without permission, takes that of "
        f"{found.maybe_mailed:,}, and puts "
        f"{counted(counts.undeliverable, 'address', 'addresses')} on its suppression list: some {requests:,} "
        f"requests. Whoever is made counts as a contact of its plan.\n"
    )


def told_of_written(names: Names, written: Written) -> str:
    """Return what was written and seen again, all of it."""
    text = (
        f"{names.new}: {written.people:,} were written with permission off. Read back, all "
        f"{written.refused:,} stand there so"
    )
    if written.kept_out:
        text += f", or aren't there and on its suppression list ({written.kept_out:,})"
    text += ".\n"
    if written.suppressed:
        text += f"{counted(written.suppressed, 'address', 'addresses')} were put on the suppression list"
        if written.suppressed_seen is None:
            text += ", which could not be read back: look there whether they are"
        else:
            text += f", {written.suppressed_seen:,} of them seen on it"
        text += ".\n"
    return text


def told_of_doubt(names: Names, doubt: Doubt, people: RefusedPeople) -> str:
    """Return of whom it isn't certain, and what to do."""
    mailed = doubt.left & (people.there == There.MAYBE_MAILED)
    nobody = doubt.left & (people.there == There.NOBODY)
    parts = []
    if mailed.any():
        parts.append(
            f"{counted(int(mailed.sum()), 'person', 'people')} may be mailed there still"
            f"{_such_as(people, mailed)}"
        )
    if nobody.any():
        parts.append(
            f"{counted(int(nobody.sum()), 'person is', 'people are')} not to be seen there"
            f"{_such_as(people, nobody)}"
        )
    whys = list(islice(dict.fromkeys(doubt.reasons.values()), _EXAMPLES))
    why = f" {names.new} says: {'; '.join(whys)}." if whys else ""
    return (
        f"{names.export} is not moved: of those who are unsubscribed in {names.old}, {', and '.join(parts)}."
        f"{why} Don't begin to export to {names.new}. If it shows changes late, the same command some "
        f"minutes later is enough; else mend, unsubscribe or delete these people there or in {names.old}, "
        f"and run it again: who is written is not written twice"
    )


def _such_as(people: RefusedPeople, which: Mask) -> str:
    if not which.any():
        return ""
    some = next(people.emails(which, _EXAMPLES))
    return f", such as {', '.join(str(mask_email(one)) for one in some)}"
