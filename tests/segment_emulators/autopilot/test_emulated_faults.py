"""Each fault as a client sees it, and whether the work was done."""

from __future__ import annotations

import threading
import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests
from pydantic import ValidationError
from tests.segment_emulators.served_process import wait_until

from segment_emulators.autopilot import Fault, FaultKind, serve_autopilot

if TYPE_CHECKING:
    from .conftest import Api


def make_list(api: Api) -> requests.Response:
    return api.post("/list", {"name": "L"})


def give_up_on_a_list(api: Api) -> None:
    """Ask for a list, and go away when the fault in force has struck, without the answer."""
    at = urlsplit(api.emulator.base_url)
    client = HTTPConnection(str(at.hostname), at.port, timeout=10)
    client.request("POST", f"{at.path}/list", b'{"name": "L"}', {"autopilotapikey": api.emulator.api_key})
    wait_until(lambda: [hit for _, hit in api.emulator.faults.counts()] == [1])
    client.close()


def lists_made(api: Api) -> int:
    return len(api.emulator.account.list_ids("L"))


def fate(api: Api) -> tuple[str, bool, int | None]:
    """Return fault, worked and status of the last entry of the log."""
    entry = api.emulator.log.entries[-1]
    return entry.fault or "", entry.worked, entry.status


@pytest.mark.parametrize("work_done", [False, True])
class TestWithOrWithoutTheWork:
    def test_a_reset_is_a_reset_by_the_peer(self, api: Api, work_done: bool) -> None:
        api.emulator.inject(Fault(kind=FaultKind.RESET, work_done=work_done))
        with pytest.raises(requests.ConnectionError) as caught:
            make_list(api)
        assert "ConnectionResetError" in str(caught.value)
        assert lists_made(api) == work_done
        assert fate(api) == ("reset", work_done, None)
        assert make_list(api).status_code == 200

    def test_an_error_has_autopilot_s_body(self, api: Api, work_done: bool) -> None:
        api.emulator.inject(Fault(kind=FaultKind.ERROR, work_done=work_done))
        answer = make_list(api)
        assert answer.status_code == 500
        assert answer.json() == {"error": "Internal Server Error", "message": "(various)"}
        assert lists_made(api) == work_done
        assert fate(api) == ("error", work_done, 500)

    @pytest.mark.parametrize("status", [200, 502])
    def test_a_proxy_answers_a_page(self, api: Api, work_done: bool, status: int) -> None:
        api.emulator.inject(Fault(kind=FaultKind.HTML, status=status, work_done=work_done))
        answer = make_list(api)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html")
        assert answer.text.startswith("<html>")
        assert lists_made(api) == work_done


def test_the_answer_comes_after_the_client_gave_up_but_the_work_was_done(api: Api) -> None:
    api.emulator.inject(Fault(kind=FaultKind.DELAYED_ANSWER, seconds=5))
    give_up_on_a_list(api)
    wait_until(lambda: lists_made(api) == 1)
    assert api.emulator.log.under_way == 1


def test_latency_does_the_work_late_even_if_the_client_has_gone(api: Api) -> None:
    api.emulator.inject(Fault(kind=FaultKind.LATENCY, seconds=1.5))
    give_up_on_a_list(api)
    assert lists_made(api) == 0
    wait_until(lambda: lists_made(api) == 1)


def test_latency_of_every_call(api: Api) -> None:
    api.emulator.switch(latency=0.1)
    start = time.monotonic()
    assert api.get("/account").status_code == 200
    assert time.monotonic() - start >= 0.099  # the server's timers count whole milliseconds


def test_json_may_end_in_the_middle_of_a_whole_answer(api: Api) -> None:
    api.emulator.inject(Fault(kind=FaultKind.TRUNCATED_JSON))
    answer = make_list(api)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert lists_made(api) == 1


def test_the_connection_may_be_reset_in_the_middle_of_a_body(api: Api) -> None:
    api.emulator.inject(Fault(kind=FaultKind.CUT_BODY))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        make_list(api)
    assert lists_made(api) == 1


