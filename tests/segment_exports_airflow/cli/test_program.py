"""``segment-exports``: one console command, which tells its subcommands and what it doesn't know."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from segment_exports_airflow.cli import program, subcommands, this_airflow
from segment_exports_airflow.cli.program import COMMANDS, main


def test_installing_the_package_brings_the_command() -> None:
    (command,) = entry_points(group="console_scripts", name="segment-exports")

    assert command.load() is main


def test_its_help_names_each_subcommand_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0

    lines = capsys.readouterr().out.splitlines()
    for name, told in COMMANDS.items():
        assert [line.split(maxsplit=1) for line in lines if line.startswith(f"  {name} ")] == [[name, told]]


def test_each_subcommand_is_there_and_has_help_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith(f"usage: segment-exports {name} ")


def test_the_help_needs_no_airflow() -> None:
    """Importing it takes seconds, and writes into its home."""
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from segment_exports_airflow.cli.program import main; main(['--help']);"
            "print([one for one in sys.modules if one.split('.')[0] == 'airflow'])",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert told.endswith("[]\n")


def test_nothing_to_do_is_wrong_and_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("usage: segment-exports COMMAND")


def test_what_it_does_not_know_is_told_in_a_line_with_what_it_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["ersae", "--emails", "ann@example.com"]) == 2

    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert told.err.startswith(
        "segment-exports: there is no command ersae. Did you mean erase? There are: check,"
    )


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "Interrupted"),
        (RuntimeError("the key sk-123 is wrong"), 1, "segment-exports check: RuntimeError"),
    ],
)
def test_no_end_of_it_is_a_traceback(
    error: BaseException,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr(subcommands, "check", fail)
    monkeypatch.setattr(this_airflow, "join_airflow", lambda: "")

    assert program.main(["check"]) == code

    told = capsys.readouterr().err
    assert told.startswith(words)
    assert "Traceback" not in told
    assert "sk-123" not in told
