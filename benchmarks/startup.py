"""What is paid before any data: parsing the DAG file with fifty exports, importing the provider's hook."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.ours.definition import write_definition
from benchmarks.processes import ROOT
from segment_exports.settings.names import DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.results import Results
    from benchmarks.schedule import Mode

EXPORTS = 50

_PARSE = """
import json, sys, time, importlib
import airflow.sdk, airflow.dag_processing.dagbag
from airflow.dag_processing.dagbag import DagBag
start = time.perf_counter()
bag = DagBag(dag_folder=sys.argv[1])
seconds = time.perf_counter() - start
errors = [text[-500:] for text in bag.import_errors.values()]
whole = [dag.dag_id for dag in bag.dags.values() if "broken" not in dag.tags]
print(json.dumps({"seconds": seconds, "dags": len(whole), "errors": errors}))
"""

_IMPORT = """
import json, time
import airflow.sdk
import airflow.providers.http.hooks.http
start = time.perf_counter()
import segment_exports_airflow.hooks.autopilot
print(json.dumps({"seconds": time.perf_counter() - start}))
"""


class StartupFailedError(RuntimeError):
    """The DAG file did not parse, or not every export became a DAG."""


def parse_fifty(folder: Path) -> dict[str, float]:
    """Return the seconds that parsing the DAG file takes with fifty exports, Airflow being imported.

    :raises StartupFailedError: fewer DAGs came out than exports went in.
    """
    shutil.rmtree(folder, ignore_errors=True)
    exports = folder / "exports"
    exports.mkdir(parents=True)
    for number in range(EXPORTS):
        write_definition(exports, f"bench_{number:02d}", lake=folder / "lake", segment=f"Segment{number}")
    environment = {
        DEFINITIONS: str(exports),
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    }
    found = _ask(_PARSE, environment, str(ROOT / "dags"))
    if found["dags"] < EXPORTS:
        raise StartupFailedError(f"{found['dags']} DAGs came of {EXPORTS} exports: {found['errors']}")
    return {"seconds": round(found["seconds"], 4)}


def import_hook() -> dict[str, float]:
    """Return the seconds that the provider's hook adds to an interpreter with Airflow and HttpHook."""
    return {"seconds": round(statistics.median(_ask(_IMPORT, {})["seconds"] for _ in range(3)), 4)}


def _ask(code: str, environment: Mapping[str, str], *arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'plugins'}", **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise StartupFailedError(done.stderr[-2000:])
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def startup_samples(
    mode: Mode, results: Results, only: str
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:  # fmt: skip
    """Yield the samples of this part."""
    parts = {
        "startup/dags": lambda: parse_fifty(ROOT / ".bench/runs/startup"),
        "startup/hook": import_hook,
    }
    for key, measure in parts.items():
        for _ in range(mode.startup_rounds if only in key else 0):
            try:
                yield key, measure(), {"part": "startup"}
            except (StartupFailedError, OSError) as error:
                results.fail(key, error)
                break