def test_an_answer_without_a_body_is_cut_before_it_is_whole(api: Api) -> None:
    api.upsert(Email="a@example.com")
    asked = f"/list/{api.new_list('L')}/contact/a@example.com"
    api.emulator.inject(Fault(kind=FaultKind.CUT_BODY))
    with pytest.raises(requests.exceptions.ConnectionError):
        api.get(asked)
    assert (api.get(asked).status_code, api.get(asked).content) == (404, b"")
    wait_until(lambda: api.emulator.log.under_way == 0)


def test_a_storm_of_429(api: Api) -> None:
    api.emulator.inject(Fault(kind=FaultKind.THROTTLED, times=3))
    answers = [make_list(api) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 429, 429, 200]
    assert answers[0].json()["error"] == "Too Many Requests"
    assert lists_made(api) == 1


def test_the_key_is_revoked_midway_and_comes_back_when_rotated(api: Api) -> None:
    api.emulator.inject(Fault(kind=FaultKind.KEY_REVOKED, skip=2))
    assert [make_list(api).status_code for _ in range(5)] == [200, 200, 401, 401, 401]
    api.emulator.rotate_key(api.emulator.config.api_key)
    assert make_list(api).status_code == 200
    assert lists_made(api) == 3


class TestWhichRequestsAreHit:
    def test_by_method_and_path(self, api: Api) -> None:
        api.emulator.inject(Fault(kind=FaultKind.ERROR, method="POST", path="^/contacts$", times=None))
        assert api.get("/contacts").status_code == 200
        assert make_list(api).status_code == 200
        assert api.bulk({"Email": "a@example.com"}).status_code == 500

    def test_the_third_and_fourth_only(self, api: Api) -> None:
        api.emulator.inject(Fault(kind=FaultKind.ERROR, skip=2, times=2))
        assert [api.get("/account").status_code for _ in range(6)] == [200, 200, 500, 500, 200, 200]

    def test_by_chance_but_the_same_every_time(self, api: Api) -> None:
        fault = Fault(kind=FaultKind.ERROR, probability=0.5, seed=3, times=None)

        def statuses() -> list[int]:
            api.emulator.inject(fault)
            return [api.get("/account").status_code for _ in range(40)]

        first = statuses()
        assert statuses() == first
        assert 8 < first.count(500) < 32

    def test_the_first_rule_that_hits_decides(self, api: Api) -> None:
        api.emulator.inject(
            Fault(kind=FaultKind.ERROR, status=503), Fault(kind=FaultKind.ERROR, status=504, times=1)
        )
        assert [api.get("/account").status_code for _ in range(3)] == [503, 504, 200]
        assert [hit for _, hit in api.emulator.faults.counts()] == [1, 1]

    @pytest.mark.usefixtures("within_a_second")
    def test_a_throttled_or_unauthorized_request_is_not_counted(self, api: Api) -> None:
        api.emulator.switch(rate=1)
        api.emulator.inject(Fault(kind=FaultKind.ERROR, skip=1))
        assert [api.get("/account").status_code for _ in range(3)] == [200, 429, 429]
        assert api.emulator.faults.counts()[0][1] == 0


@pytest.mark.parametrize(
    "wrong", [{"path": "("}, {"probability": 0.0}, {"times": 0}, {"status": 100}, {"nth": 3}], ids=str
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Fault.model_validate({"kind": "error", **wrong})


def test_the_emulator_stops_quickly_with_a_request_still_hanging() -> None:
    with serve_autopilot() as emulator:
        emulator.inject(Fault(kind=FaultKind.LATENCY, seconds=60))
        url, headers = f"{emulator.base_url}/account", {"autopilotapikey": emulator.api_key}

        def hang() -> None:
            with pytest.raises(requests.ConnectionError):
                requests.get(url, headers=headers, timeout=30)

        client = threading.Thread(target=hang)
        client.start()
        while not len(emulator.log):
            time.sleep(0.01)
        start = time.monotonic()
    assert time.monotonic() - start < 20
    client.join(5)
    assert not client.is_alive()


def test_what_arrived_before_a_reset_is_not_carried_out_after_it(api: Api) -> None:
    api.emulator.inject(Fault(kind=FaultKind.LATENCY, seconds=1))
    give_up_on_a_list(api)
    (entry,) = api.emulator.log.entries
    assert entry.finished is None

    api.emulator.reset()
    wait_until(lambda: entry.finished)

    assert lists_made(api) == 0
    assert not api.emulator.log.totals
