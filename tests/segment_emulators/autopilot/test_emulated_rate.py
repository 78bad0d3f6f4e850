"""More than N arrivals in any rolling second are answered 429."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

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
