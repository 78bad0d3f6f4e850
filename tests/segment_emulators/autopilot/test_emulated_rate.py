"""More than N arrivals in any rolling second are answered 429."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_emulators.account_api.access_log import most_in_a_second
from segment_emulators.account_api.rate_limit import RollingLimit

if TYPE_CHECKING:
    from .conftest import Api


@pytest.mark.usefixtures("within_a_second")
def test_the_one_too_many_is_told_the_rate_and_no_time_to_wait(api: Api) -> None:
    api.emulator.switch(rate=5)
    answers = [api.get("/account") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[5].json() == {
        "error": "Too Many Requests",
        "message": "You have exceeded your request rate of 5 r/s.",
    }
    assert "retry-after" not in answers[5].headers
    assert not [name for name in answers[0].headers if "rate" in name.lower()]


@pytest.mark.usefixtures("within_a_second")
def test_a_time_to_wait_may_be_told(api: Api) -> None:
    api.emulator.switch(rate=1, retry_after=2)
    assert [api.get("/account").headers.get("retry-after") for _ in range(2)] == [None, "2"]


@pytest.mark.usefixtures("within_a_second")
def test_nothing_is_done_for_who_is_refused(api: Api) -> None:
    api.emulator.switch(rate=1)
    assert [api.post("/list", {"name": "L"}).status_code for _ in range(3)] == [200, 429, 429]
    assert len(api.emulator.account.list_ids("L")) == 1


@pytest.mark.usefixtures("within_a_second")
def test_a_wrong_key_uses_none_of_the_account_s_rate(api: Api) -> None:
    api.emulator.switch(rate=1)
    for _ in range(3):
        assert api.call("GET", "/account", headers={"autopilotapikey": "wrong"}).status_code == 401
    assert api.get("/account").status_code == 200


def test_without_a_rate_nobody_is_refused(api: Api) -> None:
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: api.get("/account").status_code, range(200)))
    assert statuses == [200] * 200


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


@pytest.mark.parametrize(
    ("times", "most"), [([], 0), ([0.0, 0.5, 0.99, 1.0], 3), ([0.0, 1.0, 2.0], 1), ([3.0, 3.0], 2)]
)
def test_most_in_a_second(times: list[float], most: int) -> None:
    assert most_in_a_second(times) == most
