from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.definition import ExportDefinition
from segment_exports.mapping.column_counts import (
    ColumnCounts,
    UnjudgedPermission,
    doubtful_columns,
    implausible_columns,
    unjudged_permission,
)
from segment_exports.mapping.permission import PeopleHeldBack
from segment_exports.mapping.profile_batch import ProfileMapper
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.refusals import NOBODY_REFUSED

if TYPE_CHECKING:
    from collections.abc import Mapping

HASHER = KeyedHasher("a secret of sixteen characters")
Row = dict[str, str]
NAMES = ("EMail", "Name", "Consent", "Seen", "CustomerId")
WHOLE = {"EMail": "a@x.de", "Name": "Ann", "Consent": "Yes", "Seen": "2026-11-20", "CustomerId": "c1"}


def definition(**settings: Any) -> ExportDefinition:
    return ExportDefinition.model_validate(
        {
            "name": "counted",
            "source": {"type": "lake", "path": "lake"},
            "segments": ["Gold", "Silver"],
            "mapping": {"Email": "EMail", "FirstName": "Name"},
            "permission": {"attribute": "Consent", "equals": "Yes"},
            "recency": "Seen",
        }
        | settings
    )


def without(*names: str, **others: str) -> Row:
    return {name: "" if name in names else value for name, value in WHOLE.items()} | others


def counted(segments: Mapping[str, list[Row]], rules: ExportDefinition) -> dict[str, ColumnCounts]:
    nobody = PeopleHeldBack(frozenset(), NOBODY_REFUSED.keys, HASHER)
    mapper = ProfileMapper(rules, HASHER, nobody)
    counts: dict[str, ColumnCounts] = {name: ColumnCounts() for name in segments}
    for name, rows in segments.items():
        batch = pa.RecordBatch.from_pylist(rows, pa.schema([(one, pa.string()) for one in NAMES]))
        counts[name].add(mapper.map(batch, segment=name, place=0, first_row=1).columns)
    return counts


def doubts(segments: Mapping[str, list[Row]], rules: ExportDefinition) -> list[str]:
    assert unjudged_permission(rules, counted(segments, rules)) == UnjudgedPermission()
    return list(doubtful_columns(rules, counted(segments, rules)))


def implausible(segments: Mapping[str, list[Row]]) -> str:
    (told,) = implausible_columns(definition(), counted(segments, definition()))
    return told


def unjudged(segments: Mapping[str, list[Row]], **settings: Any) -> tuple[str, set[str]]:
    rules = definition(**settings)
    found = unjudged_permission(rules, counted(segments, rules))
    return str(found.why), set(found.segments)


def test_a_permission_that_is_a_text_for_nothing_is_empty_and_told_with_its_number():
    rows = [WHOLE, *({**WHOLE, "Consent": text} for text in ("NULL", "NULL", "-"))]
    (told,) = doubts({"Gold": rows, "Silver": rows}, definition())
    assert 'Consent holds texts that stand for nothing: "null" in 4 rows, "-" in 2 rows' in told
    assert counted({"Gold": rows}, definition())["Gold"].consents == {"yes": 1, "empty": 3}

    why, segments = unjudged({"Gold": [WHOLE], "Silver": rows[1:]})
    assert (segments, "Consent (permission.attribute) has no value in any row of Silver" in why) == (
        {"Silver"},
        True,
    )


def test_columns_that_hold_something_are_not_spoken_of():
    rows = [
        WHOLE,
        without("Name"),
        without("Seen"),
        without("Consent"),
        without("EMail"),
        without("CustomerId"),
    ]
    assert doubts({"Gold": rows, "Silver": []}, definition()) == []


@pytest.mark.parametrize("size", [1, 40, 400])
def test_a_permission_that_is_empty_for_everybody_of_a_segment_says_nothing_there(size):
    told, where = unjudged({"Gold": [WHOLE] * size, "Silver": [without("Consent")] * size})
    assert where == {"Silver"}
    assert told.startswith(
        f"Consent (permission.attribute) has no value in any row of Silver ({size} read): "
    )
    assert "not taken for people who withdraw" in told
    assert "security" in told
    assert "permission.when_nobody: withhold" in told


