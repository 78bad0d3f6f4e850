from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from segment_exports.definition import Permission
from segment_exports.mapping.permission import (
    PeopleHeldBack,
    Withholding,
    judge_permission,
    texts_for_nothing,
)
from segment_exports.records.keyed_hash import HASH_TYPE, KeyedHasher
from segment_exports.records.refusals import NOBODY_REFUSED
from segment_exports.records.tables.sorted_tables import prefixes

HASHER = KeyedHasher("a secret of sixteen characters")


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        ("Yes", 0),
        (" yES\u00a0", 0),
        ("true", 0),
        ("No", Withholding.PERMISSION_REFUSED.verdict),
        ("Yes, but", Withholding.PERMISSION_REFUSED.verdict),
        ("1", Withholding.PERMISSION_REFUSED.verdict),
        ("", Withholding.PERMISSION_EMPTY.verdict),
        (" \t", Withholding.PERMISSION_EMPTY.verdict),
        (None, Withholding.PERMISSION_EMPTY.verdict),
        ("NULL", Withholding.PERMISSION_EMPTY.verdict),
        (" \\N", Withholding.PERMISSION_EMPTY.verdict),
        ("#N/A", Withholding.PERMISSION_EMPTY.verdict),
        ("-", Withholding.PERMISSION_EMPTY.verdict),
        ("None", Withholding.PERMISSION_REFUSED.verdict),
    ],
)
def test_only_the_allowed_values_permit(value, verdict):
    permission = Permission(attribute="Consent", equals=("Yes", "TRUE"))
    assert judge_permission(pa.array([value], pa.string()), permission).tolist() == [verdict]


def test_texts_that_stand_for_nothing_are_counted_unless_the_rule_allows_them():
    values = pa.array(["NULL", "null ", "-", "N/A", None, "", "Yes", "No"])
    permission = Permission(attribute="Consent", equals=("Yes", "-"))
    assert texts_for_nothing(values, permission) == {"null": 2, "n/a": 1}
    assert judge_permission(pa.array(["-"]), permission).tolist() == [0]


@pytest.mark.parametrize(
    ("allowed", "written"),
    [
        ("İzin verildi", "İzin verildi"),
        ("İzin verildi", "İZİN VERİLDİ"),
        ("ΝΑΙΣ", "ΝΑΙΣ"),
        ("ΝΑΙΣ", "Ναις"),
        ("Ναις", "ΝΑΙΣ"),
        ("Да", "ДА"),
    ],
)
def test_an_allowed_value_permits_in_any_alphabet(allowed, written):
    permission = Permission(attribute="Consent", equals=(allowed,))
    assert judge_permission(pa.array([written]), permission).tolist() == [0]


def test_erasure_outweighs_a_refusal_a_refusal_an_empty_value_and_this_an_earlier_refusal():
    reasons = [
        Withholding.ERASED,
        Withholding.PERMISSION_REFUSED,
        Withholding.PERMISSION_EMPTY,
        Withholding.PERMISSION_REFUSED_EARLIER,
    ]
    assert sorted(reasons, key=lambda reason: -reason.verdict) == reasons
    assert min(reason.verdict for reason in reasons) > 0


def erased_rows(*tombstones: str) -> list[bool]:
    emails = HASHER.column(pa.array(["a@x.de", "b@x.de", None, "d@x.de"]))
    customers = pa.array(["c1", "c2", "c3", None])
    previous = pa.array([None, "c7; c8 ;", "", "c9"])
    people = PeopleHeldBack(frozenset(map(HASHER.text, tombstones)), NOBODY_REFUSED.keys, HASHER)
    verdicts = people.judge(emails, customers, previous)
    assert set(verdicts.tolist()) <= {0, Withholding.ERASED.verdict}
    return (verdicts > 0).tolist()


@pytest.mark.parametrize(
    ("tombstones", "erased"),
    [
        ((), [False, False, False, False]),
        (("somebody else",), [False, False, False, False]),
        (("a@x.de",), [True, False, False, False]),
        (("c3",), [False, False, True, False]),
        (("c8",), [False, True, False, False]),
        (("c9", "c1"), [True, False, False, True]),
    ],
)
def test_a_tombstone_finds_an_address_a_customer_and_a_previous_id(tombstones, erased):
    assert erased_rows(*tombstones) == erased


def test_whoever_refused_earlier_is_found_like_the_erased_who_outweigh_them():
    refused = np.sort(prefixes(pa.array(map(HASHER.text, ["a@x.de", "c8", "c3"]), HASH_TYPE)))
    people = PeopleHeldBack(frozenset([HASHER.text("c3")]), refused, HASHER)
    emails = HASHER.column(pa.array(["a@x.de", "b@x.de", None, "d@x.de"]))
    verdicts = people.judge(emails, pa.array(["c1", "c2", "c3", None]), pa.array([None, "c7; c8", "", "c9"]))
    earlier = Withholding.PERMISSION_REFUSED_EARLIER.verdict
    assert verdicts.tolist() == [earlier, earlier, Withholding.ERASED.verdict, 0]
