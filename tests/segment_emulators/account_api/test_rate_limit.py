"""More than N arrivals in any rolling time are too many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from segment_emulators.account_api.access_log import most_in_a_second
from segment_emulators.account_api.rate_limit import RollingLimit

arrivals = st.lists(st.floats(0, 0.5), max_size=60).map(
    lambda gaps: [sum(gaps[:n]) for n in range(len(gaps))]
)


@given(times=arrivals, limit=st.integers(1, 6))
def test_admitted_arrivals_never_exceed_the_limit(times: list[float], limit: int) -> None:
    window = RollingLimit()
    admitted = [time for time in times if window.admits(time, limit, count_refused=False)]
    assert most_in_a_second(admitted) <= limit
    for time in set(times) - set(admitted):
        assert sum(time - 1 < other <= time for other in admitted) >= limit


@given(times=arrivals, limit=st.integers(1, 6))
def test_refused_arrivals_count_where_the_switch_says_so(times: list[float], limit: int) -> None:
    window = RollingLimit()
    for place, time in enumerate(times):
        before = sum(time - 1 < other for other in times[:place])
        assert window.admits(time, limit, count_refused=True) == (before < limit)


@given(times=arrivals, limit=st.integers(1, 6), later=st.floats(0, 3))
def test_after_the_wait_an_arrival_is_admitted(times: list[float], limit: int, later: float) -> None:
    window = RollingLimit(2.0)
    for time in times:
        window.admits(time, limit, count_refused=True)
    now = max(times, default=0.0) + later
    # A little after, since the sum of two floating-point numbers may be less than they are.
    assert window.admits(now + window.wait(now, limit) + 1e-9, limit, count_refused=False)


def test_without_a_limit_nobody_waits() -> None:
    window = RollingLimit()
    assert window.admits(0.0, None, count_refused=True)
    assert window.wait(0.0, None) == 0.0
