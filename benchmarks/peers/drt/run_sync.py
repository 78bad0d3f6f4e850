"""Run drt-core's own command on the benchmark's project; run by the interpreter of drt's environment.

Usage: run_sync.py RESULT WORKDIR SQLITE, with BENCH_URL, BENCH_KEY, BENCH_TABLE and
BENCH_BATCH_SIZE in the environment.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from measured import measured

HERE = Path(__file__).parent


def main() -> None:
    result, folder, database = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    project, home = folder / "project", folder / "home"
    for path in ("drt_project.yml", "syncs/contacts.yml"):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / path, project / path)
    (home / ".drt").mkdir(parents=True, exist_ok=True)
    (home / ".drt/profiles.yml").write_text(f"bench:\n  type: sqlite\n  database: {database}\n")
    os.environ["HOME"] = str(home)
    os.chdir(project)
    from drt.cli.main import app

    for module in (
        "drt.engine.sync",
        "drt.destinations.rest_api",
        "drt.sources.sqlite",
        "drt.cli.commands.run",
    ):
        importlib.import_module(module)
    with measured(result) as facts:
        try:
            app(["run", "--output", "json"], standalone_mode=False)
        except SystemExit as stop:
            facts["exit"] = stop.code
        except Exception as error:  # noqa: BLE001 - typer's Exit class moves between versions
            facts["exit"] = getattr(error, "exit_code", repr(error))


if __name__ == "__main__":
    main()
