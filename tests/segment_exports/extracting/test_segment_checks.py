from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from segment_exports.definition import SegmentChecks
from segment_exports.errors import SourceError
from segment_exports.extracting.segment_checks import (
    check_rows,
    check_segments,
    history_warnings,
    judge_segments,
)
from segment_exports.sources import SegmentInfo
from segment_exports.sources.refresh_evidence import EvaluationStatus, SegmentState

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
REFRESH = NOW - timedelta(hours=1)
WARN = SegmentChecks()
REFUSE = SegmentChecks(when_stale="refuse")


def info(days: float | None, state: SegmentState = SegmentState.ACTIVE) -> SegmentInfo:
    return SegmentInfo("Churn", (), state, evaluated_at=None if days is None else NOW - timedelta(days=days))


def judged(one: SegmentInfo, checks: SegmentChecks = WARN) -> list[str]:
    return judge_segments([one], checks, scheduled=REFRESH, now=NOW)


def test_a_segment_of_this_refresh_is_in_order() -> None:
    assert judged(info(0.01), REFUSE) == []
    assert judged(info(None), REFUSE) == []


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (info(1, SegmentState.INACTIVE), "The segment Churn is inactive, so no refresh evaluates it"),
        (
            info(1),
            "The segment Churn was not evaluated by the refresh of this run (a static segment never is)",
        ),
    ],
)
def test_a_segment_that_stands_still_is_told(one: SegmentInfo, told: str) -> None:
    assert judged(one) == [told]
    assert judged(one, REFUSE) == [told]  # young enough


@pytest.mark.parametrize("state", [SegmentState.INACTIVE, SegmentState.UNKNOWN])
def test_an_old_segment_may_hold_erased_people_and_is_told_or_refused(state: SegmentState) -> None:
    assert (
        "last evaluated 31 days ago and may hold people who were erased since" in judged(info(31, state))[0]
    )

    with pytest.raises(SourceError, match=r"31 days ago .*source\.checks\.stale_after_days: 30.*Activate"):
        judged(info(31, state), REFUSE)


def test_the_age_that_is_too_old_can_be_set() -> None:
    week = SegmentChecks(stale_after_days=7, when_stale="refuse")

    assert judged(info(6), week)
    with pytest.raises(SourceError):
        judged(info(8), week)


def test_an_invalid_segment_is_refused_with_its_name_and_what_to_do() -> None:
    with pytest.raises(SourceError, match=r"the segment Churn invalid .*Correct it there under Segments"):
        judged(info(0.01, SegmentState.INVALID))


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (
            SegmentInfo("Churn", (), evaluation=EvaluationStatus.UNKNOWN),
            "The segment Churn was never evaluated, as far as Customer Insights tells",
        ),
        (
            SegmentInfo("Churn", (), evaluation=EvaluationStatus.FAILED, evaluated_at=NOW),
            "The segment Churn failed in its last evaluation: its members are of the one before",
        ),
    ],
)
def test_a_segment_whose_age_nobody_knows_is_told_or_refused(one: SegmentInfo, told: str) -> None:
    (warning,) = judged(one)
    assert warning.startswith(told)

    with pytest.raises(SourceError, match=told):
        judged(one, REFUSE)


class Announces:
    """A source that lists its segments; the second kind tells of some alone."""

    has_history = False

    def segments(self) -> list[SegmentInfo]:
        return [info(0.01)]


class Describes(Announces):
    def segments(self) -> list[SegmentInfo]:
        raise AssertionError("all segments were looked at")

    def describe(self, segments: list[str]) -> list[SegmentInfo]:
        return [SegmentInfo(name, (), SegmentState.INACTIVE, evaluated_at=NOW) for name in segments]


def test_a_segment_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(SourceError, match="no segment Chrn; it has: Churn"):
        check_segments(Announces(), ["Churn", "Chrn"], WARN, scheduled=REFRESH, now=NOW)  # type: ignore[arg-type]


def test_a_source_that_can_is_asked_for_the_wanted_segments_alone() -> None:
    found = check_segments(Describes(), ["A"], WARN, scheduled=REFRESH, now=NOW)  # type: ignore[arg-type]

    assert found == ["The segment A is inactive, so no refresh evaluates it"]


@pytest.mark.parametrize(
    ("has_history", "hours_to_the_next", "warned"),
    [(False, -1, True), (False, 0, True), (False, 1, False), (True, -1, False), (False, None, False)],
)
def test_a_run_for_an_earlier_refresh_than_the_last_is_told_that_its_source_has_no_history(
    has_history: bool, hours_to_the_next: float | None, warned: bool
) -> None:
    source = Announces()
    source.has_history = has_history
    before = None if hours_to_the_next is None else NOW + timedelta(hours=hours_to_the_next)

    told = history_warnings(source, scheduled=REFRESH, before=before, now=NOW)  # type: ignore[arg-type]

    assert bool(told) is warned
    assert all("the refresh of 2026-03-02 05:00 UTC, but its source has no history" in one for one in told)


def test_a_run_by_hand_reads_the_present_without_a_word() -> None:
    assert history_warnings(Announces(), scheduled=None, before=None, now=NOW) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "detail", "suspect"),
    [
        (100_000, {"files": ["A_1.csv"]}, True),
        (99_999, {"files": ["A_1.csv"]}, False),
        (100_001, {"files": ["A_1.csv"]}, False),
        (100_000, {"files": ["A_1.csv", "A_2.csv"]}, False),
        (100_000, {"mark": None}, False),
    ],
)
def test_one_file_of_exactly_100_000_rows_is_a_download_cut_off(
    rows: int, detail: dict[str, object], suspect: bool
) -> None:
    told = check_rows("A", rows, detail, SegmentChecks(when_truncated="warn"))

    assert (told is not None) is suspect
    if suspect:
        with pytest.raises(SourceError, match=r"one file of exactly 100,000 rows.*when_truncated to warn"):
            check_rows("A", rows, detail, WARN)
