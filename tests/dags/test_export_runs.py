"""The whole DAG through ``dag.test()``: colour, report and what the account holds afterwards."""

from __future__ import annotations

import csv
import os
import shutil
from datetime import UTC, datetime
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from tests.dags.export_scene import EndedRun, ExportScene

from demo_report import identities_hold
from segment_emulators.account_api.faults import Fault, FaultKind
from segment_emulators.autopilot import AutopilotEmulator, EmulatorConfig, Switches, serve_autopilot
from segment_exports.commands.erasing.erasure import erase

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow.dag_processing.dagbag import DagBag

pytestmark = pytest.mark.airflow

SNAPSHOT_BEFORE_LAST = "2026-01-05T12:00:00Z"


@pytest.fixture
def scene(
    tmp_path: Path,
    emulator: AutopilotEmulator,
    load_dags: Callable[[], DagBag],
    monkeypatch: pytest.MonkeyPatch,
) -> ExportScene:
    return ExportScene(tmp_path, emulator, load_dags, monkeypatch)


def refused(report: dict[str, Any], scene: ExportScene) -> list[dict[str, str]]:
    from segment_exports_airflow.staging_root import run_files

    store = run_files("newsletter", report["run_id"]).store
    return list(csv.DictReader(store.read_bytes("refused.csv").decode("utf-8-sig").splitlines()))


def first_contact(run: EndedRun) -> str:
    from segment_exports_airflow.staging_root import run_files

    with run_files("newsletter", run.report["run_id"]).store.parquet_file("contacts.parquet") as file:
        return str(file.read()["email"][0])


def test_a_first_run_delivers_and_adds_up(scene: ExportScene, emulator: AutopilotEmulator) -> None:
    run = scene.run()

    assert run.state == "success"
    assert {task for task, state in run.tasks.items() if state != "success"} == {"upload_duties"}
    assert run.tasks["upload_duties"] == "skipped", "nobody has to leave a list in the first run"
    assert run.report["state"] == "delivered"
    assert identities_hold(run.report)
    assert run.report["agreement"]["agreed_by"] == "the tests"
    assert run.report["contacts"]["delivered"] == len(emulator.account.contacts) > 50
    assert {one.title for one in emulator.account.lists.values()} == {"HighValueSegment", "Win-back"}


def test_a_second_run_sends_nothing_and_says_so(scene: ExportScene) -> None:
    scene.run()
    before = scene.writes

    run = scene.run()

    assert run.state == "success"
    assert run.tasks["upload"] == "skipped"
    assert run.report["state"] == "nothing_changed"
    assert run.report["contacts"]["unchanged"] == run.report["contacts"]["total"] > 0
    assert scene.writes == before


def test_the_next_snapshot_sends_only_what_changed(scene: ExportScene) -> None:
    first = scene.run().report
    scene.lake.write(1)

    second = scene.run().report

    assert second["state"] == "delivered"
    assert 0 < second["operations"]["upsert"]["delivered"] < first["operations"]["upsert"]["delivered"] / 5


def test_an_export_that_delivered_goes_on_beside_another_of_its_lists_whatever_their_files_times_say(
    scene: ExportScene,
) -> None:
    assert scene.run().state == "success"
    running = scene.folder / "exports" / "newsletter.yaml"
    twin = running.with_name("another.yaml")
    twin.write_text(running.read_text().replace("name: newsletter", "name: another"))
    os.utime(running, (2_000_000_000, 2_000_000_000))

    dags = scene.load_dags().dags

    assert {name: "broken" in dag.tags for name, dag in dags.items()} == {
        "export_newsletter": False,
        "export_another": True,
    }
    assert "newsletter.yaml goes on, since its runs deliver it" in (dags["export_another"].doc_md or "")
    assert scene.run().report["state"] == "nothing_changed"


def test_a_dry_run_tells_what_would_be_sent_and_sends_nothing(
    scene: ExportScene, emulator: AutopilotEmulator
) -> None:
    run = scene.run(dry_run=True)

    assert run.state == "success"
    assert run.report["state"] == "dry_run"
    assert run.report["contacts"]["not_sent"] == run.report["contacts"]["total"] > 0
    assert run.report["requests"]["least"] > 0
    assert identities_hold(run.report)
    assert scene.writes == 0
    assert not emulator.account.lists


def test_an_erased_person_leaves_our_lists_and_is_not_sent_again(
    scene: ExportScene, emulator: AutopilotEmulator
) -> None:
    from segment_exports_airflow.staging_root import ledger_hasher, staging_root

    scene.run()
    erased = min(emulator.account.contacts_by_email())
    erase(staging_root(), ledger_hasher(), emails=[erased], now=datetime.now(UTC))
    emulator.log.clear()

    run = scene.run(full_resync=True)

    assert run.state == "success"
    assert erased not in {email for one in emulator.log.select("upsert_contacts") for email in one.emails}
    assert "lists" not in emulator.account.contacts_by_email()[erased]


