"""What Ctrl-C of `make up` does to an upload; `tests/tools/test_ending.py` has the signals themselves."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from ending_airflow import SECONDS_FOR_TASKS
from segment_emulators.autopilot import Fault, FaultKind

if TYPE_CHECKING:
    from tests.scheduler.conftest import Stage

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(900)]

EXPORT = "ended"


def test_an_upload_sends_no_more_once_airflow_is_told_to_end_and_goes_on_when_it_is_open_again(
    stage: Stage,
) -> None:
    airflow, log = stage.airflow, stage.emulator.log
    log.clear()
    stage.emulator.inject(Fault(kind=FaultKind.LATENCY, path="contacts$", times=None, seconds=1))
    run_id = airflow.trigger(f"export_{EXPORT}")
    airflow.wait_for("an upload", lambda: len(log.select("upsert_contacts")) >= 10, seconds=180)

    told = time.time()
    airflow.stop()

    # Killed without a word, it would have gone on to the very end of the time that is given to tasks.
    assert [one for one in log.entries if one.wall_time > told + SECONDS_FOR_TASKS / 2] == []

    stage.emulator.inject()
    airflow.start()
    report = stage.ended(EXPORT, run_id)
    sent = Counter(email for one in log.select("upsert_contacts") for email in one.emails)
    assert report["state"] == "delivered", report["red_reasons"]
    assert len(sent) == report["contacts"]["total"] > 8_000
    assert [count for count in sent.values() if count > 1] == []
