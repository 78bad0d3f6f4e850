"""What the values of profiles would become: converted as a run does it, counted, and nothing kept.

What it says holds no personal data: of a value that would be refused only its shape (``99/99/9999``), and of
the permission's values, which are few and nobody's, the most frequent, shortened.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from segment_exports.contact_fields.destination_fields import FieldRefusal
from segment_exports.contact_fields.fields import FieldType
from segment_exports.mapping.column_counts import (
    ColumnCounts,
    Consent,
    doubtful_columns,
    implausible_columns,
    unjudged_permission,
)
from segment_exports.mapping.email_address import EmailRefusal, mask_email
from segment_exports.mapping.field_values import ValueRefusal
from segment_exports.mapping.permission import FOR_NOTHING, PeopleHeldBack
from segment_exports.mapping.profile_batch import ProfileMapper
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.outcomes import counted, percent
from segment_exports.records.profiles import CUSTOMER_ID, PREVIOUS_CUSTOMER_ID
from segment_exports.records.refusals import NOBODY_REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from segment_exports.definition import ExportDefinition

_NO_SECRET = KeyedHasher("values that are checked are not kept")
_NOBODY_HELD_BACK = PeopleHeldBack(frozenset(), NOBODY_REFUSED.keys, _NO_SECRET)
_CHOICE = re.compile(r"(?=[0-9]{9}\Z)[1-9][0-9]{1,4}0{3,}[0-9]{1,3}")
"""Numbers of choices in Dataverse: a publisher's prefix of two to five digits, zeros, and a count from 0."""

_ANOTHER_NUMBER = ". If it is a number in another form, give the field a format (1.234,56)"
_ADVICE = {
    ValueRefusal.OUT_OF_RANGE.value: ". Map it to a string field",
    FieldRefusal.LONGER_THAN_255.value: ". A custom field of type text takes 4,000",
    FieldRefusal.NO_COUNTRY_CODE.value: '. Write destination.phone_country_code, such as "+61"',
    FieldRefusal.NOT_A_CHOICE.value: ". Add what is missing to the field's values",
    ValueRefusal.NOT_A_DATE.value: ". If it is a date in another form, give the field a format (M/d/yyyy)",
    ValueRefusal.NOT_AN_INTEGER.value: _ANOTHER_NUMBER,
    ValueRefusal.NOT_A_NUMBER.value: _ANOTHER_NUMBER,
}
_MAY_BE_CHOICES = {FieldType.STRING, FieldType.SELECT, FieldType.MULTISELECT}
_MOST_SHOWN, _LONGEST_SHOWN = 5, 40
_YES, _NO = frozenset({"yes", "true", "1", "y", "on"}), frozenset({"no", "false", "0", "n", "off"})