def test_a_sample_of_one_segment(scene: ExportScene) -> None:
    run = scene.run(segments=["ChurnProne"], sample=7)

    assert run.state == "success"
    assert {name: told["read"] for name, told in run.report["segments"].items()} == {"ChurnProne": 7}


def test_a_snapshot_that_was_overtaken_sends_nothing(scene: ExportScene) -> None:
    scene.run()
    scene.lake.write(1)
    scene.run()
    before = scene.writes

    run = scene.run(snapshot=SNAPSHOT_BEFORE_LAST)

    assert run.report["state"] == "superseded"
    assert scene.writes == before


def test_a_wrong_key_stops_before_anything_is_read(scene: ExportScene) -> None:
    scene.connect(key="f" * 32)

    run = scene.run()

    assert run.state == "failed"
    assert run.tasks["check_destination"] == "failed"
    assert run.tasks["wait_for_refresh"] == "upstream_failed"
    assert run.report["red"]
    assert "check_destination" in run.report["red_reasons"][0]
    assert identities_hold(run.report)


def test_the_key_of_another_account_is_told_as_that_and_not_as_lists_that_vanished(
    scene: ExportScene,
) -> None:
    scene.run()
    with serve_autopilot(EmulatorConfig(switches=Switches(rate=None))) as another:
        scene.emulator = another
        scene.connect()

        run = scene.run()

        assert run.tasks["wait_for_refresh"] == "upstream_failed"
        (reason,) = run.report["red_reasons"]
        assert "contacts that this export delivered exists" in reason
        assert "Is the key of another account on the connection?" in reason
        assert scene.writes == 0


def test_an_older_staging_stops_before_anything_is_read_until_it_is_made_anew(
    scene: ExportScene, emulator: AutopilotEmulator, tmp_path: Path
) -> None:
    """Airflow knows which of its runs sent; a dry run and one that had nothing to send are none of them."""
    scene.run()
    shutil.copytree(tmp_path / "staging", tmp_path / "backup")
    scene.run(dry_run=True)
    scene.lake.write(1)
    lost = scene.run().report["run_id"]
    assert scene.run().report["state"] == "nothing_changed"
    shutil.rmtree(tmp_path / "staging")
    shutil.copytree(tmp_path / "backup", tmp_path / "staging")
    before = scene.writes

    run = scene.run()

    assert run.tasks["wait_for_refresh"] == "upstream_failed"
    (reason,) = run.report["red_reasons"]
    assert f"newsletter holds nothing of run {lost} of the export newsletter" in reason
    assert scene.writes == before
    assert scene.run(full_resync=True, reconcile=True).state == "success"
    assert scene.run().state == "success"


def test_a_list_that_vanished_from_our_own_account_is_told_as_that(
    scene: ExportScene, emulator: AutopilotEmulator
) -> None:
    scene.run()
    ours = next(one.list_id for one in emulator.account.lists.values() if one.title == "Win-back")
    emulator.staff.delete_list(ours)

    run = scene.run()

    (reason,) = run.report["red_reasons"]
    assert f"list 'Win-back', made by us as {ours}, has vanished" in reason


