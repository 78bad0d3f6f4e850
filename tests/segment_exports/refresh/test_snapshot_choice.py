"""Which snapshot a run reads: scheduled, backfilled, manual."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.refresh.snapshot_choice import choose_snapshots, snapshot_warnings

if TYPE_CHECKING:
    from segment_exports.sources import Source

DAY = datetime(2026, 1, 5, 5, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
AFTER = DAY + timedelta(days=2)


class Snapshots:
    """A source of which only the snapshots count."""

    has_history = True

    def __init__(self, lacking: str | None = None, **times: list[datetime]) -> None:
        self._times = times
        self._lacking = lacking

    def snapshots(self, segment: str) -> list[datetime]:
        return self._times[segment]

    def unfinished(
        self, segment: str, not_before: datetime | None = None, before: datetime | None = None
    ) -> str | None:
        return self._lacking


class Present(Snapshots):
    has_history = False
    unfinished = None  # type: ignore[assignment]


def choose(source: Snapshots, *segments: str, **bounds: Any) -> dict[str, datetime]:
    return choose_snapshots(cast("Source", source), segments, **bounds)


def test_a_manual_run_takes_the_newest_refresh_that_left_every_segment() -> None:
    assert choose(Snapshots(A=[DAY, NEXT], B=[DAY, NEXT]), "A", "B") == {"A": NEXT, "B": NEXT}
    assert choose(Snapshots(A=[DAY, NEXT], B=[DAY]), "A", "B") == {"A": DAY, "B": DAY}


def test_a_segment_that_is_new_to_the_export_is_read_with_the_newest_of_the_others() -> None:
    assert choose(Snapshots(A=[DAY, NEXT], New=[NEXT]), "A", "New") == {"A": NEXT, "New": NEXT}


def test_a_snapshot_of_the_future_is_refused_but_not_one_of_another_time_zone() -> None:
    source = Snapshots(A=[DAY, NEXT], B=[DAY, NEXT])
    assert choose(source, "A", "B", now=NEXT - timedelta(hours=24)) == {"A": NEXT, "B": NEXT}
    with pytest.raises(
        SourceError, match=r"A is of 2026-01-06 05:00 UTC, B is of .*here it is 2026-01-05 04:59"
    ):
        choose(source, "A", "B", now=DAY - timedelta(minutes=1))
    assert choose(source, "A", "B", as_of=DAY, now=DAY) == {"A": DAY, "B": DAY}


def test_folders_of_one_refresh_may_lie_up_to_an_hour_apart() -> None:
    late, too_late = NEXT + timedelta(hours=1), NEXT + timedelta(minutes=61)
    assert choose(Snapshots(A=[DAY, NEXT], B=[DAY, late]), "A", "B") == {"A": NEXT, "B": late}
    assert choose(Snapshots(A=[DAY, NEXT], B=[DAY, too_late]), "A", "B") == {"A": DAY, "B": DAY}


def test_where_no_refresh_left_every_segment_the_newest_of_each_is_taken() -> None:
    assert choose(Snapshots(A=[DAY, AFTER], B=[NEXT]), "A", "B") == {"A": AFTER, "B": NEXT}


def test_runs_with_bounds_take_one_refresh_too() -> None:
    later = DAY + timedelta(hours=3)
    source = Snapshots(A=[DAY, later, NEXT], B=[DAY, NEXT])
    assert choose(source, "A", "B", not_before=DAY, before=NEXT) == {"A": DAY, "B": DAY}
    assert choose(source, "A", "B", as_of=later) == {"A": DAY, "B": DAY}


def test_a_manual_run_as_of_a_time_takes_the_newest_that_is_not_after_it() -> None:
    source = Snapshots(A=[DAY, NEXT, AFTER])
    assert choose(source, "A", as_of=NEXT) == {"A": NEXT}
    assert choose(source, "A", as_of=AFTER - timedelta(minutes=1)) == {"A": NEXT}


def test_as_of_a_time_before_all_snapshots_will_never_come() -> None:
    with pytest.raises(SourceError, match="the oldest is of 2026-01-05 05:00 UTC") as refused:
        choose(Snapshots(A=[DAY]), "A", as_of=DAY - timedelta(minutes=1))
    assert not isinstance(refused.value, SourceNotReadyError)


def test_a_scheduled_run_takes_the_newest_from_its_time_to_before_the_next() -> None:
    source = Snapshots(A=[DAY - timedelta(minutes=1), DAY, DAY + timedelta(hours=3), NEXT])
    assert choose(source, "A", not_before=DAY, before=NEXT) == {"A": DAY + timedelta(hours=3)}


def test_the_start_counts_and_the_end_does_not() -> None:
    source = Snapshots(A=[DAY, NEXT])
    assert choose(source, "A", not_before=DAY, before=NEXT) == {"A": DAY}
    assert choose(source, "A", not_before=NEXT, before=AFTER) == {"A": NEXT}


def test_a_scheduled_run_waits_while_the_snapshot_is_not_there() -> None:
    with pytest.raises(SourceNotReadyError) as waiting:
        choose(Snapshots(A=[DAY], B=[NEXT], C=[]), "A", "B", "C", not_before=NEXT, before=AFTER)
    assert str(waiting.value) == (
        "Not there yet: A: the newest whole snapshot is of 2026-01-05 05:00 UTC, wanted is one from "
        "2026-01-06 05:00 UTC on; C: it has no whole snapshot, wanted is one from 2026-01-06 05:00 UTC on"
    )


def test_a_window_that_is_over_without_a_snapshot_is_not_waited_for() -> None:
    with pytest.raises(SourceError, match="That refresh failed") as refused:
        choose(Snapshots(A=[DAY, AFTER]), "A", not_before=NEXT, before=AFTER)
    assert not isinstance(refused.value, SourceNotReadyError)


def test_a_manual_run_does_not_take_an_older_snapshot_while_the_announced_one_lacks_files() -> None:
    with pytest.raises(SourceNotReadyError, match=r"A: model\.json names what isn't there: T_2\.csv"):
        choose(Snapshots("model.json names what isn't there: T_2.csv", A=[DAY]), "A")


def test_what_is_unfinished_is_told_while_a_scheduled_run_waits() -> None:
    with pytest.raises(SourceNotReadyError, match=r"\(T_2.csv isn't there\)"):
        choose(Snapshots("T_2.csv isn't there", A=[DAY]), "A", not_before=NEXT, before=AFTER)


def test_a_source_without_history_reads_the_present_in_a_backfill_too() -> None:
    assert choose(Present(A=[AFTER]), "A", not_before=DAY, before=NEXT) == {"A": AFTER}
    assert choose(Present(A=[DAY]), "A") == {"A": DAY}


def test_a_source_without_history_waits_until_its_mark_is_new_enough() -> None:
    with pytest.raises(SourceNotReadyError):
        choose(Present(A=[DAY]), "A", not_before=NEXT, before=AFTER)


class ShowsItsRefresh(Present):
    def refresh_evidence(self, segments: list[str]) -> None:
        raise AssertionError("the refresh is asked about before")


def test_a_static_segment_is_read_as_it_is_once_its_refresh_has_ended() -> None:
    found = choose(
        ShowsItsRefresh(Static=[DAY], Dynamic=[NEXT]), "Static", "Dynamic", not_before=NEXT, before=AFTER
    )

    assert found == {"Static": DAY, "Dynamic": NEXT}


def warnings(source: Snapshots, *segments: str, **bounds: Any) -> list[str]:
    chosen = choose(source, *segments, **bounds)
    return snapshot_warnings(cast("Source", source), chosen, **bounds)


def test_snapshots_of_one_refresh_are_no_matter() -> None:
    source = Snapshots(A=[DAY, NEXT], B=[DAY, NEXT + timedelta(minutes=20)])

    assert warnings(source, "A", "B") == []
    assert warnings(source, "A", "B", as_of=DAY) == []
    assert warnings(source, "A", "B", not_before=DAY, before=NEXT) == []


def test_snapshots_of_different_refreshes_are_told_with_their_times() -> None:
    assert warnings(Snapshots(A=[AFTER], B=[NEXT]), "A", "B") == [
        "No refresh left a snapshot of every segment, so they are of different ones: "
        "A of 2026-01-07 05:00 UTC, B of 2026-01-06 05:00 UTC"
    ]


def test_a_newer_snapshot_that_is_passed_over_is_told() -> None:
    assert warnings(Snapshots(A=[DAY, NEXT], B=[DAY]), "A", "B") == [
        "There are newer snapshots, but not of every segment (A of 2026-01-06 05:00 UTC): all are read as of "
        "2026-01-05 05:00 UTC"
    ]


def test_static_segments_of_a_source_without_history_are_no_matter() -> None:
    assert warnings(ShowsItsRefresh(Static=[DAY], Dynamic=[NEXT]), "Static", "Dynamic") == []


def test_a_source_without_history_has_nothing_as_of_an_earlier_time() -> None:
    with pytest.raises(SourceError, match="the source has no history"):
        choose(Present(A=[NEXT]), "A", as_of=DAY)


def test_a_segment_without_any_snapshot_is_waited_for() -> None:
    with pytest.raises(SourceNotReadyError, match="A: it has no snapshot"):
        choose(Snapshots(A=[]), "A")
    with pytest.raises(SourceNotReadyError):
        choose(Snapshots(A=[]), "A", as_of=DAY)


_TIMES = st.lists(st.integers(0, 50), unique=True).map(
    lambda hours: [DAY + timedelta(hours=hour) for hour in sorted(hours)]
)


@settings(max_examples=100)
@given(_TIMES, _TIMES)
def test_no_newer_refresh_than_the_chosen_one_left_both_segments(
    some: list[datetime], others: list[datetime]
) -> None:
    assume(some and others)
    chosen = choose(Snapshots(A=some, B=others), "A", "B")

    pairs = [(one, other) for one in some for other in others if abs(one - other) <= timedelta(hours=1)]
    newest = max((max(pair) for pair in pairs), default=None)
    if newest is None:
        assert chosen == {"A": max(some), "B": max(others)}
    else:
        assert (chosen["A"], chosen["B"]) in pairs
        assert max(chosen.values()) == newest


@settings(max_examples=100)
@given(_TIMES, st.integers(0, 50), st.integers(1, 20))
def test_what_is_chosen_lies_in_the_window_and_nothing_newer_does(
    times: list[datetime], start: int, length: int
) -> None:
    not_before = DAY + timedelta(hours=start)
    before = not_before + timedelta(hours=length)
    inside = [time for time in times if not_before <= time < before]
    try:
        chosen = choose(Snapshots(A=times), "A", not_before=not_before, before=before)
    except SourceError:
        chosen = {}
    assert chosen == ({"A": max(inside)} if inside else {})


def test_a_snapshot_that_is_passed_over_since_it_is_not_whole_is_a_warning() -> None:
    source = cast("Source", Snapshots(A=[DAY], lacking="that of 2026-01-06 05:00 UTC: T_5.csv is missing"))
    bounds: dict[str, Any] = {"as_of": AFTER}
    chosen = choose_snapshots(source, ["A"], **bounds)
    assert snapshot_warnings(source, chosen, **bounds) == [
        "A: a newer snapshot is passed over, since it isn't whole: that of 2026-01-06 05:00 UTC: T_5.csv is "
        "missing"
    ]


@pytest.mark.parametrize("bounds", [{"not_before": DAY, "before": NEXT}, {"as_of": DAY}])
def test_what_a_missing_snapshot_lacks_is_told(bounds: dict[str, datetime]) -> None:
    with pytest.raises(SourceError, match=r"\(T_5.csv is missing\)"):
        choose(Snapshots(A=[AFTER], lacking="T_5.csv is missing"), "A", **bounds)
