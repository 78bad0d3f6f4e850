"""The upload step by itself: what it asks the delivery to do, and when it stops."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import TimeoutPosix
from tests.segment_exports_airflow.planned_run import NAMED, RUN_ID, PlannedRuns, context_of

from segment_exports.commands.erasing.erasure import erase
from segment_exports.destinations.agreement import signed_agreement
from segment_exports.errors import (
    LedgerError,
    RunSupersededError,
    SegmentExportError,
    StagingError,
    UploadEndedError,
)
from segment_exports.records import lease
from segment_exports.records.problems import recorded_problems
from segment_exports.records.warnings import recorded_warnings
from segment_exports.settings import bounds
from segment_exports.transport.transport import Transport
from segment_exports_airflow.accounts import account_folder, reason_to_stop
from segment_exports_airflow.operators.export import ChunkChangesOperator
from segment_exports_airflow.operators.upload import UploadOperator
from segment_exports_airflow.staging_root import ledger_hasher, run_files, staging_root

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from segment_emulators.autopilot import AutopilotEmulator


@pytest.fixture
def chunk(tmp_path: Path, account: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The one chunk of a run that is planned: its reference."""
    context = PlannedRuns(tmp_path, monkeypatch).plan()
    (reference,) = ChunkChangesOperator(**NAMED).execute(context)
    return dict(reference)


def upload(chunk: dict[str, Any]) -> UploadOperator:
    return UploadOperator(task_id="upload", export="newsletter", chunk=chunk)


def test_it_delivers_the_chunk_and_answers_counts_only(
    chunk: dict[str, Any], emulator: AutopilotEmulator
) -> None:
    answer = upload(chunk).execute(context_of())

    assert len(emulator.account.contacts) == chunk["contacts"] == answer["counts"]["upsert"]["delivered"]
    assert "@" not in str(answer)


def test_a_task_that_is_cleared_after_its_end_sends_nothing_again(
    chunk: dict[str, Any], emulator: AutopilotEmulator
) -> None:
    upload(chunk).execute(context_of())
    before = len(emulator.log)

    upload(chunk).execute(context_of())

    assert len(emulator.log) == before


def test_a_chunk_that_was_planned_anew_is_not_mistaken_for_the_old_one(chunk: dict[str, Any]) -> None:
    with pytest.raises(StagingError, match="not the chunk that was planned"):
        upload(chunk | {"fingerprint": "0" * 64}).execute(context_of())


def test_a_run_that_was_overtaken_sends_nothing(chunk: dict[str, Any], emulator: AutopilotEmulator) -> None:
    before = len(emulator.log)
    lease.acquire(run_files("newsletter", RUN_ID).export, "newer", is_alive=lambda _: False)

    with pytest.raises(RunSupersededError):
        upload(chunk).execute(context_of())

    assert len(emulator.log) == before


def test_a_task_that_airflow_ends_writes_down_what_was_in_flight(
    chunk: dict[str, Any], emulator: AutopilotEmulator
) -> None:
    """Airflow's SIGTERM calls ``on_kill`` and leaves the task running."""
    operator = upload(chunk)
    emulator.switch(latency=0.08)

    def end_midway() -> None:
        while len(emulator.log) < 25:
            time.sleep(0.01)
        operator.on_kill()

    ending = Thread(target=end_midway)
    ending.start()
    with pytest.raises(UploadEndedError, match="Airflow ended the task"):
        operator.execute(context_of())
    ending.join()
    emulator.switch(latency=0)
    done = len(emulator.account.contacts) + len(emulator.account.members("NewsletterReaders"))
    answer = upload(chunk).execute(context_of())

    assert 0 < done < 2 * chunk["contacts"]
    assert answer["delivered_before"] == done
    assert len(emulator.account.members("NewsletterReaders")) == chunk["contacts"]


def test_an_upload_whose_time_is_over_stops_in_good_order_and_the_next_attempt_goes_on(
    chunk: dict[str, Any], emulator: AutopilotEmulator
) -> None:
    """As Airflow's task runner does it: the signal's handler raises, wherever the task is just then."""
    emulator.switch(latency=0.08)
    with pytest.raises(AirflowTaskTimeout, match=r"\(execution_timeout\) and was ended\. What it had"):
        end_midway(upload(chunk), emulator)
    emulator.switch(latency=0)
    done = len(emulator.account.contacts) + len(emulator.account.members("NewsletterReaders"))
    (told,) = recorded_problems(run_files("newsletter", RUN_ID).store).values()
    answer = upload(chunk).execute(context_of())

    assert 0 < done < 2 * chunk["contacts"]
    assert answer["delivered_before"] == done
    assert "(execution_timeout)" in told.text
    assert len(emulator.account.members("NewsletterReaders")) == chunk["contacts"]


