"""``segment-exports COMMAND …``: what a person does from a shell, where Airflow runs.

A list of its subcommands costs nothing: Airflow is imported by the one that is meant.
"""

from __future__ import annotations

import os
import sys
from difflib import get_close_matches
from importlib import metadata
from typing import TYPE_CHECKING

from segment_exports.commands.terminal import complain, say

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "segment-exports"
COMMANDS = {
    "check": "Hold export definitions against their sources; nothing is sent",
    "segments": "Show what a source has to export",
    "new-export": "Write a first definition",
    "look-up": "Tell what is known of a person, for whoever asks what is kept of them",
    "erase": "Hold erased people back from every export, for ever",
    "move": "Keep whoever may not be mailed by one account from being mailed by another",
    "purge": "Purge the files of old runs of all exports, and their history",
}
"""Each subcommand in a line; its function is in :mod:`segment_exports_airflow.cli.subcommands`."""
_WRONG, _INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the first word names.

    :return: the exit code: 2 where the command line is wrong, 130 where it was interrupted, else the
        subcommand's.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given:
        complain(_help())
        return _WRONG
    if given[0] in ("--help", "-h", "help"):
        say(f"{_help()}\n")
        return 0
    if given[0] == "--version":
        say(f"{NAME} {metadata.version(NAME)}\n")
        return 0
    if given[0] not in COMMANDS:
        near = get_close_matches(given[0], COMMANDS, 1)
        meant = f" Did you mean {near[0]}?" if near else ""
        complain(f"{NAME}: there is no command {given[0]}.{meant} There are: {', '.join(COMMANDS)}")
        return _WRONG
    return _done(given[0], given[1:])


def _done(name: str, arguments: list[str]) -> int:
    from segment_exports.errors import own_words

    trouble = ""
    try:
        if not {"-h", "--help"}.intersection(arguments):
            from segment_exports_airflow.cli.this_airflow import join_airflow

            trouble = join_airflow()
        from segment_exports_airflow.cli import subcommands

        code = int(getattr(subcommands, name.replace("-", "_"))(arguments))
    except KeyboardInterrupt:
        complain("Interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough, as `| head` does; nothing more is written to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - nobody is shown a traceback, nor another's words
        complain(f"{NAME} {name}: {own_words(error)}")
        code = 1
    if code and trouble:
        complain(f"Connections and Variables made in the UI are not known here: {trouble}")
    return code


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {name:<{width}}  {told}" for name, told in COMMANDS.items())
    return (
        f"usage: {NAME} COMMAND …\n\n{lines}\n\n"
        f"{NAME} COMMAND --help tells what a command takes. It runs where Airflow runs, with its settings:\n"
        f"it knows the connections and Variables that a task of that Airflow knows, those made in its UI too."
    )
