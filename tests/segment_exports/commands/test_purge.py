from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.segment_exports.staged_run import Person, Stage, definition_of

from segment_exports.commands.purge import main
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from pathlib import Path

ANN = Person("ann@example.com", "1", ("A",))
BOB = Person("bob@example.com", "2", ("A", "B"))


def test_the_command_purges_all_exports_also_those_without_a_definition(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("first", "second"):
        stage = Stage(tmp_path, definition_of(name=name, retention_days=3650))
        stage.run(-300).whole([ANN])
        stage.run(-200).whole([ANN])
    Store.local(tmp_path).write_json("_accounts/x/lists.json", {})
    assert main([str(tmp_path), "--keep-days", "1"]) == 0
    assert capsys.readouterr().out == "first: 2 runs purged\nsecond: 2 runs purged\n"
    assert main([str(tmp_path / "nowhere")]) == 1
    assert "is no folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--keep-days", "-1"])


def test_everything_that_is_settled_can_go_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(tmp_path)
    stage.run(-1).whole([ANN])
    run = stage.run(0).read([ANN, BOB])
    run.plan()
    run.chunks()
    assert main([str(tmp_path), "--keep-days", "0"]) == 0
    assert capsys.readouterr().out == "newsletter: 1 run purged\n"
    assert stage.export.names("runs") == ["run_000"]
