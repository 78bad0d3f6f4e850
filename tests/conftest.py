"""Sets the stage for every test: an Airflow home of its own, no exports, no account, no network.

The variables stand before anything imports Airflow, which reads them at import.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stands.account_stand import AccountStand
    from tests.stands.parameters import ServedStands

    from segment_emulators.autopilot import AutopilotEmulator

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(tempfile.mkdtemp(prefix="segment-exports-tests-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

LEDGER_SECRET = "a ledger secret that protects nothing"

for name in [one for one in os.environ if one.startswith(("AIRFLOW_", "SEGMENT_EXPORTS_"))]:
    del os.environ[name]
(HOME / "exports").mkdir()
os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET": LEDGER_SECRET,
    "SEGMENT_EXPORTS_DEFINITIONS": str(HOME / "exports"),
    "SEGMENT_EXPORTS_STAGING": str(HOME / "staging"),
}


# Time is the machine's, not the code's: a busy one must not fail a property. The same examples every
# time, so that a commit is judged by what it changes; HYPOTHESIS_PROFILE=search looks for new ones.
SLOW = [HealthCheck.too_slow]
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "same everywhere")
settings.register_profile("same everywhere", deadline=None, derandomize=True, suppress_health_check=SLOW)
settings.register_profile("search", deadline=None, suppress_health_check=SLOW)
settings.load_profile(PROFILE)
if PROFILE == "same everywhere":
    # Some values are taken from constants of our modules, of those that are loaded by then: other ones on
    # each worker, and after any other test. Hypothesis has no setting for it.
    providers.is_local_module_file = lambda _path: False


LONG_AND_SHARED = ("tests/scheduler/", "tests/packaging/", "tests/dags/", "tests/browser/")
"""Folders whose tests take long and share a running Airflow or a metadata database."""

MAY_BE_REPEATED = ("scheduler", "browser")
"""Markers of tests whose outcome hangs on processes that aren't ours."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what tells the tests of each destination."""
    parser.addoption("--by-destination", action="store_true", help="tell the tests of each destination")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses a stand against every destination that it is meant for."""
    from tests.stands.parameters import parametrize

    parametrize(metafunc)


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Tell the tests of each destination, if that was asked for."""
    from tests.stands.alone import table

    return table(items) if config.getoption("--by-destination") else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker of pytest-xdist is left alone with it at the end.

    What drives a real scheduler or browser may be repeated once, nothing else; the end of the run names it.
    """
    items.sort(key=lambda item: _rank(item.nodeid))
    for item in items:
        if any(item.get_closest_marker(name) for name in MAY_BE_REPEATED):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a shared folder, and else of a file, on one worker, in the order above."""
    from xdist.scheduler import LoadScopeScheduling

    class OneWorkerPerShare(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            rank = _rank(nodeid)
            return LONG_AND_SHARED[rank] if rank < len(LONG_AND_SHARED) else nodeid.split("::", 1)[0]

    config.option.loadscopereorder = False
    return OneWorkerPerShare(config, log)


def _rank(nodeid: str) -> int:
    return next(
        (rank for rank, folder in enumerate(LONG_AND_SHARED) if nodeid.startswith(folder)),
        len(LONG_AND_SHARED),
    )


def pytest_runtest_teardown() -> None:
    """Take away what a step of an export does to its process's log, which in tests is that of all others."""
    for handler in logging.getLogger().handlers:
        handler.filters.clear()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def airflow_database() -> Path:
    """Make the metadata database of this process's Airflow, once, and return its home."""
    from airflow.utils.db import initdb

    initdb()
    return HOME


@pytest.fixture(scope="module")
def served() -> Iterator[AutopilotEmulator]:
    """An emulated account without a rate limit, one for all tests of a module."""
    from segment_emulators.autopilot import EmulatorConfig, Switches, serve_autopilot

    with serve_autopilot(EmulatorConfig(switches=Switches(rate=None))) as emulator:
        yield emulator


@pytest.fixture
def emulator(served: AutopilotEmulator) -> AutopilotEmulator:
    """The account, empty."""
    served.reset()
    return served


@pytest.fixture(scope="module")
def stands() -> Iterator[ServedStands]:
    """The account of each destination, one for all tests of a module."""
    from tests.stands.parameters import ServedStands

    with ServedStands() as served:
        yield served


@pytest.fixture
def stand(request: pytest.FixtureRequest, stands: ServedStands) -> AccountStand:
    """The empty account of the destination that the test runs against."""
    found = stands.of(request.param)
    found.reset()
    return found
