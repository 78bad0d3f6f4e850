"""The emulator as a process of its own, driven over its control plane."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import pytest
import requests
from tests.segment_emulators.served_process import served_process

from segment_emulators.autopilot import EmulatorControl
from segment_emulators.autopilot.__main__ import main

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Api

KEY = "f" * 32


@pytest.fixture
def control(api: Api) -> EmulatorControl:
    return EmulatorControl(api.emulator.base_url)


class TestControlPlane:
    def test_it_reads_the_account_back(self, api: Api, control: EmulatorControl) -> None:
        list_id = api.new_list("Readers")
        contact_id = api.upsert(Email="ana@example.com", FirstName="Ana")
        api.post(f"/list/{list_id}/contact/{contact_id}")
        api.post(f"/contact/{contact_id}/unsubscribe")
        assert control.health()
        assert control.contacts()["ana@example.com"]["FirstName"] == "Ana"
        assert control.members("Readers") == {"ana@example.com"}
        assert control.unsubscribed() == {"ana@example.com"}
        assert control.state() == {
            "contacts": 1,
            "lists": [{"list_id": list_id, "title": "Readers", "members": 1}],
            "unsubscribed": 1,
            "requests": 4,
        }

    def test_it_reads_the_log(self, api: Api, control: EmulatorControl) -> None:
        api.new_list("Readers")
        api.get("/lists")
        (entry,) = control.log("get_lists", since=0)
        assert (entry["method"], entry["status"], entry["number"]) == ("GET", 200, 2)
        assert control.totals()["by_endpoint"] == {"create_list": {"200": 1}, "get_lists": {"200": 1}}
        control.clear_log()
        assert control.log() == []

    def test_it_sets_switches_and_refuses_wrong_ones(self, api: Api, control: EmulatorControl) -> None:
        assert control.switch(bad_contact="refuses_batch", rate=20)["rate"] == 20
        assert api.bulk({"Email": "x@bad.example.com"}).status_code == 400
        with pytest.raises(HTTPError):
            control.switch(rate=-1)
        with pytest.raises(HTTPError):
            control.switch(typo=1)
        assert api.emulator.switches.rate == 20

    def test_it_injects_faults(self, api: Api, control: EmulatorControl) -> None:
        control.inject({"kind": "html", "path": "^/lists$", "status": 200})
        assert api.get("/lists").text.startswith("<html>")
        (rule,) = control.faults()
        assert (rule["fault"]["kind"], rule["hit"]) == ("html", 1)

    def test_it_rotates_and_revokes_the_key(self, api: Api, control: EmulatorControl) -> None:
        control.revoke_key()
        assert api.get("/account").status_code == 401
        control.rotate_key(api.emulator.config.api_key)
        assert api.get("/account").status_code == 200

    def test_it_does_what_staff_do(self, api: Api, control: EmulatorControl) -> None:
        list_id = control.staff("add_list", title="Readers")
        contact_id = control.add_contact("ana@example.com", lists=[list_id], fields={"FirstName": "Ana"})
        control.staff("unsubscribe", contact=contact_id)
        control.staff("rename_list", list_id=list_id, title="Old readers")
        assert control.members("Old readers") == control.unsubscribed() == {"ana@example.com"}
        assert control.staff("remove_from_list", list_id=list_id, contact="ana@example.com") is True
        control.staff("delete_contact", contact="ana@example.com")
        with pytest.raises(HTTPError, match="404"):
            control.staff("delete_contact", contact="ana@example.com")
        assert control.log() == []
        control.reset()
        assert control.state()["lists"] == []


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    options = ["--rate", "2", "--switch", "delete_status=204", "--custom-field", "string--Tier"]
    with served_process(
        tmp_path, "segment_emulators.autopilot", *options, AUTOPILOT_EMULATOR_KEY=KEY
    ) as started:
        yield started


def test_the_process_serves_and_ends_well_when_terminated(
    process: tuple[subprocess.Popen[str], str],
) -> None:
    started, url = process
    answers: list[requests.Response] = []
    key = {"autopilotapikey": KEY}
    for _ in range(100):  # a busy machine needs more than three for one too many
        answers.append(requests.get(f"{url}/v1/contacts/custom_fields", headers=key, timeout=10))
        if not answers[-1].ok:
            break
    assert answers[0].json() == [{"name": "Tier", "fieldType": "string"}]
    assert [answer.status_code for answer in answers[-3:]] == [200, 200, 429]
    assert EmulatorControl(url).state()["requests"] == len(answers)
    started.terminate()
    assert started.wait(30) == 0
    assert started.stdout is not None
    told = started.stdout.read()
    assert f"{url}/v1, API key: that of AUTOPILOT_EMULATOR_KEY," in told
    assert KEY not in told


def test_a_key_of_its_own_is_told_since_nobody_else_knows_it(tmp_path: Path) -> None:
    with served_process(tmp_path, "segment_emulators.autopilot", AUTOPILOT_EMULATOR_KEY="") as (started, url):
        assert started.stdout is not None
        key = re.search("API key: ([^,]+),", started.stdout.readline())
        assert key is not None
        answer = requests.get(f"{url}/v1/lists", headers={"autopilotapikey": key[1]}, timeout=10)
    assert answer.ok


@pytest.mark.parametrize(
    "arguments", [["--switch", "typo=1"], ["--switch", "bad_contact=typo"], ["--rate", "-1"]], ids=str
)
def test_a_wrong_option_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert "error:" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--port", api.emulator.url.rsplit(":", 1)[1]])
    assert "error:" in capsys.readouterr().err
