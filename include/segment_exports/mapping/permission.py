"""Who may not be exported: no permission, a refusal that stands, or erased.

Rows are judged one by one here; :mod:`segment_exports.mapping.merging` lets the strictest row of an address
decide for all of them.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.mapping.column_counts import Consent
from segment_exports.mapping.previous_ids import split_previous_ids
from segment_exports.records.keyed_hash import HASH_TYPE
from segment_exports.records.tables.sorted_tables import prefixes

if TYPE_CHECKING:
    import numpy.typing as npt

    from segment_exports.definition import Permission
    from segment_exports.records.keyed_hash import KeyedHasher

    Verdicts = npt.NDArray[np.int8]


FOR_NOTHING = pa.array(
    ["null", "(null)", "[null]", "<null>", "\\n", "nil", "nan", "undefined", "n/a", "#n/a", "n.a.", "-", "--"]
)
"""What programs write, in small letters, where a column holds nothing."""


class Withholding(StrEnum):
    """Why an address is withheld, from weak to strong. The texts are stable: they stand in reports.

    ``permission_unjudged``: the permission says nothing of anybody of the segment, so the person neither
    gives it nor withdraws it. ``permission_refused_earlier``: what the run read allows it, but it refused in
    a newer snapshot, or in one of which more was read.
    """

    PERMISSION_UNJUDGED = "permission_unjudged"
    PERMISSION_REFUSED_EARLIER = "permission_refused_earlier"
    PERMISSION_EMPTY = "permission_empty"
    PERMISSION_REFUSED = "permission_refused"
    ERASED = "erased"

    @property
    def verdict(self) -> int:
        """Number of this reason in a column of verdicts; 0 means that nothing speaks against a row."""
        return list(Withholding).index(self) + 1


def judge_permission(values: pa.StringArray, permission: Permission) -> Verdicts:
    """Return a verdict per row: 0 where the attribute holds one of the allowed values.

    Blanks around a value and its case don't count; anything else that isn't equal is a refusal. What
    stands for nothing is nothing: nobody said No.
    """
    told = values.fill_null("").dictionary_encode()
    of_row: Verdicts = _judge_distinct(told.dictionary, permission)[told.indices.to_numpy()]
    return of_row


def _judge_distinct(values: pa.StringArray, permission: Permission) -> Verdicts:
    allowed = _plain(pa.array(permission.equals, pa.string()))
    given = _plain(values)
    granted = np.asarray(pc.is_in(given, value_set=allowed))
    empty = np.asarray(pc.or_(pc.equal(given, ""), pc.is_in(given, value_set=FOR_NOTHING)))
    refused = np.where(empty, Withholding.PERMISSION_EMPTY.verdict, Withholding.PERMISSION_REFUSED.verdict)
    return np.where(granted, 0, refused).astype(np.int8)


def texts_for_nothing(values: pa.StringArray, permission: Permission) -> Counter[str]:
    """Count the values that stand for nothing, in small letters, unless the permission allows them."""
    told = values.drop_null().value_counts()
    texts = _plain(told.field("values"))
    allowed = _plain(pa.array(permission.equals, pa.string()))
    stands = pc.and_not(pc.is_in(texts, value_set=FOR_NOTHING), pc.is_in(texts, value_set=allowed))
    found: Counter[str] = Counter()
    for text, count in zip(
        texts.filter(stands).to_pylist(), told.field("counts").filter(stands), strict=True
    ):
        found[text] += count.as_py()
    return found


def consents_of(verdicts: Verdicts) -> Counter[Consent]:
    """Count the verdicts of :func:`judge_permission` by what the values say."""
    counted = np.bincount(verdicts, minlength=len(Withholding) + 1)
    return Counter(
        {
            Consent.YES: int(counted[0]),
            Consent.EMPTY: int(counted[Withholding.PERMISSION_EMPTY.verdict]),
            Consent.OTHER: int(counted[Withholding.PERMISSION_REFUSED.verdict]),
        }
    )


def _plain(values: pa.StringArray) -> pa.StringArray:
    """Take away blanks and case; by way of capitals, since the Greek s has two small forms."""
    return pc.utf8_lower(pc.utf8_upper(pc.utf8_trim_whitespace(values)))


class PeopleHeldBack:
    """Who is withheld whatever a row says: erased people, and those whose refusal still stands.

    They are told by keyed hashes of their addresses and customer ids.
    """

    def __init__(
        self, erased: frozenset[bytes], refused: npt.NDArray[np.uint64], hasher: KeyedHasher
    ) -> None:
        """Take hashes of the erased, and prefixes of hashes of those who refused, ascending."""
        self._erased = pa.array(sorted(erased), HASH_TYPE)
        self._refused = refused
        self._hasher = hasher

    def judge(
        self, email_hashes: pa.FixedSizeBinaryArray, customers: pa.StringArray, previous: pa.StringArray
    ) -> Verdicts:
        """Return a verdict per row, by its address, its CustomerId and its previous ids."""
        if len(self._erased) == 0 and len(self._refused) == 0:
            return np.zeros(len(email_hashes), dtype=np.int8)
        verdicts = np.maximum(self._verdicts(email_hashes), self._verdicts(self._hasher.column(customers)))
        earlier = split_previous_ids(previous)
        np.maximum.at(verdicts, earlier.rows, self._verdicts(self._hasher.column(earlier.ids)))
        return verdicts

    def _verdicts(self, hashes: pa.FixedSizeBinaryArray) -> Verdicts:
        known = np.asarray(hashes.is_valid())
        refused = np.isin(prefixes(hashes), self._refused) & known
        verdicts = np.where(refused, Withholding.PERMISSION_REFUSED_EARLIER.verdict, 0).astype(np.int8)
        erased = np.asarray(pc.is_in(hashes, value_set=self._erased))
        verdicts[erased & known] = Withholding.ERASED.verdict
        return verdicts
