"""Which definitions of a folder go on where some clash, and why another doesn't, in one line each.

Who delivered a claim goes on, and who makes it anew breaks: a new file, or the edit of a file that ran
before. Only who goes on can break another; but who breaks keeps what its runs have delivered, so that nobody
takes its lists over while it is mended.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from segment_exports.definition.clashes.claims import Kind, claims_of, claims_to, name_claim, told
from segment_exports.definition.clashes.delivered import LATER_THAN_ALL, Standing

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from segment_exports.definition.clashes.claims import Claim
    from segment_exports.definition.clashes.delivered import Delivered, Evidence
    from segment_exports.definition.model import ExportDefinition

_TOLD = 3
"""Further clashes of a file that its line tells."""

Places = dict[tuple[Kind, str, str], "dict[Hashable, tuple[Contender, Claim]]"]
Clash: TypeAlias = "tuple[Claim, Contender, Claim]"
"""A claim, who breaks it, and by which of their claims."""


@dataclass
class Contender:
    """One file of the folder; ``definition`` is None where it can't be read."""

    path: Path
    definition: ExportDefinition | None
    delivered: Delivered | None = None
    contested: tuple[Claim, ...] = ()
    goes_on: bool = True
    kept: tuple[Claim, ...] = ()
    """Lists that its runs have filled, where it can't be read."""
    claims: tuple[Claim, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Make the claims, once: they are held against each other twice."""
        owner, definition = self.path.name, self.definition
        more = claims_of(definition, owner) if definition else ()
        self.claims = (name_claim(self.path.stem, owner), *more)

    @cached_property
    def modified(self) -> int:
        """When the file was written last (nanoseconds); 0 where nobody knows."""
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return 0

    def standing(self, claim: Claim) -> Standing:
        """Return how well runs prove a claim; that to the name as well as the weakest of all others.

        Nobody knows whether a file that can't be read is what ran under its name.
        """
        delivered = self.delivered
        if claim in self.kept:
            return Standing.DELIVERS
        if delivered is None or self.definition is None:
            has_run = delivered is not None and (delivered.since or delivered.trouble)
            return Standing.OTHERWISE if has_run else Standing.NEW
        claims = self.claims[1:] if claim.kind is Kind.NAME else (claim,)
        return min(delivered.standing(one, self.definition) for one in claims)

    @property
    def since(self) -> datetime:
        """When it delivered first, as far as that is known."""
        return (self.delivered and self.delivered.since) or LATER_THAN_ALL

    def order(self, asking: str | None) -> tuple[object, ...]:
        """Return what sorts those that clash: who goes on comes first."""
        weakest = min(map(self.standing, self.contested))
        asks = self.definition is not None and self.path.stem == asking
        return (-weakest, self.since, not asks, self.modified, self.path.name)


def clashes_among(
    files: Sequence[tuple[Path, ExportDefinition | None]],
    evidence: Evidence | None = None,
    asking: str | None = None,
) -> dict[Path, str]:
    """Return the files that others break, each with a line that tells with whom it clashes and what to do.

    :param files: all of a folder, and their definitions where they can be read.
    :param evidence: tells what was delivered; asked of those that clash, or can't be read. Without it,
        and where it tells nothing of either, the older file goes on, or else the one whose name comes first.
    :param asking: the export whose run asks: where nobody has delivered anything it goes on, since whoever
        began that run saw it so. Files may have other times on another worker.
    """
    contenders = [Contender(path, definition) for path, definition in files]
    if evidence is not None:
        _ask_of_unreadable(contenders, evidence)
    values: dict[object, set[Hashable]] = defaultdict(set)
    for one in contenders:
        for claim in (*one.claims, *one.kept):
            values[claim.place].add(claim.value)
    for one in contenders:
        one.contested = tuple(claim for claim in one.claims if len(values[claim.place]) > 1)
    clashing = [one for one in contenders if one.contested]
    if evidence is not None:
        _ask(clashing, evidence)
    ordered = sorted(clashing, key=lambda one: one.order(asking))
    return {one.path: _line(one, found) for one, found in _broken(ordered, _delivered_by(contenders))}


def _ask_of_unreadable(contenders: Sequence[Contender], evidence: Evidence) -> None:
    """Ask what the runs of files have filled that can't be read: nobody takes it over meanwhile."""
    readable = {one.path.stem for one in contenders if one.definition is not None}
    for one in contenders if readable else ():
        if one.path.stem not in readable:
            name, owner = one.path.stem, one.path.name
            one.goes_on, one.delivered = False, evidence(name, None)
            one.kept = tuple(claim for held in one.delivered.holds for claim in claims_to(*held, owner))


def _ask(clashing: Collection[Contender], evidence: Evidence) -> None:
    of_name = dict[str, "Delivered"]()
    for one in clashing:
        if one.definition is not None:
            of_name[one.path.stem] = one.delivered = evidence(one.path.stem, one.definition)
    for one in clashing:
        if one.definition is None and one.delivered is None:
            one.delivered = of_name.get(one.path.stem)


def _broken(ordered: Sequence[Contender], kept: Places) -> list[tuple[Contender, list[Clash]]]:
    held, broken = Places(), list[tuple[Contender, list[Clash]]]()
    for one in ordered:
        found = [(claim, *other) for claim in one.contested if (other := _other(one, claim, held, kept))]
        if found:
            one.goes_on = False
            broken.append((one, found))
        for claim in one.contested:
            if one.goes_on or one.standing(claim) is Standing.DELIVERS:
                _hold(held, one, claim)
    return broken


def _delivered_by(contenders: Iterable[Contender]) -> Places:
    """Return what is some export's by its runs, whether it goes on or not: no edit of another takes it."""
    kept = Places()
    for one in sorted(contenders, key=lambda one: (one.since, one.path.name)):
        for claim in (*one.contested, *one.kept):
            if one.standing(claim) is Standing.DELIVERS:
                _hold(kept, one, claim)
    return kept


def _hold(places: Places, one: Contender, claim: Claim) -> None:
    places.setdefault(claim.place, {}).setdefault(claim.value, (one, claim))


def _other(one: Contender, claim: Claim, held: Places, kept: Places) -> tuple[Contender, Claim] | None:
    places = (held,) if one.standing(claim) is Standing.DELIVERS else (held, kept)
    return next(
        (
            (other, theirs)
            for place in places
            for value, (other, theirs) in place.get(claim.place, {}).items()
            if value != claim.value and other is not one
        ),
        None,
    )


def _line(one: Contender, found: Sequence[Clash]) -> str:
    """Return the first clash with why and what to do, and what else there is in short."""
    mine, other, theirs = found[0]
    what, to_do = told(mine, theirs, other.path.name)
    if mine.kind is Kind.NAME and other.definition is None:
        return f"{what}, is broken, and may be what ran under it; {to_do}"
    goes_on = "goes on" if other.goes_on else "keeps it while it is mended"
    line = f"{what}. {other.path.name} {goes_on}, since {_why(one, mine, other, theirs)}; {to_do}"
    if mine.kind is Kind.NAME:
        return line
    more = dict.fromkeys(
        _in_short(claim, another, other) for claim, another, _ in found[1:] if claim.subject != mine.subject
    )
    if not more:
        return line
    rest = f" and {len(more) - _TOLD} more" if len(more) > _TOLD else ""
    return f"{line}. Likewise {', '.join(list(more)[:_TOLD])}{rest}"


def _in_short(claim: Claim, other: Contender, first: Contender) -> str:
    what = f"the list {claim.list}" if claim.list else f"the contact field {claim.subject}"
    return what if other is first else f"{what} (in {other.path.name})"


def _why(one: Contender, mine: Claim, other: Contender, theirs: Claim) -> str:
    troubles = (it.delivered.trouble for it in (other, one) if it.delivered)
    if trouble := next(filter(None, troubles), None):
        return f"{_by_file(one, other)} (what they delivered can't be told: {trouble})"
    before, after = other.standing(theirs), one.standing(mine)
    if before > after and before is Standing.PLANNED:
        return "its first run is under way"
    if before > after:
        return "its runs deliver it" if before is Standing.DELIVERS else "its runs came first"
    if before == after and other.since < one.since:
        return f"its runs have delivered since {other.since:%Y-%m-%d}, before those of this file"
    return _by_file(one, other)


def _by_file(one: Contender, other: Contender) -> str:
    """Say why one goes on of which no run tells more than of the other."""
    if other.modified < one.modified:
        return "its file is older"
    if (other.modified, other.path.name) < (one.modified, one.path.name):
        return "its name comes first"
    return "what it claims stood there before"
