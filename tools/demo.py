"""``make demo`` and ``make up``: an export through a real Airflow on this machine.

``run`` generates a tenant's lake export, starts an emulated account and Airflow, delivers the
export through the scheduler, prints the run report and leaves nothing running. ``up`` does the same and
keeps Airflow open until Ctrl-C.

With SEGMENT_EXPORTS_DEFINITIONS or a connection to Autopilot or Ortto set, ``up`` generates and emulates
nothing: it starts Airflow with the caller's own definitions, connections and lake (SEGMENT_EXPORTS_LAKE).
Every DAG is paused then: nothing is sent before you say so.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import socket
import sys
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from airflow_home import ROOT, LocalAirflowError
from demo_accounts import (
    AUTOPILOT,
    DEFINITION,
    DESTINATIONS,
    EXPORT,
    RATE,
    emulated_account,
    write_definition,
)
from demo_report import identities_hold, report_text
from demo_tenant import write_lake
from ending import end_on_signals
from folder_lock import FolderInUseError, only_one_in
from local_airflow import ALL_COMPONENTS, COMPONENTS, USER, LocalAirflow, free_port
from own_exports import CONNECTION, OWN_FOLDER, own_definitions, own_settings, what_is_opened, why_own
from plain_reading import TOLD_BY, differences, read_plainly
from run_progress import watch
from segment_exports.commands.terminal import complain, say
from segment_exports.errors import DefinitionError, SettingsError
from segment_exports.settings.environment import require_good_settings
from segment_exports.settings.ledger_secret import ledger_secret_alone
from segment_exports.settings.names import DEFINITIONS, LAKE, STAGING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from demo_accounts import DemoDestination, Emulator
    from segment_exports.definition import LoadedDefinition

FOLDER = ROOT / ".demo"
UI_PORT = 8080


def main() -> int:
    """Run what the command line asks for; answer the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("run", "up"))
    parser.add_argument("--destination", default=AUTOPILOT.type, help=" or ".join(DESTINATIONS))
    chosen = parser.parse_args()
    destination = DESTINATIONS.get(chosen.destination)
    if destination is None:
        complain(f"DESTINATION is {' or '.join(DESTINATIONS)}, not {chosen.destination}")
        return 2
    end_on_signals()
    try:
        if chosen.what == "up":
            return open_airflow(destination)
        return run_demo(destination, keep_open=False)
    except KeyboardInterrupt:
        print("\nEnded.")
        return 130
    except (LocalAirflowError, FolderInUseError, DefinitionError, SettingsError) as error:
        complain(f"\n{error}")
        return 1


def open_airflow(destination: DemoDestination = AUTOPILOT) -> int:
    """Open the caller's own exports or the demo, and say which and why; answer the exit code."""
    require_good_settings()
    definitions = own_definitions()
    why = why_own(os.environ, definitions)
    if why is not None:
        _say(f"Opening your own exports, because {why}; every DAG is paused")
        return run_own_exports(definitions)
    _say(f"Opening the demo, because neither {DEFINITIONS} nor a connection of an account is set")
    print(f"   For your own exports set one of them, such as {CONNECTION}; see README.md.")
    return run_demo(destination, keep_open=True)


def run_demo(destination: DemoDestination, *, keep_open: bool) -> int:
    """Deliver the generated tenant and print its report; answer 0 if the run is green and adds up."""
    started = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(only_one_in(FOLDER))
        generate_lake()
        _say(
            f"Starting an emulated {destination.name} (rate raised to {RATE} requests/s; a real account "
            f"takes {destination.usual_rate})"
        )
        emulator = stack.enter_context(emulated_account(FOLDER, destination))
        components = ALL_COMPONENTS if keep_open else COMPONENTS
        _say(f"Starting Airflow: SQLite, LocalExecutor, {', '.join(components)}")
        airflow = stack.enter_context(
            LocalAirflow(
                FOLDER / "airflow",
                settings=demo_settings(FOLDER, emulator),
                port=_ui_port() if keep_open else free_port(),
                components=components,
            )
        )
        airflow.wait_for_dag(f"export_{EXPORT}")
        _say(f"Running the DAG export_{EXPORT} through the scheduler")
        run_id = airflow.trigger(f"export_{EXPORT}")
        state = watch(airflow, f"export_{EXPORT}", run_id, emulator.control)
        folder = FOLDER / "staging" / EXPORT / "runs"
        report = _report(folder)
        print(report_text(report))
        _tell_where(folder, emulator)
        as_expected = _compare_account(emulator)
        good = state == "success" and identities_hold(report) and not report["red"] and as_expected
        print(f"\n{'Green' if good else 'RED'} after {time.monotonic() - started:.0f} s.")
        if keep_open:
            _wait_for_interrupt(airflow)
    return 0 if good else 1


