"""What the columns of a segment hold as a whole, and when that can't be what its people mean.

A column that vanished at the source (column security, a mapping that unification lost) answers nothing for
everybody, and a rule with a typo matches nobody. Judged person by person that looks like people who withdraw,
so it is judged here, before anybody is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from segment_exports.records.outcomes import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_exports.definition import ExportDefinition, Permission

READABLE_RECENCY = (
    "2026-11-20T14:33:00Z, 2026-11-20, or a number that grows; for dates in another form recency_format "
    "names it (M/d/yyyy)"
)
_LOOK_AT = (
    "Look at the column's security in the source (to whoever may not read it, a secured column looks empty) "
    "and at its mapping in Customer Insights' unification"
)


class Consent(StrEnum):
    """What a value of the permission's attribute says."""

    YES = "yes"
    OTHER = "other"
    EMPTY = "empty"


@dataclass
class ColumnCounts:
    """Counts over the rows of one segment.

    ``empty`` counts per attribute the rows without a value, ``consents`` the rows by what their permission
    says (none where the definition asks for no permission), ``for_nothing`` those whose permission is a
    text that stands for nothing, by the text (they are empty), ``unreadable_recency`` those whose recency is
    neither a date nor a number, ``dated_recency`` those where it is a date.
    """

    rows: int = 0
    empty: Counter[str] = field(default_factory=Counter)
    consents: Counter[Consent] = field(default_factory=Counter)
    for_nothing: Counter[str] = field(default_factory=Counter)
    unreadable_recency: int = 0
    dated_recency: int = 0

    def add(self, other: ColumnCounts) -> None:
        """Take in the counts of further rows."""
        self.rows += other.rows
        self.empty += other.empty
        self.consents += other.consents
        self.for_nothing += other.for_nothing
        self.unreadable_recency += other.unreadable_recency
        self.dated_recency += other.dated_recency

    def consents_to_json(self) -> dict[str, int]:
        """Return the consents as JSON values; empty where none were judged."""
        return {one.value: self.consents[one] for one in Consent} if self.consents else {}

    def is_without(self, attribute: str) -> bool:
        """Tell whether there are rows, and none has a value of an attribute."""
        return 0 < self.rows == self.empty[attribute]


@dataclass(frozen=True)
class UnjudgedPermission:
    """Segments whose permission says nothing of anybody, and why; None where there are none."""

    segments: frozenset[str] = frozenset()
    why: str | None = None


def unjudged_permission(
    definition: ExportDefinition, segments: Mapping[str, ColumnCounts]
) -> UnjudgedPermission:
    """Return where a permission can't be judged: no row of a segment has one, or the rule matches nobody.

    Nobody of such a segment is taken for allowed, nor for somebody who withdrew.

    :param segments: counts of ``rows``, ``consents`` and of ``empty`` values of the permission's attribute.
    """
    permission = definition.permission
    if permission is None or permission.when_nobody == "withhold":
        return UnjudgedPermission()
    total = ColumnCounts()
    for counts in segments.values():
        total.add(counts)
    empty = [name for name, counts in segments.items() if counts.is_without(permission.attribute)]
    nobody = total.rows > 0 and not total.consents[Consent.YES]
    told = []
    if empty:
        what = _nothing_in(definition, permission.attribute, empty, segments)
        told.append(f"{what}: that is not taken for people who withdraw. {_LOOK_AT}")
    if nobody and (total.consents[Consent.OTHER] or not empty):
        told.append(_matches_nobody(permission, total))
    if not told:
        return UnjudgedPermission()
    go_on = "If it is true that nobody does, set permission.when_nobody: withhold and clear map_profiles with"
    return UnjudgedPermission(
        frozenset(segments if nobody else empty), ". ".join([*told, f"{go_on} what follows"])
    )


