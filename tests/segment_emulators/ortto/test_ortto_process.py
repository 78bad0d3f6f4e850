"""The emulator as a process of its own, its control plane, and the faults that every emulator has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from tests.segment_emulators.served_process import served_process

from segment_emulators.ortto import EmulatorControl, Fault, FaultKind
from segment_emulators.ortto.__main__ import main

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Api

KEY = "PRV-other-ffff"
EVA = "eva@example.com"


@pytest.fixture
def control(api: Api) -> EmulatorControl:
    return EmulatorControl(api.emulator.base_url)


class TestControlPlane:
    def test_it_reads_the_account_back(self, api: Api, control: EmulatorControl) -> None:
        api.made({"fields": {"str::email": EVA, "str::first": "Eva", "bol::p": False}, "tags": ["Readers"]})
        assert control.contacts()[EVA]["fields"]["str::first"] == "Eva"
        assert control.members("Readers") == control.unsubscribed() == {EVA}
        assert control.state() == {
            "contacts": 1,
            "lists": [
                {"list_id": "1", "title": "My team", "members": 0},
                {"list_id": "2", "title": "Readers", "members": 1},
            ],
            "unsubscribed": 1,
            "requests": 1,
        }

    def test_it_reads_the_log_and_the_bans(self, api: Api, control: EmulatorControl) -> None:
        api.made(EVA)
        api.emulator.switch(ban_after=1)
        api.post("/person/merge", {})
        assert control.totals()["by_endpoint"] == {"merge_people": {"200": 1, "400": 1}}
        assert [one["status"] for one in control.log("merge_people")] == [200, 400]
        told = control.bans()
        assert (len(told["bans"]), len(told["bad_requests"])) == (1, 1)

    def test_it_does_what_staff_do(self, control: EmulatorControl) -> None:
        list_id = control.staff("add_list", title="Readers")
        control.add_contact(EVA, lists=[list_id], custom={"Tier": "Gold"}, fields={"str::first": "Eva"})
        control.staff("unsubscribe", contact=EVA)
        assert control.contacts()[EVA]["fields"]["str:cm:tier"] == "Gold"
        control.staff("archive", contact=EVA)
        assert control.contacts() == {}
        assert control.log() == []

    def test_it_sets_switches(self, api: Api, control: EmulatorControl) -> None:
        assert control.switch(mixed="refused_naming_bad", rate=20)["rate"] == 20
        assert api.emulator.switches.mixed == "refused_naming_bad"
        with pytest.raises(OSError, match="422"):
            control.switch(mixed="typo")


class TestFaults:
    @pytest.mark.parametrize("work_done", [False, True])
    def test_an_error_has_ortto_s_body(self, api: Api, work_done: bool) -> None:
        api.emulator.inject(Fault(kind=FaultKind.ERROR, status=503, work_done=work_done))
        answer = api.merge(EVA)
        assert (answer.status_code, set(answer.json())) == (503, {"request_id", "code", "error"})
        assert len(api.emulator.account.contacts) == work_done

    @pytest.mark.parametrize("work_done", [False, True])
    def test_a_reset(self, api: Api, work_done: bool) -> None:
        api.emulator.inject(Fault(kind=FaultKind.RESET, path="^/person/merge$", work_done=work_done))
        with pytest.raises(requests.ConnectionError):
            api.merge(EVA)
        assert len(api.emulator.account.contacts) == work_done
        assert api.words(EVA) == ["merged" if work_done else "created"]

    def test_the_key_is_revoked_midway(self, api: Api) -> None:
        api.emulator.inject(Fault(kind=FaultKind.KEY_REVOKED, skip=1))
        assert [api.post("/tags/get", {}).status_code for _ in range(3)] == [200, 401, 401]
        api.emulator.rotate_key(api.emulator.config.api_key)
        assert api.post("/tags/get", {}).status_code == 200


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    options = ["--rate", "0", "--switch", "existing_field=409", "--custom-field", "Tier"]
    options += ["--custom-field", "single_select/Level/a/b"]
    with served_process(tmp_path, "segment_emulators.ortto", *options, ORTTO_EMULATOR_KEY=KEY) as started:
        yield started


def test_the_process_serves_and_ends_well_when_terminated(
    process: tuple[subprocess.Popen[str], str],
) -> None:
    started, url = process

    def post(path: str, body: dict[str, str]) -> requests.Response:
        return requests.post(f"{url}/v1/{path}", json=body, headers={"X-Api-Key": KEY}, timeout=10)

    fields = post("person/custom-field/get", {}).json()["fields"]
    assert [one["field"]["id"] for one in fields] == ["str:cm:tier", "str:cm:level"]
    assert post("person/custom-field/create", {"type": "text", "name": "Tier"}).status_code == 409
    started.terminate()
    assert started.wait(30) == 0
    assert started.stdout is not None
    assert f"Ortto emulator: {url}/v1" in started.stdout.read()


def test_a_wrong_option_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--switch", "mixed=typo"])
    assert "switches.mixed" in capsys.readouterr().err