def test_an_upload_sends_nothing_more_once_its_hour_is_over(
    chunk: dict[str, Any], emulator: AutopilotEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "UPLOAD", timedelta(0))
    with pytest.raises(SegmentExportError, match=r"the deadline \(.*\) has passed"):
        upload(chunk).execute(context_of())
    assert not emulator.account.contacts


def test_one_that_does_not_stop_is_broken_off_and_the_next_attempt_goes_on(
    chunk: dict[str, Any], emulator: AutopilotEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow's own timeout comes after a time of grace, as a kill would."""
    monkeypatch.setattr("segment_exports_airflow.time_limits.STOPS_WITHIN", timedelta(seconds=0.5))
    operator = upload(chunk)
    monkeypatch.setattr(operator, "_reason_to_stop", lambda *_: None)
    emulator.switch(latency=0.08)
    with pytest.raises(AirflowTaskTimeout, match="and was ended"):
        end_midway(operator, emulator)
    emulator.switch(latency=0)
    upload(chunk).execute(context_of())

    assert len(emulator.account.contacts) == chunk["contacts"]
    assert len(emulator.account.members("NewsletterReaders")) == chunk["contacts"]


def end_midway(operator: UploadOperator, emulator: AutopilotEmulator) -> None:
    """Run a task with Airflow's own timeout around it, and let that be over after some requests."""

    def be_over() -> None:
        while len(emulator.log) < 25:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGALRM)

    Thread(target=be_over, daemon=True).start()
    with TimeoutPosix(250):
        operator.execute(context_of())


def test_an_upload_that_is_overtaken_midway_stops(chunk: dict[str, Any], emulator: AutopilotEmulator) -> None:
    emulator.switch(latency=0.08)

    def overtake() -> None:
        while len(emulator.log) < 10:
            time.sleep(0.01)
        lease.acquire(run_files("newsletter", "newer").export, "newer", is_alive=lambda _: False)

    overtaking = Thread(target=overtake)
    overtaking.start()
    with pytest.raises(RunSupersededError, match="run newer holds a newer one"):
        upload(chunk).execute(context_of())
    overtaking.join()

    assert 0 < len(emulator.account.members("NewsletterReaders")) < chunk["contacts"]


def test_who_was_erased_after_the_plan_is_not_sent(
    chunk: dict[str, Any], emulator: AutopilotEmulator
) -> None:
    store = run_files("newsletter", RUN_ID).store
    with store.parquet_file("contacts.parquet") as file:
        first, *others = file.read()["email"].to_pylist()
    erase(staging_root(), ledger_hasher(), emails=[first], now=datetime.now(UTC))

    answer = upload(chunk).execute(context_of())

    assert set(emulator.account.contacts_by_email()) == set(others)
    assert answer["held_back"] == 2


def test_under_another_secret_nobody_could_tell_who_was_erased_so_nothing_is_sent(
    chunk: dict[str, Any], emulator: AutopilotEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(emulator.log)
    monkeypatch.setenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET", "another secret of the tests")

    with pytest.raises(LedgerError, match="planned under another AUTOPILOT_LEDGER_SECRET"):
        upload(chunk).execute(context_of())

    assert len(emulator.log) == before


def test_lists_that_we_made_are_known_for_the_account(chunk: dict[str, Any]) -> None:
    upload(chunk).execute(context_of())

    assert account_folder("autopilot_default").names("lists")


def test_what_is_to_be_told_of_the_way_gets_into_the_report(
    chunk: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as that the service had shut this machine out, which only who sends comes to know."""
    context, told = context_of(), "the service shut this machine out for a while"
    operator = upload(chunk)
    operator.execute(context)
    run = operator.files(context).store
    before = recorded_warnings(run)

    monkeypatch.setattr(Transport, "warnings", (told,))
    operator.execute(context)
    monkeypatch.setattr(Transport, "warnings", ())
    operator.execute(context)
    assert set(recorded_warnings(run)) == {*before, told}


class TestReasonToStop:
    """Asked every other second while an upload runs."""

    def test_none_while_the_connection_is_good(self, account: str) -> None:
        assert reason_to_stop(account, "autopilot") is None

    def test_the_connection_was_disabled(self, connect: Callable[..., str]) -> None:
        connection = connect(None, "f" * 32, enabled=False, **signed_agreement("the tests"))

        assert "is disabled" in str(reason_to_stop(connection, "autopilot"))

    def test_the_connection_was_removed(self, airflow_database: object) -> None:
        assert "there is no connection" in str(reason_to_stop("autopilot_removed", "autopilot"))

    def test_the_agreement_was_taken_back(self, connect: Callable[..., str]) -> None:
        assert "nobody has agreed" in str(reason_to_stop(connect(None, "f" * 32, enabled=True), "autopilot"))

    def test_a_secrets_backend_that_is_out_is_no_reason(
        self, account: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def out(_: str) -> None:
            raise TimeoutError

        monkeypatch.setattr("segment_exports_airflow.connections.BaseHook.get_connection", out)

        assert reason_to_stop(account, "autopilot") is None
