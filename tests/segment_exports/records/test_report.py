from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from segment_exports.records.outcomes import Operation
from segment_exports.records.report import (
    ContactCounts,
    LimitUse,
    ListCounts,
    OperationCounts,
    ProfileCounts,
    RunReport,
    RunState,
    schema_text,
)

if TYPE_CHECKING:
    from pathlib import Path

CONTACTS = ("unchanged", "delivered", "rejected", "suppressed", "failed", "not_sent")
OPERATIONS = ("delivered", "rejected", "suppressed", "failed", "not_sent")
counts = st.integers(0, 10**6)


def report_of(**changes: Any) -> RunReport:
    facts: dict[str, Any] = {
        "export": "newsletter",
        "run_id": "run_1",
        "snapshot": None,
        "state": RunState.DELIVERED,
        "red": False,
        "account": "autopilot_default",
        "limit": LimitUse(allowed=100_000, used=0),
    }
    return RunReport(**(facts | changes))


@settings(deadline=None, max_examples=30)
@given(st.lists(counts, min_size=6, max_size=6), st.integers(-3, 3))
def test_contacts_are_the_sum_of_their_outcomes(parts: list[int], off_by: int) -> None:
    told = dict(zip(CONTACTS, parts, strict=True)) | {"total": sum(parts) + off_by}
    if off_by == 0:
        assert ContactCounts(**told).total == sum(parts)
        return
    with pytest.raises(ValidationError, match=r"contacts\.total is .*, but its parts are"):
        ContactCounts(**told)


@settings(deadline=None, max_examples=30)
@given(st.lists(counts, min_size=5, max_size=5), st.integers(-3, 3))
def test_planned_operations_are_the_sum_of_their_outcomes(parts: list[int], off_by: int) -> None:
    told = dict(zip(OPERATIONS, parts, strict=True)) | {"planned": sum(parts) + off_by}
    if off_by == 0:
        assert OperationCounts(**told).planned == sum(parts)
        return
    with pytest.raises(ValidationError, match="operations were planned, but their outcomes are"):
        OperationCounts(**told)


@settings(deadline=None, max_examples=30)
@given(counts, counts, counts, counts, counts, st.integers(-3, 3))
def test_profiles_are_refused_or_left_out_or_merged_or_contacts(
    invalid: int, withheld: int, merged: int, over_limit: int, total: int, off_by: int
) -> None:
    profiles = {"invalid": invalid, "withheld": withheld, "merged": merged, "over_limit": over_limit}
    told: dict[str, Any] = {
        "profiles": ProfileCounts(read=sum(profiles.values()) + total + off_by, **profiles),
        "contacts": ContactCounts(total=total, unchanged=total),
    }
    if off_by == 0:
        assert report_of(**told).contacts.total == total
        return
    with pytest.raises(ValidationError, match=r"profiles\.read is .*, but invalid \+ withheld"):
        report_of(**told)


def list_of(join: OperationCounts, leave: OperationCounts, **changes: Any) -> ListCounts:
    told = {"list_id": None, "held_before": 0, "joins": join.delivered, "leaves": leave.delivered}
    return ListCounts(**told | {"operations": {"join": join, "leave": leave}} | changes)


def counted(parts: tuple[int, ...]) -> OperationCounts:
    return OperationCounts(planned=sum(parts), **dict(zip(OPERATIONS, parts, strict=True)))


def summed(every: list[OperationCounts]) -> OperationCounts:
    return counted(tuple(sum(getattr(one, name) for one in every) for name in OPERATIONS))


OUTCOMES = st.tuples(*[st.integers(0, 9)] * len(OPERATIONS)).map(counted)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(OUTCOMES, OUTCOMES), max_size=4), OUTCOMES, st.sampled_from(OPERATIONS), st.data())
def test_joins_and_leaves_are_the_sum_of_their_lists_and_of_who_was_unsubscribed(
    lists: list[tuple[OperationCounts, OperationCounts]],
    unsubscribes: OperationCounts,
    outcome: str,
    data: st.DataObject,
) -> None:
    kinds = {"join": summed([one for one, _ in lists])}
    kinds["leave"] = summed([unsubscribes, *(one for _, one in lists)])
    told = {"lists": {f"List {at}": list_of(*pair) for at, pair in enumerate(lists)}}
    told |= {"unsubscribes": unsubscribes}
    assert report_of(operations=kinds, **told).unsubscribes == unsubscribes
    kind = data.draw(st.sampled_from(sorted(kinds)))
    more = kinds[kind].model_dump()
    more |= {name: more[name] + 1 for name in ("planned", outcome)}
    with pytest.raises(ValidationError, match=rf"operations\.{kind}\.\w+ is \d+, but its lists come to"):
        report_of(operations=kinds | {kind: OperationCounts(**more)}, **told)


def test_the_joins_of_a_list_are_those_that_were_delivered() -> None:
    half = OperationCounts(planned=2, delivered=1, not_sent=1)
    assert list_of(half, OperationCounts()).joins == 1
    with pytest.raises(ValidationError, match="but delivered were"):
        list_of(half, OperationCounts(), joins=2)


@pytest.mark.parametrize(
    "told",
    [{"total": 1, "unchanged": 1, "lost": 0}, {"total": "one"}, {"total": 0.5}],
    ids=["an unknown outcome", "no number", "half a contact"],
)
def test_nothing_but_known_counts_stands_in_a_report(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ContactCounts(**told)


def test_a_report_reads_back_as_it_was_written() -> None:
    report = report_of(
        segments={"Zürich": {"read": 3, "snapshot": "2026-11-01T05:00:00+00:00", "whole": True}},
        operations={Operation.UPSERT: OperationCounts(planned=2, delivered=2)},
        red=True,
        red_reasons=("one",),
    )
    text = report.text()
    assert "Zürich" in text
    assert RunReport.model_validate_json(text) == report


def test_the_schema_in_docs_is_the_present_one(repository: Path) -> None:
    assert (repository / "docs" / "run-report.schema.json").read_text() == schema_text()


def test_the_schema_names_what_the_report_promises() -> None:
    promised = "export run_id snapshot state segments profiles contacts operations requests seconds limit"
    assert set(promised.split()) <= set(json.loads(schema_text())["properties"])
