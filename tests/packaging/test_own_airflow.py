"""From the wheel alone: an Airflow in an environment of its own, one DAG file, a run through its scheduler.

Everything is done as docs/own-airflow.md says, in a folder that is laid out as Astronomer's images have it:
the DAG file is the page's, definitions and staging lie where they are found without a setting. Account and
secret are given to Airflow as its UI would, so its database is all that knows them.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.packaging.conftest import UV, run

from local_airflow import LocalAirflow
from segment_emulators.autopilot import EmulatorConfig, Switches, serve_autopilot
from segment_emulators.lake_writer import LakeExport
from segment_emulators.tenant import Tenant
from segment_exports.destinations.agreement import signed_agreement
from segment_exports.records.storing.file_names import file_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.packaging.conftest import Environment

    from segment_emulators.autopilot import AutopilotEmulator

pytestmark = [pytest.mark.scheduler, pytest.mark.timeout(900)]

DAG, RUN_ENDS = "export_newsletter", ("success", "failed")
DEFINITION = """\
name: newsletter
source: {{type: lake, path: {path}, unseen_snapshots: read}}
destination: {{connection: autopilot_default, membership: field}}
segments: [HighValueSegment]
mapping: {{Email: EMail, FirstName: FirstName}}
guards: {{stop_above_invalid: 1.0}}
"""


@dataclass(frozen=True)
class OwnAirflow:
    """An Airflow in which nothing of this repository is but the wheel."""

    airflow: LocalAirflow
    environment: Environment
    project: Path
    emulator: AutopilotEmulator

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run segment-exports as somebody does who has a shell there."""
        return subprocess.run(
            [self.environment.command("segment-exports"), *arguments],
            env=self.airflow.environment,
            cwd=self.project,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def own(
    fresh: Environment, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OwnAirflow]:
    project = tmp_path_factory.mktemp("airflow")
    lake = LakeExport(project / "lake", Tenant(400, dirt=False))
    lake.write(0)
    page = (repository / "docs" / "own-airflow.md").read_text()
    for folder in ("dags", "plugins"):
        (project / folder).mkdir()
    (project / "dags" / "segment_exports_dags.py").write_text(dag_file_of(page))
    (project / "include" / "exports").mkdir(parents=True)
    (project / "include" / "exports" / "newsletter.yaml").write_text(
        DEFINITION.format(path=lake.folder.relative_to(project / "lake"))
    )
    settings = {
        "PATH": f"{fresh.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(project),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(project / "plugins"),
        "SEGMENT_EXPORTS_LAKE": str(project / "lake"),
    }
    with (
        pytest.MonkeyPatch.context() as patch,
        serve_autopilot(EmulatorConfig(switches=Switches(rate=None))) as emulator,
        without_variables(patch),
        LocalAirflow(project, settings=settings, python=fresh.python) as airflow,
    ):
        airflow.post(
            "/connections",
            {
                "connection_id": "autopilot_default",
                "conn_type": "autopilot",
                "host": emulator.base_url,
                "password": emulator.api_key,
                "extra": json.dumps({"requests_per_second": 200, **signed_agreement("a test")}),
            },
        )
        airflow.post("/variables", {"key": "AUTOPILOT_LEDGER_SECRET", "value": "a secret " * 8})
        yield OwnAirflow(airflow, fresh, project, emulator)


@contextmanager
def without_variables(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the tests' own settings out of what Airflow's processes inherit."""
    for name in [one for one in os.environ if one.startswith(("AIRFLOW_", "SEGMENT_EXPORTS_"))]:
        patch.delenv(name)
    yield


def dag_file_of(page: str) -> str:
    """Return the DAG file that the page shows."""
    (block,) = re.findall(r"(?m)^ {7}from segment_exports_airflow\.dags import .*\n(?:\n| {7}.*\n)+", page)
    return "".join(line.removeprefix(" " * 7) for line in block.splitlines(keepends=True))


def test_a_run_goes_through_and_the_commands_know_what_its_ui_was_told(own: OwnAirflow) -> None:
    airflow = own.airflow
    where = run(
        own.environment.python,
        "-c",
        "import segment_exports_airflow as it; print(it.__file__)",
        PYTHONPATH="",
    )
    assert where.startswith(str(own.environment.folder))

    airflow.wait_for_dag(DAG)
    checked = own.command("check")
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    assert checked.stdout.startswith("newsletter: good")
    assert "would stop" not in checked.stdout

    run_id = airflow.trigger(DAG)
    airflow.wait_for("its end", lambda: airflow.run_state(DAG, run_id) in RUN_ENDS, seconds=300)

    report = json.loads(
        (own.project / "staging/newsletter/runs" / file_name(run_id) / "report.json").read_text()
    )
    assert (report["state"], report["red"]) == ("delivered", False)
    assert report["contacts"]["delivered"] == len(own.emulator.account.contacts_by_email()) > 10
    assert airflow.get("/pools/account_autopilot_default")["slots"] == 1
    assert airflow.get("/importErrors")["import_errors"] == []
    assert airflow.get("/plugins/importErrors")["import_errors"] == []

    people = own.project / "people.txt"
    people.write_text(next(iter(own.emulator.account.contacts_by_email())))
    erased = own.command("erase", "--emails", str(people), "--at-destination", "--dry-run")
    assert "newsletter (1)" in erased.stdout, erased.stderr
    purged = own.command("purge", "--keep-days", "0")
    assert (purged.returncode, purged.stderr) == (0, "")


def test_uninstalled_nothing_is_left_but_what_the_page_names(own: OwnAirflow, repository: Path) -> None:
    """And a DAG file that is left behind says what is missing."""
    own.airflow.stop()
    run(UV, "pip", "uninstall", "--quiet", "--python", own.environment.python, "segment-exports")

    left = [one for one in own.environment.folder.rglob("*segment[-_]*") if "__pycache__" not in one.parts]
    assert left == []
    page = (repository / "docs" / "own-airflow.md").read_text()
    with sqlite3.connect(own.project / "airflow.db") as database:
        for table, column in (
            ("slot_pool", "pool"),
            ("connection", "conn_id"),
            ("variable", "key"),
            ("dag", "dag_id"),
        ):
            for (name,) in database.execute(f"SELECT {column} FROM {table}"):
                assert name == "default_pool" or name in page, f"{table}: {name}"
