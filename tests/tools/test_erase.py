"""``make erase``: led to the staging and the secret of ``make up``, and to Airflow's connections."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.segment_exports.staged_run import HASHER, LEDGERS_SECRET, Person, Stage

import erase
import own_exports
from segment_exports.records.tombstones import erased_hashes

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ANN = "ann@example.com"


def test_it_finds_what_make_up_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(tmp_path / "staging")
    stage.run(1).whole([Person(ANN, "1")])
    (tmp_path / "ledger.key").write_text(LEDGERS_SECRET)
    (tmp_path / "people.txt").write_text(ANN)
    monkeypatch.setattr(own_exports, "OWN_FOLDER", tmp_path)
    for name in ("SEGMENT_EXPORTS_STAGING", "AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        sys, "argv", ["erase.py", "--emails", str(tmp_path / "people.txt"), "--at-destination"]
    )

    assert erase.main() == 3

    assert "there is no connection autopilot_default" in capsys.readouterr().out
    assert HASHER.text(ANN) in erased_hashes(stage.staging, HASHER)
