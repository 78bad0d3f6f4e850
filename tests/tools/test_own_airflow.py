"""``make check`` and its like: in the Airflow of ``make up``, with its staging and its secret."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.segment_exports.staged_run import HASHER, LEDGERS_SECRET, Person, Stage

import own_exports
from own_exports import nothing_is_set
from segment_exports.records.tombstones import erased_hashes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., subprocess.CompletedProcess[str]]

ANN = "ann@example.com"


@pytest.fixture
def clone(repository: Path, tmp_path: Path) -> Path:
    """As much of a fresh clone as the commands are started from."""
    for name in ("tools", "include/exports"):
        shutil.copytree(repository / name, tmp_path / "clone" / name)
    return tmp_path / "clone"


@pytest.fixture
def run(clone: Path) -> Run:
    """Run a command there, in a shell in which nothing is set; another process, since Airflow is imported."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, clone / "tools" / "own_airflow.py", *arguments],
            env={"PATH": os.environ["PATH"], "SEGMENT_EXPORTS_DEFINITIONS": "", **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_command_finds_what_make_up_keeps(clone: Path, run: Run) -> None:
    stage = Stage(clone / ".airflow" / "staging")
    stage.run(1).whole([Person(ANN, "1")])
    (clone / ".airflow" / "ledger.key").write_text(LEDGERS_SECRET)
    (clone / "people.txt").write_text(ANN)

    done = run("erase", "--emails", str(clone / "people.txt"), "--at-destination")

    assert done.returncode == 3, done.stderr
    assert "there is no connection autopilot_default" in done.stdout
    assert HASHER.text(ANN) in erased_hashes(stage.staging, HASHER)


def test_in_a_fresh_clone_a_line_says_what_is_missing(run: Run) -> None:
    done = run("check")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "SEGMENT_EXPORTS_LAKE" in done.stderr
    assert "make demo" in done.stderr


def test_what_is_set_or_was_begun_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_exports, "OWN_FOLDER", tmp_path / ".airflow")
    monkeypatch.delenv("SEGMENT_EXPORTS_DEFINITIONS")
    assert nothing_is_set({})
    assert not nothing_is_set({"AIRFLOW_CONN_ORTTO_MINE": "{}"})
    assert not nothing_is_set({"SEGMENT_EXPORTS_DEFINITIONS": str(tmp_path)})

    monkeypatch.setenv("SEGMENT_EXPORTS_LAKE", str(tmp_path))
    assert not nothing_is_set({})
    monkeypatch.delenv("SEGMENT_EXPORTS_LAKE")

    (tmp_path / ".airflow" / "airflow").mkdir(parents=True)
    (tmp_path / ".airflow" / "airflow" / "airflow.db").touch()
    assert not nothing_is_set({})
