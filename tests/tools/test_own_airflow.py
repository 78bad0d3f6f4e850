"""``make check`` and its like: in the Airflow of ``make up``, with its staging and its secret."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.segment_exports.staged_run import HASHER, LEDGERS_SECRET, Person, Stage

import own_airflow
import own_exports
from own_exports import nothing_is_set
from segment_exports.records.tombstones import erased_hashes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANN = "ann@example.com"
OURS = ("SEGMENT_EXPORTS_", "AIRFLOW_")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shell in which nothing is set."""
    monkeypatch.setattr(own_exports, "OWN_FOLDER", tmp_path / ".airflow")
    monkeypatch.setattr(own_airflow, "OWN_FOLDER", tmp_path / ".airflow")
    for name in [one for one in os.environ if one.startswith(OURS)]:
        monkeypatch.delenv(name)
    (tmp_path / ".airflow").mkdir()
    return tmp_path / ".airflow"


@pytest.fixture
def kept_environment(own_folder: Path) -> Iterator[None]:
    """What a command puts into the environment of its own process is gone afterwards."""
    kept = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(kept)


def test_a_command_finds_what_make_up_keeps(
    own_folder: Path, tmp_path: Path, kept_environment: None, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(own_folder / "staging")
    stage.run(1).whole([Person(ANN, "1")])
    (own_folder / "ledger.key").write_text(LEDGERS_SECRET)
    (tmp_path / "people.txt").write_text(ANN)

    assert own_airflow.main(["erase", "--emails", str(tmp_path / "people.txt"), "--at-destination"]) == 3

    assert "there is no connection autopilot_default" in capsys.readouterr().out
    assert HASHER.text(ANN) in erased_hashes(stage.staging, HASHER)


def test_in_a_fresh_clone_a_line_says_what_is_missing(repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    for name in ("tools", "include"):
        shutil.copytree(repository / name, clone / name)

    done = subprocess.run(
        [sys.executable, clone / "tools" / "own_airflow.py", "check"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(clone / "include")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "SEGMENT_EXPORTS_LAKE" in done.stderr
    assert "make demo" in done.stderr


def test_what_is_set_or_was_begun_is_checked(
    own_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nothing_is_set({})
    assert not nothing_is_set({"AIRFLOW_CONN_ORTTO_MINE": "{}"})
    assert not nothing_is_set({"SEGMENT_EXPORTS_DEFINITIONS": str(tmp_path)})

    monkeypatch.setenv("SEGMENT_EXPORTS_LAKE", str(tmp_path))
    assert not nothing_is_set({})
    monkeypatch.delenv("SEGMENT_EXPORTS_LAKE")

    (own_folder / "airflow").mkdir()
    (own_folder / "airflow" / "airflow.db").touch()
    assert not nothing_is_set({})