def _matches_nobody(permission: Permission, total: ColumnCounts) -> str:
    empty, others = (total.consents[one] for one in (Consent.EMPTY, Consent.OTHER))
    return (
        f"permission.equals matches no row: of {counted(total.rows, 'value')} of {permission.attribute} "
        f"{counted(empty, 'is', 'are')} empty and {counted(others, 'is another', 'are others')} than "
        f"{_quoted(permission.equals)}. That is not taken for people who withdraw. Look at the rule's "
        f"spelling (curly quotes, another language, a choice's number or label); make check shows which "
        f"values there are"
    )


def implausible_columns(definition: ExportDefinition, segments: Mapping[str, ColumnCounts]) -> list[str]:
    """Return for what columns hold nobody of a run may be added or changed, one sentence each.

    No address in any row of a segment, or a recency of which no value can be read. Who withdrew or was
    erased is known all the same, and leaves.
    """
    return [*_without_address(definition, segments), *_without_recency(definition, segments)]


def _without_address(definition: ExportDefinition, segments: Mapping[str, ColumnCounts]) -> Iterator[str]:
    email = definition.mapping.Email
    if empty := [name for name, counts in segments.items() if counts.is_without(email)]:
        yield (f"{_nothing_in(definition, email, empty, segments)}: nobody can be addressed. {_LOOK_AT}")


def _without_recency(definition: ExportDefinition, segments: Mapping[str, ColumnCounts]) -> Iterator[str]:
    name = definition.recency
    if name is None:
        return
    given = sum(counts.rows - counts.empty[name] for counts in segments.values())
    if 0 < given == sum(counts.unreadable_recency for counts in segments.values()):
        yield (
            f"recency: none of {counted(given, 'value')} of {name} can be read, so the newest row of an "
            f"address can't be told. What would be read: {READABLE_RECENCY}. Take another attribute, or "
            f"leave recency out"
        )


def doubtful_columns(definition: ExportDefinition, segments: Mapping[str, ColumnCounts]) -> Iterator[str]:
    """Give what is doubtful about the columns of a run, one sentence each."""
    unreadable = sum(counts.unreadable_recency for counts in segments.values())
    if unreadable:
        yield (
            f"recency: {counted(unreadable, 'value')} of {definition.recency} can't be read, and such rows "
            f"count as the oldest. What would be read: {READABLE_RECENCY}"
        )
    yield from _mixed_recency(definition, segments)
    permission = definition.permission
    for_nothing = sum((counts.for_nothing for counts in segments.values()), Counter[str]())
    if permission and for_nothing:
        texts = ", ".join(f'"{text}" in {counted(rows, "row")}' for text, rows in for_nothing.most_common())
        yield (
            f"permission: {permission.attribute} holds texts that stand for nothing: {texts}. They count as "
            "empty: such people give no permission, and nobody said No for them. Look at how the source "
            "writes it"
        )
    told = {permission.attribute} if permission and permission.when_nobody == "stop" else set()
    for name in (name for name in definition.attributes if name not in told):
        if empty := [segment for segment, counts in segments.items() if counts.is_without(name)]:
            yield f"{_nothing_in(definition, name, empty, segments)}. {_LOOK_AT}"


def _mixed_recency(definition: ExportDefinition, segments: Mapping[str, ColumnCounts]) -> Iterator[str]:
    name = definition.recency
    if name is None:
        return
    dates = sum(counts.dated_recency for counts in segments.values())
    readable = sum(
        counts.rows - counts.empty[name] - counts.unreadable_recency for counts in segments.values()
    )
    if 0 < dates < readable:
        kinds = counted(dates, "is a date", "are dates"), counted(readable - dates, "a number", "numbers")
        yield (
            f"recency: of the values of {name} {' and '.join(kinds)}: which "
            "of two such is the newer can't be told, so that the older row of an address may win. Take an "
            "attribute that holds one kind"
        )


def _nothing_in(
    definition: ExportDefinition, name: str, where: Sequence[str], segments: Mapping[str, ColumnCounts]
) -> str:
    rows = sum(segments[segment].rows for segment in where)
    wanted_for = definition.keys_naming(name) or "names the customer"
    return f"{name} ({wanted_for}) has no value in any row of {', '.join(where)} ({rows} read)"


def _quoted(values: Sequence[str]) -> str:
    return " or ".join(f'"{value}"' for value in values)