@pytest.mark.parametrize("equals", ["\u201cYes\u201d", "Ja", "100000001", ["y", "on"]])
def test_a_rule_that_matches_nobody_says_nothing_anywhere(equals):
    rule = {"attribute": "Consent", "equals": equals}
    told, where = unjudged({"Gold": [WHOLE, WHOLE], "Silver": [WHOLE, without("Consent")]}, permission=rule)
    assert where == {"Gold", "Silver"}
    assert "permission.equals matches no row: of 4 values of Consent 1 is empty and 3 are others" in told
    assert "spelling" in told


def test_no_value_of_the_permission_is_told():
    told, _ = unjudged(
        {"Gold": [without(Consent="only@me.example")], "Silver": [WHOLE | {"Consent": "Nein"}]}
    )
    assert not re.search("only|Nein", told)


def test_nobody_may_be_believed_if_the_definition_says_so():
    rule = {"attribute": "Consent", "equals": "Yes", "when_nobody": "withhold"}
    told = doubts(
        {"Gold": [without("Consent")], "Silver": [without(Consent="No")]}, definition(permission=rule)
    )
    assert [text.split(":")[0].split(". ")[0] for text in told] == [
        "Consent (permission.attribute) has no value in any row of Gold (1 read)"
    ]


def test_an_address_that_is_empty_for_everybody_of_a_segment_trips_a_guard():
    told = implausible({"Gold": [WHOLE], "Silver": [without("EMail", CustomerId="c7"), without("EMail")]})
    assert told.startswith("EMail (mapping.Email) has no value in any row of Silver (2 read)")


def test_a_mapped_attribute_without_any_value_in_a_segment_is_doubtful():
    told = doubts({"Gold": [without("Name", "Seen")] * 2, "Silver": [WHOLE]}, definition())
    assert [text.split(". ")[0] for text in told] == [
        "Name (mapping.FirstName) has no value in any row of Gold (2 read)",
        "Seen (recency) has no value in any row of Gold (2 read)",
    ]


def test_customers_without_any_id_are_doubtful():
    (told,) = doubts({"Gold": [without("CustomerId")]}, definition())
    assert told.startswith("CustomerId (names the customer) has no value in any row of Gold (1 read)")


def test_a_recency_that_can_be_read_of_nobody_trips_a_guard():
    told = implausible({"Gold": [without(Seen="11/20/2026 2:33:00 PM"), without("Seen")]})
    assert "recency: none of 1 value of Seen can be read" in told
    assert "2026-11-20T14:33:00Z" in told


def test_a_recency_in_the_form_that_the_definition_names_is_read():
    rows = [without(Seen="11/20/2026 2:33:00 PM"), WHOLE]
    assert doubts({"Gold": rows}, definition(recency_format="M/d/yyyy h:mm:ss tt")) == []


def test_recencies_that_can_not_be_read_are_told_with_their_number():
    rows = [WHOLE, without(Seen="11/20/2026"), without(Seen="soon")]
    (told,) = doubts({"Gold": rows}, definition())
    assert told.startswith("recency: 2 values of Seen can't be read")
    assert "2026-11-20T14:33:00Z" in told
    assert told.endswith("for dates in another form recency_format names it (M/d/yyyy)")


def test_recencies_of_two_kinds_can_not_be_compared_and_are_told_with_their_numbers():
    dates, numbers = [WHOLE, WHOLE], [without(Seen="20261101"), without("Seen")]
    (told,) = doubts({"Gold": dates, "Silver": numbers}, definition())
    assert told.startswith("recency: of the values of Seen 2 are dates and 1 a number: which of two such is")
    for one_kind in (dates, numbers):
        assert doubts({"Gold": one_kind}, definition()) == []


def test_a_segment_without_rows_stops_nothing():
    assert doubts({"Gold": [], "Silver": []}, definition()) == []
    assert implausible_columns(definition(), counted({"Gold": [], "Silver": []}, definition())) == []


@given(
    st.dictionaries(
        st.sampled_from(["Gold", "Silver"]), st.lists(st.sampled_from(["", "No", "Yes"]), max_size=4)
    )
)
def test_permission_is_not_judged_exactly_where_it_says_nothing(consents):
    rows = {name: [without(Consent=value) for value in values] for name, values in consents.items()}
    every = [value for values in consents.values() for value in values]
    empty = {name for name, values in consents.items() if values and not any(values)}
    nowhere = set(consents) if every and "Yes" not in every else set()
    told, where = unjudged(rows)
    assert where == empty | nowhere
    assert ("permission" in told) is bool(where)