class ValuesCheck:
    """Takes in profiles batch by batch; then :meth:`problems` and :meth:`notes` tell what was found."""

    def __init__(self, definition: ExportDefinition) -> None:
        self._definition = definition
        self._mapper = ProfileMapper(definition, _NO_SECRET, _NOBODY_HELD_BACK)
        self._attributes = {field.target: field.attribute for field in definition.mapping.fields}
        self._attributes |= {name: name for name in (CUSTOMER_ID, PREVIOUS_CUSTOMER_ID)}
        self._columns: dict[str, ColumnCounts] = {}
        self._refused: Counter[tuple[str, str]] = Counter()
        self._shapes: dict[tuple[str, str], str] = {}
        self._consents: Counter[str] = Counter()
        self._choices: dict[str, bool] = {}

    def add(self, segment: str, profiles: pa.RecordBatch) -> None:
        """Take in profiles of a segment, with the attributes of the definition."""
        batch = self._mapper.map(profiles, segment=segment, place=0, first_row=0)
        self._columns.setdefault(segment, ColumnCounts()).add(batch.columns)
        told = (batch.invalid[name].to_pylist() for name in ("row", "field", "reason"))
        for row, field, reason in zip(*told, strict=True):
            self._refused[field, reason] += 1
            if (field, reason) not in self._shapes:
                self._shapes[field, reason] = shape_of(profiles[self._attributes[field]][row].as_py() or "")
        for one in self._definition.mapping.fields:
            if one.type in _MAY_BE_CHOICES and self._choices.get(one.attribute, True):
                given = [text for text in pc.unique(profiles[one.attribute]).to_pylist() if text]
                if given:
                    self._choices[one.attribute] = all(map(_CHOICE.fullmatch, given))
        if self._definition.permission:
            values = profiles[self._definition.permission.attribute].fill_null("").value_counts()
            self._consents.update({one["values"]: one["counts"] for one in values.to_pylist()})

    def with_address(self, segment: str) -> int:
        """Return how many rows of a segment have a text where the address should be."""
        counts = self._columns.get(segment, ColumnCounts())
        return counts.rows - counts.empty[self._definition.mapping.Email]

    def rows(self, segment: str) -> int:
        """Return how many rows of a segment were taken in."""
        return self._columns.get(segment, ColumnCounts()).rows

    def problems(self) -> list[str]:
        """Return what would stop a run, if it read these profiles."""
        return self.column_problems() or self._too_many_refused()

    def column_problems(self) -> list[str]:
        """Return what would stop a run that reads these profiles, or some of them, and no others."""
        if why := unjudged_permission(self._definition, self._columns).why:
            return [why]
        return implausible_columns(self._definition, self._columns)

    def _too_many_refused(self) -> list[str]:
        rows, refused = sum(one.rows for one in self._columns.values()), self._refused.total()
        allowed = self._definition.guards.stop_above_invalid
        if rows and refused / rows > allowed:
            return [
                f"{refused} of {counted(rows, 'row')} would be refused ({percent(refused / rows)}); "
                f"guards.stop_above_invalid allows {percent(allowed)}"
            ]
        return []

    def notes(self) -> list[str]:
        """Return what a run would leave out, and whom the permission allows."""
        return [
            *doubtful_columns(self._definition, self._columns),
            *self._permission(),
            *self._refusals(),
            *self._numbers_of_choices(),
        ]

    def told_of_sample(self, *, is_whole: bool) -> list[str]:
        """Return everything as notes, where only a sample was taken in: a run reads other rows as well.

        :param is_whole: there are no other rows, so that :meth:`column_problems` are no notes.
        """
        rows = sum(one.rows for one in self._columns.values())
        problems = [] if is_whole and self.column_problems() else self.problems()
        return [f"in a sample of {counted(rows, 'profile')}: {text}" for text in (*problems, *self.notes())]

    def _permission(self) -> Iterator[str]:
        permission = self._definition.permission
        rows = self._consents.total()
        if permission is None or not rows:
            return
        consents: Counter[Consent] = Counter()
        for one in self._columns.values():
            consents.update(one.consents)
        allowed = {one.strip().casefold() for one in permission.equals}
        plain_no = _YES if _NO & allowed else _NO  # an attribute may say who is not to be mailed
        given = ((value.strip().casefold(), value, count) for value, count in self._consents.most_common())
        nothing = {"", *FOR_NOTHING.to_pylist()}
        others = [one for one in given if one[0] not in nothing | allowed]
        no = sum(count for plain, _, count in others if plain in plain_no)
        yes, empty, other = (consents[one] for one in (Consent.YES, Consent.EMPTY, Consent.OTHER))
        told = f"permission {permission.attribute}: {yes} yes, {no} no, {empty} empty, {other - no} other"
        if others:
            shown = ", ".join(f"{_shown(value)} {count}" for _, value, count in others[:_MOST_SHOWN])
            told += f". The most frequent that are no yes: {shown}"
        if yes == rows:
            told += ". Everybody gives permission: is it the attribute and the value that are meant?"
        yield told

    def _refusals(self) -> Iterator[str]:
        for (field, reason), count in self._refused.most_common():
            if reason != EmailRefusal.MISSING:
                key = self._definition.keys_naming(self._attributes[field]) or field
                advice = _ADVICE.get(reason, "")
                yield (
                    f"{key}: {counted(count, 'row')} would be refused, since {self._attributes[field]} is "
                    f"{reason}; one looks like {self._shapes[field, reason]}{advice}"
                )

    def _numbers_of_choices(self) -> Iterator[str]:
        for name in (name for name, is_choice in self._choices.items() if is_choice):
            yield (
                f"{self._definition.keys_naming(name)}: all values of {name} look like numbers of a choice "
                f"(100000001), which stand for labels. Map an attribute that holds the label"
            )


def shape_of(text: str) -> str:
    """Return what a value looks like: ``9`` for digits, ``a`` and ``A`` for letters, the rest as it is."""
    shape = re.sub(r"[^\W\d_]", lambda letter: "A" if letter[0].isupper() else "a", re.sub(r"\d", "9", text))
    return _shortened(shape)


def _shown(value: str) -> str:
    return _shortened(mask_email(value) or "" if "@" in value else value)


def _shortened(text: str) -> str:
    cut = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    return f'"{cut}"' if cut.isprintable() else ascii(cut)
