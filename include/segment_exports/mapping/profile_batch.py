"""Turn a batch of profiles into rows to merge and rows that are refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.contact_fields.destination_fields import FieldRefusal
from segment_exports.contact_fields.fields import FieldType
from segment_exports.contact_fields.opening import fields_of
from segment_exports.mapping.column_counts import ColumnCounts, Consent
from segment_exports.mapping.email_address import EmailRefusal, judge_emails, mask_email
from segment_exports.mapping.field_values import Converted, convert
from segment_exports.mapping.meant_addresses import may_mean_others, meant_addresses
from segment_exports.mapping.merging import ROWS, recency_key
from segment_exports.mapping.permission import (
    PeopleHeldBack,
    Withholding,
    consents_of,
    judge_permission,
    texts_for_nothing,
)
from segment_exports.records.profiles import CUSTOMER_ID, PREVIOUS_CUSTOMER_ID, has_profile
from segment_exports.records.tables.schemas import INVALID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from segment_exports.definition import ExportDefinition
    from segment_exports.mapping.permission import Verdicts
    from segment_exports.records.keyed_hash import KeyedHasher

NO_PROFILE = "no_profile"
"""Why a member without a profile is refused; the text is stable: it stands in reports and ``refused.csv``."""


@dataclass(frozen=True)
class MappedBatch:
    """What became of a batch; ``rows`` follow :data:`segment_exports.mapping.merging.ROWS`.

    ``empty_values`` counts per contact field the profiles that have nothing to send, ``columns`` what the
    attributes hold.
    """

    rows: pa.RecordBatch
    invalid: pa.Table
    empty_values: Counter[str]
    columns: ColumnCounts


@dataclass(frozen=True)
class JudgedBatch:
    """Rows that speak against their address, and what is known of the columns: addresses and permission.

    All other attributes count as empty.
    """

    rows: pa.RecordBatch
    columns: ColumnCounts


class ProfileMapper:
    """Maps batches of profiles under one definition.

    A row is refused for the first field, in the mapping's order, whose value can't be sent. Refused
    rows go on, without a payload, if they speak against an address: their own, and each that a bad one may
    have meant. A member without a profile is refused and has not withdrawn.
    """

    def __init__(
        self,
        definition: ExportDefinition,
        hasher: KeyedHasher,
        held_back: PeopleHeldBack,
        *,
        unjudged: frozenset[str] = frozenset(),
    ) -> None:
        """``unjudged`` are segments whose permission says nothing of anybody."""
        self._fields = definition.fields
        self._destination = fields_of(definition.destination.type)
        self._permission = definition.permission
        self._recency = definition.recency
        self._recency_form = definition.recency_format
        self._hasher = hasher
        self._held_back = held_back
        self._unjudged = unjudged

    def map(self, profiles: pa.RecordBatch, *, segment: str, place: int, first_row: int) -> MappedBatch:
        """Map one batch of a segment.

        :param profiles: string columns, one per attribute of the definition (the previous ids may lack).
        :param place: the segment's place among those of the run.
        :param first_row: number of the batch's first row in the segment, from 1.
        """
        columns = dict(zip(profiles.schema.names, profiles.columns, strict=True))
        values = self._convert(columns)
        customers, previous = _people(columns, len(profiles))
        known = has_profile(profiles)
        refused = _first_refusal(values | {CUSTOMER_ID: customers, PREVIOUS_CUSTOMER_ID: previous})
        refused = refused.or_unknown(known)
        emails = values[self._fields[0].target].values
        hashes = self._hasher.column(emails)
        consents = np.where(known, self._consents(columns, len(profiles)), 0).astype(np.int8)
        held_back = self._held_back.judge(hashes, customers.values, previous.values)
        verdicts = np.maximum(held_back, self._believed(consents, segment))
        recency = self._recency_keys(columns, len(profiles))
        texts = [values[field.target].values for field in self._fields]
        payloads = self._destination.render(self._fields, texts)
        refused = refused.or_too_large(payloads, self._destination.most_bytes, self._fields[0].target)
        is_refused = refused.reasons.is_valid()
        rows = pa.RecordBatch.from_arrays(
            [
                hashes,
                emails,
                customers.values,
                previous.values,
                pa.repeat(pa.scalar(place, pa.int16()), len(profiles)),
                recency[0],
                pa.array(verdicts),
                pc.if_else(is_refused, None, payloads),
            ],
            schema=ROWS,
        )
        matters = pc.and_(emails.is_valid(), pc.or_(pc.invert(is_refused), pa.array(verdicts > 0)))
        texts = columns[self._fields[0].attribute]
        is_erased = pa.array(held_back == Withholding.ERASED.verdict)
        named = [pc.if_else(is_erased, None, one) for one in (customers.values, previous.values, texts)]
        return MappedBatch(
            rows=self._with_meant(rows, matters, texts),
            invalid=_invalid(refused, named, verdicts, segment, first_row),
            empty_values=Counter({target: one.empty for target, one in values.items()}),
            columns=self._counted(columns, values | {CUSTOMER_ID: customers}, consents, recency, known),
        )

    def judge(self, profiles: pa.RecordBatch, *, segment: str, place: int) -> JudgedBatch:
        """Return the rows (ROWS, without payload) that speak against their address.

        For profiles that are not the run's and are read only for that, as those after a sample.
        """
        profiles = profiles.filter(pa.array(has_profile(profiles)))
        columns = dict(zip(profiles.schema.names, profiles.columns, strict=True))
        texts = columns[self._fields[0].attribute]
        judged = judge_emails(texts)
        emails = judged.emails
        customers, previous = (one.values for one in _people(columns, len(profiles)))
        hashes = self._hasher.column(emails)
        consents = self._consents(columns, len(profiles))
        held_back = self._held_back.judge(hashes, customers, previous)
        verdicts = pa.array(np.maximum(held_back, self._believed(consents, segment)))
        places = pa.repeat(pa.scalar(place, pa.int16()), len(profiles))
        recency, payloads = (
            pa.nulls(len(profiles), ROWS.field(name).type) for name in ("recency", "payload")
        )
        rows = pa.RecordBatch.from_arrays(
            [hashes, emails, customers, previous, places, recency, verdicts, payloads], schema=ROWS
        )
        counts = ColumnCounts(rows=len(profiles), empty=Counter(dict.fromkeys(columns, len(profiles))))
        self._count_address_and_consents(counts, judged.refusals, consents, columns)
        return JudgedBatch(
            self._with_meant(rows, pc.and_(emails.is_valid(), pc.greater(verdicts, 0)), texts), counts
        )

    def _convert(self, columns: Mapping[str, pa.StringArray]) -> dict[str, Converted]:
        email, *others = self._fields
        judged = judge_emails(columns[email.attribute])
        values = {email.target: Converted(judged.emails, judged.refusals)}
        for field in others:
            converted = convert(columns[field.attribute], field.type, field.form)
            values[field.target] = converted.but(self._destination.refusals(field, converted.values))
        return values

    def _consents(self, columns: Mapping[str, pa.StringArray], length: int) -> Verdicts:
        if self._permission is None:
            return np.zeros(length, np.int8)
        return judge_permission(columns[self._permission.attribute], self._permission)

    def _believed(self, consents: Verdicts, segment: str) -> Verdicts:
        if segment not in self._unjudged:
            return consents
        return np.full(len(consents), Withholding.PERMISSION_UNJUDGED.verdict, np.int8)

    def _counted(
        self,
        columns: Mapping[str, pa.StringArray],
        values: Mapping[str, Converted],
        consents: Verdicts,
        recency: tuple[pa.DoubleArray, int],
        known: npt.NDArray[np.bool_],
    ) -> ColumnCounts:
        counts = ColumnCounts(rows=int(known.sum()))
        email, *others = self._fields
        counts.empty[CUSTOMER_ID] = values[CUSTOMER_ID].empty
        for field in others:
            counts.empty[field.attribute] = values[field.target].empty - (len(known) - counts.rows)
        refusals = values[email.target].refusals.filter(pa.array(known))
        self._count_address_and_consents(counts, refusals, consents[known], columns)
        if self._recency is not None:
            given = pc.not_equal(pc.utf8_trim_whitespace(columns[self._recency].fill_null("")), "")
            counts.empty[self._recency] = counts.rows - (pc.sum(given).as_py() or 0)
            counts.unreadable_recency = pc.sum(pc.and_(given, recency[0].is_null())).as_py() or 0
            counts.dated_recency = recency[1]
        return counts

    def _count_address_and_consents(
        self,
        counts: ColumnCounts,
        refusals: pa.StringArray,
        consents: Verdicts,
        columns: Mapping[str, pa.StringArray],
    ) -> None:
        missing = pc.equal(refusals, EmailRefusal.MISSING.value)
        counts.empty[self._fields[0].attribute] = pc.sum(missing).as_py() or 0
        if self._permission is not None:
            counts.consents.update(consents_of(consents))
            counts.empty[self._permission.attribute] = counts.consents[Consent.EMPTY]
            values = columns[self._permission.attribute]
            counts.for_nothing += texts_for_nothing(values, self._permission)

    def _with_meant(
        self, rows: pa.RecordBatch, matters: pa.BooleanArray, texts: pa.StringArray
    ) -> pa.RecordBatch:
        meant = self._refused_under_meant(rows, texts)
        return pa.concat_batches([rows.filter(matters), meant]) if len(meant) else rows.filter(matters)

    def _refused_under_meant(self, rows: pa.RecordBatch, texts: pa.StringArray) -> pa.RecordBatch:
        """Return rows that speak against what is no address, or hardly one, under each that it may mean."""
        against = np.flatnonzero(np.asarray(pc.and_(texts.is_valid(), pc.greater(rows["verdict"], 0))))
        is_meant = may_mean_others(rows["email"].take(pa.array(against))).fill_null(True)
        given = against[np.asarray(is_meant)]
        if not len(given):
            return rows.slice(0, 0)
        meant = meant_addresses(texts.take(pa.array(given)))
        emails = pc.list_flatten(meant)
        found = rows.take(pa.array(given).take(pc.list_parent_indices(meant)))
        for name, column in (
            ("email_hash", self._hasher.column(emails)),
            ("email", emails),
            ("payload", pa.nulls(len(emails), pa.string())),
        ):
            found = found.set_column(ROWS.get_field_index(name), ROWS.field(name), column)
        return found

    def _recency_keys(self, columns: Mapping[str, pa.StringArray], length: int) -> tuple[pa.DoubleArray, int]:
        if self._recency is None:
            return pa.nulls(length, pa.float64()), 0
        return recency_key(columns[self._recency], self._recency_form)


@dataclass(frozen=True)
class _Refused:
    """Per row the field that is refused and why; both null where none is."""

    fields: pa.StringArray
    reasons: pa.StringArray

    def or_unknown(self, known: npt.NDArray[np.bool_]) -> _Refused:
        """Return the same, but for rows of which no value is known."""
        return _Refused(
            pc.if_else(known, self.fields, CUSTOMER_ID), pc.if_else(known, self.reasons, NO_PROFILE)
        )

    def or_too_large(self, payloads: pa.StringArray, most: int | None, field: str) -> _Refused:
        """Return the same, but for contacts that are larger than the destination takes."""
        if most is None:
            return self
        too_large = pc.and_(pc.greater(pc.binary_length(payloads), most), self.reasons.is_null())
        return _Refused(
            pc.if_else(too_large, field, self.fields),
            pc.if_else(too_large, FieldRefusal.LARGER_THAN_A_REQUEST, self.reasons),
        )


def _first_refusal(columns: Mapping[str, Converted]) -> _Refused:
    length = len(next(iter(columns.values())).refusals)
    fields = reasons = pa.nulls(length, pa.string())
    for target, column in columns.items():
        if column.refusals.null_count < length:
            first = pc.and_(column.refusals.is_valid(), reasons.is_null())
            fields = pc.if_else(first, target, fields)
            reasons = pc.if_else(first, column.refusals, reasons)
    return _Refused(fields, reasons)


def _people(columns: Mapping[str, pa.StringArray], length: int) -> tuple[Converted, Converted]:
    """Return CustomerIds and previous ids."""
    previous = columns.get(PREVIOUS_CUSTOMER_ID, pa.nulls(length, pa.string()))
    customers, earlier = (
        convert(pc.utf8_trim_whitespace(values), FieldType.STRING)
        for values in (columns[CUSTOMER_ID], previous)
    )
    return customers, earlier


def _invalid(
    refused: _Refused,
    named: Sequence[pa.StringArray],
    verdicts: npt.NDArray[np.int8],
    segment: str,
    first_row: int,
) -> pa.Table:
    """Return the refused profiles (schema INVALID).

    :param named: CustomerIds, previous ids and addresses as they are told; erased people are not named.
    """
    customers, previous, emails = named
    rows = np.flatnonzero(np.asarray(refused.reasons.is_valid()))
    return pa.table(
        [
            pa.repeat(pa.scalar(segment), len(rows)),
            pa.array(rows + first_row),
            customers.take(pa.array(rows)),
            refused.fields.take(pa.array(rows)),
            refused.reasons.take(pa.array(rows)),
            pa.array(map(mask_email, emails.take(pa.array(rows)).to_pylist()), pa.string()),
            pa.array(verdicts[rows] > Withholding.PERMISSION_UNJUDGED.verdict),
            previous.take(pa.array(rows)),
            pa.array(verdicts[rows] == Withholding.PERMISSION_EMPTY.verdict),
        ],
        schema=INVALID,
    )
