"""``make check``, ``make erase`` and all else of ``segment-exports``, in the Airflow that ``make up`` keeps.

On a command line: ``python tools/own_airflow.py check``.
"""

from __future__ import annotations

import os
import sys

from airflow_home import airflow_environment
from own_exports import OWN_FOLDER, nothing_is_set, own_settings_of_commands
from segment_exports.settings.names import DEFINITIONS, LAKE


def main(arguments: list[str]) -> int:
    """Do what ``segment-exports`` does with these arguments; answer its exit code."""
    if arguments[:1] == ["check"] and nothing_is_set(os.environ):
        print(
            f"Nothing of your own is set here, so there is nothing to check: let {LAKE} name the folder of "
            f"your lake export, or {DEFINITIONS} that of your definitions (README.md, Run it on your own "
            f"data). make demo shows it with generated people.",
            file=sys.stderr,
        )
        return 1
    environment = airflow_environment(OWN_FOLDER / "airflow", own_settings_of_commands())
    os.environ.clear()
    os.environ.update(environment)
    from segment_exports_airflow.cli.program import main as run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