@pytest.mark.parametrize("conf", [{"dry_run": True}, {"segments": ["ChurnProne"], "sample": 7}])
def test_what_airflow_keeps_from_a_run_that_was_to_send_less_stops_it_before_anything_is_read(
    scene: ExportScene,
    emulator: AutopilotEmulator,
    monkeypatch: pytest.MonkeyPatch,
    conf: dict[str, Any],
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAG_RUN_CONF_OVERRIDES_PARAMS", "False")

    run = scene.run(**conf)

    assert run.state == "failed"
    assert run.tasks["wait_for_refresh"] == "upstream_failed"
    assert not emulator.log.entries
    (reason,) = run.report["red_reasons"]
    assert "AIRFLOW__CORE__DAG_RUN_CONF_OVERRIDES_PARAMS" in reason
    assert all(key in reason for key in conf)


@pytest.mark.parametrize("conf", [{"dryrun": True}, {"Dry_Run": True, "full_resync": True}])
def test_a_mistyped_key_of_the_form_stops_before_anything_is_read(
    scene: ExportScene, emulator: AutopilotEmulator, conf: dict[str, Any]
) -> None:
    run = scene.run(**conf)

    assert run.state == "failed"
    assert run.tasks["wait_for_refresh"] == "upstream_failed"
    assert not emulator.log.entries
    assert "Did you mean dry_run?" in run.report["red_reasons"][0]


def test_a_snapshot_that_is_no_time_stops_before_anything_is_read_and_is_reported(
    scene: ExportScene, emulator: AutopilotEmulator
) -> None:
    run = scene.run(snapshot="garbage")

    assert run.state == "failed"
    assert run.tasks["wait_for_refresh"] == "upstream_failed"
    assert not emulator.log.entries
    assert (run.report["state"], run.report["red"]) == ("stopped", True)
    assert "snapshot: can't be read as a time" in run.report["red_reasons"][0]
    assert identities_hold(run.report)


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ({"agreed_by": None}, "nobody has agreed"),
        ({"agreed_text": "another"}, "the text of the agreement has changed"),
        ({"agreed_at": "never"}, "Agreed on (agreed_at) must be the day, or the time, of the agreement"),
        ({"agreed_at": "2999-01-01"}, "is still to come, so nobody has agreed yet"),
        ({"enabled": False}, "is disabled"),
        ({"enabled": "disabled"}, "Enabled of connection autopilot_default is text of 8 characters; it must"),
        ({"enabled": None}, "Enabled of connection autopilot_default is null; it must be true or false"),
        ({"enabeld": False}, "enabeld isn't known. Did you mean enabled?"),
        ({"host": "http://emulator.invalid/v1"}, "switch on Allow clear text"),
        ({"requests_per_second": "fast"}, "must be a number"),
    ],
)
def test_a_connection_that_must_not_be_used_stops_before_anything_is_read(
    scene: ExportScene, emulator: AutopilotEmulator, extra: dict[str, Any], told: str
) -> None:
    scene.connect(**extra)

    run = scene.run()

    assert run.state == "failed"
    assert run.tasks["wait_for_refresh"] == "upstream_failed"
    assert told in run.report["red_reasons"][0]
    assert not emulator.log.entries


