"""Commands that ask accounts of Airflow's connections: ``python -m segment_exports_airflow erase|move …``.

Of connections it knows those in the environment and in a secrets backend, not those made in Airflow's UI.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from segment_exports.commands.erasing import erasure
from segment_exports.commands.moving import command
from segment_exports.commands.terminal import complain
from segment_exports_airflow.accounts import open_account

if TYPE_CHECKING:
    from collections.abc import Callable

_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "erase": lambda arguments: erasure.main(arguments, open_account=open_account),
    "move": lambda arguments: command.main(arguments, open_account=open_account),
}


def main(arguments: list[str]) -> int:
    """Do what the first word names; answer the exit code."""
    command = _COMMANDS.get(arguments[0]) if arguments else None
    if command is None:
        complain(f"usage: python -m segment_exports_airflow {'|'.join(_COMMANDS)} ...")
        return 2
    return command(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
