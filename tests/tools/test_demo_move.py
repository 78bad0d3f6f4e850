"""`make demo-move` moves an export between two emulated accounts, and nobody who refused may be mailed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import demo
import demo_move

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_demo_s_export_is_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for module in (demo, demo_move):
        monkeypatch.setattr(module, "FOLDER", tmp_path / "demo")

    code = demo_move.demo_move()

    told = capfd.readouterr()
    assert code == 0, told.out + told.err
    assert "the same people." in told.out
    assert (tmp_path / "demo" / "staging" / "_accounts" / "ortto_default").is_dir()