def test_a_way_in_clear_text_stands_in_every_report(
    scene: ExportScene, emulator: AutopilotEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emulator stands in for another machine, as its own proxy."""
    monkeypatch.setenv("HTTP_PROXY", emulator.base_url.removesuffix("/v1"))
    scene.connect(host="http://emulator.invalid/v1", allow_clear_text=True)

    for conf in ({}, {"dry_run": True}):
        run = scene.run(**conf)

        assert run.state == "success"
        assert any(
            "http://emulator.invalid:80 is asked in clear text" in one for one in run.report["warnings"]
        )


def test_a_list_that_somebody_else_made_stops_before_anything_is_read(
    scene: ExportScene, emulator: AutopilotEmulator
) -> None:
    theirs = emulator.staff.add_list("Win-back")

    run = scene.run()

    assert run.tasks["wait_for_refresh"] == "upstream_failed"
    assert f"set list_id: {theirs}" in run.report["red_reasons"][0]


def test_a_missing_ledger_secret_stops_before_anything_is_read(
    scene: ExportScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET")

    run = scene.run()

    assert run.tasks["check_destination"] == "failed"
    assert "AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET" in run.report["red_reasons"][0]


def test_the_former_name_of_the_ledger_secret_stands_in_every_report(
    scene: ExportScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_KEY", os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"])
    monkeypatch.delenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET")

    run = scene.run()

    assert run.state == "success"
    assert any("is set as AUTOPILOT_LEDGER_KEY, its former name" in one for one in run.report["warnings"])


@pytest.mark.parametrize(
    ("secrets", "told"),
    [
        ({"AUTOPILOT_LEDGER_SECRET": "s" * 31}, "a new one must have at least 32"),
        ({"AUTOPILOT_LEDGER_KEY": "another secret than the one that is set"}, "are both set and differ"),
    ],
)
def test_a_ledger_secret_that_must_not_be_used_stops_before_anything_is_read(
    scene: ExportScene,
    emulator: AutopilotEmulator,
    monkeypatch: pytest.MonkeyPatch,
    secrets: dict[str, str],
    told: str,
) -> None:
    for name, value in secrets.items():
        monkeypatch.setenv(f"AIRFLOW_VAR_{name}", value)

    run = scene.run()

    assert run.tasks["check_destination"] == "failed"
    assert told in run.report["red_reasons"][0]
    assert not emulator.log.entries


def test_an_unknown_attribute_is_told_with_those_that_exist(scene: ExportScene) -> None:
    scene.define(instead_of="FirstName: Vorname")

    run = scene.run()

    assert run.state == "failed"
    assert run.tasks["extract"] == "failed"
    assert "has no attribute Vorname" in " ".join(run.report["red_reasons"])
    assert "FirstName" in " ".join(run.report["red_reasons"])
    assert scene.writes == 0


def test_too_many_invalid_profiles_stop_the_run_before_the_first_request(scene: ExportScene) -> None:
    scene.define(guards="stop_above_invalid: 0.001")

    run = scene.run()

    assert run.state == "failed"
    assert run.report["state"] == "stopped"
    assert "guards.stop_above_invalid allows 0.1%" in " ".join(run.report["red_reasons"])
    assert identities_hold(run.report)
    assert scene.writes == 0


def test_an_erased_person_leaves_our_lists_although_a_guard_stops_the_rest(
    scene: ExportScene, emulator: AutopilotEmulator
) -> None:
    from segment_exports_airflow.staging_root import ledger_hasher, staging_root

    scene.run()
    erased = min(emulator.account.contacts_by_email())
    erase(staging_root(), ledger_hasher(), emails=[erased], now=datetime.now(UTC))
    scene.lake.write(1)
    scene.define(guards="stop_above_invalid: 0.001")
    emulator.log.clear()

    run = scene.run()

    assert run.state == "failed"
    assert (run.tasks["upload_duties"], run.tasks["upload"]) == ("success", "skipped")
    assert "lists" not in emulator.account.contacts_by_email()[erased]
    assert {one.endpoint for one in emulator.log.writes()} == {"leave_list"}
    assert "Nothing was sent but" in " ".join(run.report["red_reasons"])
    assert identities_hold(run.report)


def test_duties_that_fail_are_red_and_hold_up_nobody_else(
    scene: ExportScene, emulator: AutopilotEmulator
) -> None:
    from segment_exports_airflow.staging_root import ledger_hasher, staging_root

    scene.run()
    erase(
        staging_root(),
        ledger_hasher(),
        emails=[min(emulator.account.contacts_by_email())],
        now=datetime.now(UTC),
    )
    scene.lake.write(1)
    emulator.inject(Fault(kind=FaultKind.HTML, status=405, method="DELETE"))

    run = scene.run()

    assert run.tasks["upload_duties"] == "failed"
    assert run.tasks["upload"] == "success"
    assert run.state == "failed"
    assert run.report["contacts"]["delivered"] > 0
    assert identities_hold(run.report)


def test_over_the_limit_nothing_is_sent_and_each_segment_is_named(scene: ExportScene) -> None:
    scene.define("limit: {profiles: 10}")

    run = scene.run()

    assert run.state == "failed"
    assert "HighValueSegment" in " ".join(run.report["red_reasons"])
    assert identities_hold(run.report)
    assert scene.writes == 0


def test_a_rejected_contact_turns_the_run_red_after_all_others_were_sent(
    scene: ExportScene, emulator: AutopilotEmulator
) -> None:
    poisoned = first_contact(scene.run(dry_run=True))
    emulator.switch(bad_emails={poisoned})

    run = scene.run()

    assert run.state == "failed"
    assert run.report["state"] == "delivered"
    assert run.report["contacts"]["rejected"] == run.report["rejected"]["new"] == 1
    assert run.report["contacts"]["delivered"] == run.report["contacts"]["total"] - 1
    assert [row["Kind"] for row in refused(run.report, scene)].count("rejected") == 1
    assert poisoned not in str(refused(run.report, scene))


def test_a_known_rejection_does_not_turn_the_next_run_red(
    scene: ExportScene, emulator: AutopilotEmulator
) -> None:
    emulator.switch(bad_domains={"example.org"}, bad_syntax=False)
    scene.define(guards="stop_above_invalid: 0.2, stop_above_rejected: 1")
    first = scene.run()
    before = scene.writes

    second = scene.run()

    assert first.state == "failed"
    assert second.state == "success"
    assert second.report["rejected"] == {"new": 0, "before": first.report["rejected"]["new"]}
    assert scene.writes == before


def test_a_key_that_is_revoked_midway_leaves_a_run_that_the_next_one_completes(
    scene: ExportScene, emulator: AutopilotEmulator
) -> None:
    key = emulator.api_key
    emulator.inject(Fault(kind=FaultKind.KEY_REVOKED, method="POST", path="/contact/", skip=20))

    failed = scene.run()
    emulator.inject()
    emulator.account.api_key = key
    completed = scene.run()

    assert failed.state == "failed"
    assert failed.tasks["upload"] == "failed"
    assert identities_hold(failed.report)
    assert completed.state == "success"
    assert len(emulator.account.contacts) == completed.report["contacts"]["total"]


def test_removing_the_connection_stops_a_running_upload_cleanly(
    scene: ExportScene, emulator: AutopilotEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.switch(latency=0.2)
    scene.define("destination: {requests_in_flight: 1}")
    ended = Event()

    def disable_midway() -> None:
        while not emulator.log.select("join_list") and not ended.wait(0.02):
            pass
        scene.connect(enabled=False)

    disabling = Thread(target=disable_midway)
    disabling.start()
    try:
        run = scene.run()
    finally:
        ended.set()
        disabling.join()

    assert run.state == "failed"
    assert "is disabled" in " ".join(run.report["red_reasons"])
    assert run.report["contacts"]["failed"] == 0
    assert run.report["operations"]["join"]["not_sent"] > 0
    assert identities_hold(run.report)