def run_own_exports(definitions: Iterable[LoadedDefinition]) -> int:
    """Open Airflow with the caller's own account, definitions and lake; answer the exit code."""
    say(f"{what_is_opened(os.environ, definitions)}\n")
    with only_one_in(OWN_FOLDER):
        settings = own_settings()
        _say("Starting Airflow")
        folder, port = OWN_FOLDER / "airflow", _ui_port()
        with LocalAirflow(folder, settings=settings, port=port, components=ALL_COMPONENTS) as airflow:
            _wait_for_interrupt(airflow)
    return 0


def demo_settings(folder: Path, emulator: Emulator, rate: float = RATE) -> dict[str, str]:
    """Return the variables that make an Airflow deliver the generated tenant to an emulator.

    It sees the shipped definition alone. DAGs of the demo aren't paused, so a caller's own export beside it
    would send to the account of a connection in the environment.
    """
    exports = folder / "exports"
    exports.mkdir(exist_ok=True)
    write_definition(exports, emulator.of)
    return {
        emulator.of.variable: emulator.connection(rate),
        **ledger_secret_alone(secrets.token_hex(32)),
        DEFINITIONS: str(exports),
        LAKE: str(folder / "lake"),
        STAGING: str(folder / "staging"),
    }


def generate_lake() -> None:
    """Generate the tenant's lake export in an empty folder."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    _say("Generating a Customer Insights tenant and its lake export")
    written = write_lake(FOLDER / "lake")
    print(f"   {written.profiles:,} profiles in {written.segments} segments, {written.snapshots} snapshots")


def _report(runs: Path) -> dict[str, Any]:
    reports = sorted(runs.glob("*/report.json"), key=lambda path: path.stat().st_mtime)
    if not reports:
        raise LocalAirflowError(f"The run left no report below {runs}")
    report: dict[str, Any] = json.loads(reports[-1].read_text())
    return report


def _tell_where(runs: Path, emulator: Emulator) -> None:
    run = max(runs.glob("*/report.json"), key=lambda path: path.stat().st_mtime).parent
    account = emulator.control.state()
    lists = ", ".join(f"{one['title']} ({one['members']:,})" for one in account["lists"])
    print(f"\nThe emulated account now holds {account['contacts']:,} contacts on the lists {lists}.")
    for what, path in (
        ("Report", run / "report.json"),
        ("Refused profiles, with reasons", run / "refused.csv"),
        ("Definition", _definition(emulator)),
        ("Lake export", FOLDER / "lake"),
        ("Airflow's logs", FOLDER / "airflow" / "logs"),
    ):
        print(f"   {what + ':':32}{path.relative_to(ROOT)}")


def _definition(emulator: Emulator) -> Path:
    """Return the definition that was delivered: the shipped one, where nothing of it was changed."""
    return DEFINITION if emulator.of.destination is None else FOLDER / "exports" / DEFINITION.name


def _compare_account(emulator: Emulator) -> bool:
    """Hold the account against a plain reading of the CSV files, address by address."""
    definition = _definition(emulator)
    expected = read_plainly(definition, FOLDER / "lake")
    control = emulator.control
    members = {title: control.members(title) for title in expected.members}
    found = differences(expected, control.contacts(), members, TOLD_BY[emulator.of.type])
    if found:
        print(f"\nThe account differs from the CSV files in {len(found)} places, such as:")
        print("\n".join(f"   {text}" for text in found[:5]))
    else:
        print("Every contact, field and list member is what a plain reading of the CSV files says.")
    return not found


def _ui_port() -> int:
    """Return the usual port of Airflow's UI if nobody has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind(("127.0.0.1", UI_PORT))
            return UI_PORT
    return free_port()


def _wait_for_interrupt(airflow: LocalAirflow) -> None:
    print(f"\nAirflow is open at {airflow.url}   user {USER}   password {airflow.password}")
    print("Ctrl-C ends it.")
    with suppress(KeyboardInterrupt):
        airflow.wait_for("Ctrl-C", lambda: False, seconds=float("inf"))
    print("\nEnding Airflow.")


def _say(text: str) -> None:
    print(f"▸ {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
