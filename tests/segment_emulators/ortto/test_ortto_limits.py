"""Rates and bans, by a clock that only the test moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from segment_emulators.ortto import BadRequests, BanAnswer, EmulatorConfig, Fault, FaultKind, serve_ortto

if TYPE_CHECKING:
    from segment_emulators.ortto import OrttoEmulator

    from .conftest import Api, Clock

EVA = "eva@example.com"
UNKNOWN_FIELD = {"str::email": EVA, "str::no": "x"}


@pytest.fixture
def strict(emulator: OrttoEmulator) -> OrttoEmulator:
    """The limits as they are by default."""
    emulator.switch(ban_after=15)
    return emulator


def bad(api: Api, times: int) -> list[int]:
    return [api.merge(UNKNOWN_FIELD).status_code for _ in range(times)]


def statuses(api: Api, times: int = 1) -> list[int]:
    return [api.post("/person/get", {}).status_code for _ in range(times)]


class TestRate:
    def test_so_many_in_a_second(self, api: Api, clock: Clock) -> None:
        api.emulator.switch(rate=3, throttled_count=False)
        assert statuses(api, 4) == [200, 200, 200, 429]
        clock.now += 1
        assert statuses(api) == [200]

    def test_so_many_in_a_minute(self, api: Api, clock: Clock) -> None:
        api.emulator.switch(rate_per_minute=2, throttled_count=False)
        assert statuses(api, 3) == [200, 200, 429]
        clock.now += 40
        assert api.post("/person/get", {}).json()["error"]["try-in-seconds"] == 20
        clock.now += 20
        assert statuses(api) == [200]

    def test_so_many_from_one_address(self, api: Api, clock: Clock) -> None:
        api.emulator.switch(rate=10_000)
        assert statuses(api) == [200]
        ((ten_seconds, _),) = api.emulator.address_limits.values()
        for _ in range(1999):
            assert ten_seconds.admits(clock.now, 2000, count_refused=True)
        assert statuses(api) == [429]
        clock.now += 10
        assert statuses(api) == [200]

    def test_without_a_rate_an_address_has_none_either(self, api: Api) -> None:
        assert statuses(api) == [200]
        assert api.emulator.address_limits == {}

    @pytest.mark.usefixtures("clock")
    def test_the_error_is_an_object(self, api: Api) -> None:
        api.emulator.switch(rate=1)
        answer = [api.post("/person/get", {}) for _ in range(2)][1]
        told = {"code": "rate-limit", "message": "rate limit", "try-in-seconds": 1}
        assert (answer.status_code, answer.json()) == (429, {"error": told})
        assert "Retry-After" not in answer.headers

    def test_the_wait_may_be_said_otherwise(self, api: Api) -> None:
        api.emulator.switch(try_in_seconds=10)
        api.emulator.inject(Fault(kind=FaultKind.THROTTLED))
        assert api.post("/person/get", {}).json()["error"]["try-in-seconds"] == 10


@pytest.mark.usefixtures("strict")
class TestBans:
    def test_the_fifteenth_bad_request_bans_the_address_for_fifteen_seconds(
        self, api: Api, clock: Clock
    ) -> None:
        assert bad(api, 15) == [400] * 15
        assert statuses(api, 2) == [403, 403]
        clock.now += 14.9
        assert statuses(api) == [403]
        clock.now += 0.2
        assert statuses(api) == [200]
        (ban,) = api.emulator.bans
        assert (ban.address, ban.until - ban.began, ban.refused) == ("127.0.0.1", 15.0, 3)
        assert len(api.emulator.bad_requests) == 15

    def test_fourteen_in_every_fifteen_seconds_do_not(self, api: Api, clock: Clock) -> None:
        for _ in range(4):
            assert bad(api, 14) == [400] * 14
            clock.now += 15.1
        assert api.emulator.bans == []

    def test_it_is_on_by_default(self) -> None:
        with serve_ortto() as emulator:
            assert (emulator.switches.ban_after, emulator.switches.rate) == (15, 10)
            assert EmulatorConfig().switches.body_limit == 2_000_000

    @pytest.mark.usefixtures("clock")
    def test_wrong_keys_count(self, api: Api) -> None:
        wrong = [api.call("POST", "/person/get", {}, headers={"X-Api-Key": "x"}) for _ in range(16)]
        assert [one.status_code for one in wrong] == [401] * 15 + [403]

    @pytest.mark.usefixtures("clock")
    def test_too_many_requests_never_count_nor_do_good_ones_or_errors_of_the_service(self, api: Api) -> None:
        for kind, status in ((FaultKind.THROTTLED, 429), (FaultKind.ERROR, 500)):
            api.emulator.inject(Fault(kind=kind, times=None))
            assert statuses(api, 20) == [status] * 20
        api.emulator.inject()
        assert statuses(api, 20) == [200] * 20
        assert api.emulator.bad_requests == []

    @pytest.mark.usefixtures("clock")
    def test_what_a_gateway_answers_does_not_count(self, api: Api) -> None:
        api.emulator.inject(Fault(kind=FaultKind.GATEWAY, status=403, times=None))
        assert statuses(api, 20) == [403] * 20
        assert api.emulator.bans == []

    @pytest.mark.usefixtures("clock")
    @pytest.mark.parametrize(
        ("rule", "refusals", "counted"),
        [
            (BadRequests.ALL_4XX, [400, 400, 404], 3),
            (BadRequests.MALFORMED, [400, 400, 404], 2),
        ],
    )
    def test_which_requests_count(
        self, api: Api, rule: BadRequests, refusals: list[int], counted: int
    ) -> None:
        api.emulator.switch(bad_requests=rule)
        answers = [api.merge(UNKNOWN_FIELD), api.post("/person/merge", {}), api.post("/nowhere", {})]
        assert [one.status_code for one in answers] == refusals
        assert len(api.emulator.bad_requests) == counted

    @pytest.mark.usefixtures("clock")
    @pytest.mark.parametrize(("rule", "status"), [(BanAnswer.THROTTLED, 429), (BanAnswer.FORBIDDEN, 403)])
    def test_a_page_that_no_api_gives(self, api: Api, rule: BanAnswer, status: int) -> None:
        api.emulator.switch(ban_answer=rule)
        bad(api, 15)
        answer = api.post("/person/get", {})
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html")

    @pytest.mark.usefixtures("clock")
    def test_a_reset(self, api: Api) -> None:
        api.emulator.switch(ban_answer=BanAnswer.RESET)
        bad(api, 15)
        with pytest.raises(requests.ConnectionError):
            api.post("/person/get", {})
        assert api.emulator.log.entries[-1].banned
        assert not api.emulator.log.entries[-1].worked

    @pytest.mark.usefixtures("clock")
    def test_a_reset_of_the_emulator_ends_it(self, api: Api) -> None:
        bad(api, 15)
        api.emulator.reset()
        assert (statuses(api), api.emulator.bans) == ([200], [])

    def test_numbers_may_be_others(self, api: Api, clock: Clock) -> None:
        changes: dict[str, Any] = {"ban_after": 2, "ban_window": 1.0, "ban_seconds": 3.0}
        api.emulator.switch(**changes)
        bad(api, 2)
        clock.now += 2
        assert statuses(api) == [403]
        clock.now += 1
        assert statuses(api) == [200]
