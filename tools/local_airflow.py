"""A real Airflow on this machine: SQLite, LocalExecutor, its scheduler, DAG processor and API server.

For the demo, the screenshots, the benchmarks and the tests that need a scheduler. Everything lies in
one folder, listens on 127.0.0.1 at free ports, and ends with :meth:`LocalAirflow.stop`.
"""

from __future__ import annotations

import itertools
import json
import secrets
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from airflow_home import (
    LocalAirflowError,
    airflow_environment,
    forget_variables,
    write_home,
    write_private,
)
from ending import uninterrupted
from ending_airflow import end_airflow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

COMPONENTS = ("api-server", "scheduler", "dag-processor")
"""What an export needs."""
ALL_COMPONENTS = (*COMPONENTS, "triggerer")
"""What somebody who looks at *Home* needs, which calls a service red that isn't there."""
USER = "admin"
_SECONDS_TO_START = 180
_SECONDS_TO_ANSWER = 90
"""More than the minute that Airflow itself waits for the SQLite file."""
_PORTS = range(20_000, 32_000)
"""Below those that the system gives to connections and to whoever asks for any."""
_ports = itertools.cycle(secrets.SystemRandom().sample(_PORTS, len(_PORTS)))
_WHILE_LOCKED = Retry(
    total=None,
    connect=0,
    read=0,
    status=4,
    status_forcelist=[500],
    allowed_methods=None,
    backoff_factor=0.5,
    raise_on_status=False,
)
"""Airflow's API answers 500, and changes nothing, while another of its processes holds the SQLite file."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on, nor is given by chance before it is used."""
    return next(port for port in _ports if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass
class LocalAirflow:
    """One Airflow in a folder of its own.

    :param settings: variables on top of :func:`airflow_environment`, for instance connections.
    :param port: of the API server; a free one by default.
    :param python: the interpreter of the environment that it is installed in; this one by default.
    """

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    parallelism: int = 8
    components: Iterable[str] = COMPONENTS
    python: str = sys.executable
    password: str = field(default_factory=lambda: secrets.token_urlsafe(9), repr=False)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, init=False, repr=False)
    _token: str | None = field(default=None, init=False, repr=False)

    @property
    def url(self) -> str:
        """Address of the UI."""
        return f"http://localhost:{self.port}"

    def __post_init__(self) -> None:
        self._config = {
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(self.parallelism),
            "AIRFLOW__CORE__MP_START_METHOD": "fork",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",
            **self.settings,
        }
        self.environment = airflow_environment(self.home, {"NO_COLOR": "1", **self.settings})

    def __enter__(self) -> LocalAirflow:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Make the database where there is none, start the components and wait until all are well.

        :raises LocalAirflowError: one ended, or not all were well within three minutes; or what stands in the
            home's ``airflow.cfg`` can't be read.
        """
        write_home(self.home, self._config)
        write_private(self.home / "passwords.json", json.dumps({USER: self.password}))
        self.run("db", "migrate")
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            # Readers and a writer at once: fewer "database is locked" among Airflow's processes.
            database.execute("PRAGMA journal_mode=WAL")
        try:
            for component in self.components:
                self._start(component)
            self.wait_for("Airflow to start", self._is_well, seconds=_SECONDS_TO_START)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process that this Airflow started: an upload sends no more, and keeps its answers."""
        with uninterrupted():
            end_airflow(self._processes)
            self._processes.clear()
            forget_variables(self.home)

    def run(self, *arguments: str) -> str:
        """Run one command of Airflow's CLI and return what it prints.

        :raises LocalAirflowError: it failed; the text holds the end of what it printed.
        """
        done = subprocess.run(
            [self.python, "-m", "airflow", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise LocalAirflowError(
                f"airflow {' '.join(arguments)} failed:\n{(done.stdout + done.stderr)[-3000:]}"
            )
        return done.stdout

    def wait_for(self, what: str, reached: Callable[[], bool], *, seconds: float) -> None:
        """Wait until something holds, looking twice a second.

        :raises LocalAirflowError: it did not in time, or a component ended meanwhile.
        """
        until = time.monotonic() + seconds
        while not reached():
            self._refuse_a_dead_component()
            if time.monotonic() > until:
                raise LocalAirflowError(
                    f"Waited {seconds:.0f} s in vain for {what}; logs: {self.home / 'logs'}"
                )
            time.sleep(0.5)

    def get(self, path: str) -> Any:
        """Return the JSON of a path below ``/api/v2``; None for 404."""
        return self._request("GET", path)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON to a path below ``/api/v2`` and return the JSON answer."""
        return self._request("POST", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Change something below ``/api/v2`` and return the JSON answer."""
        return self._request("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Delete something below ``/api/v2``."""
        self._request("DELETE", path)

    def wait_for_dag(self, dag_id: str, *, seconds: float = 120) -> None:
        """Wait until the DAG processor has parsed a DAG."""
        self.wait_for(f"DAG {dag_id}", lambda: self.get(f"/dags/{dag_id}") is not None, seconds=seconds)

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a manual run and return its run_id."""
        run = self.post(f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": dict(conf or {})})
        return str(run["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run: queued, running, success or failed."""
        return str(self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run, mapped ones each."""
        answer = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=1000")
        return list(answer["task_instances"])

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        if self._token is None:
            login = {"username": USER, "password": self.password}
            answer = requests.post(f"{self.url}/auth/token", json=login, timeout=_SECONDS_TO_ANSWER)
            answer.raise_for_status()
            self._token = str(answer.json()["access_token"])
        with requests.Session() as session:
            session.mount(self.url, HTTPAdapter(max_retries=_WHILE_LOCKED))
            answer = session.request(
                method,
                f"{self.url}/api/v2{path}",
                json=body,
                headers={"Authorization": f"Bearer {self._token}"},
                timeout=_SECONDS_TO_ANSWER,
            )
        if method == "GET" and answer.status_code == requests.codes.not_found:
            return None
        if not answer.ok:
            raise LocalAirflowError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def _start(self, component: str) -> None:
        logs = self.home / "logs"
        logs.mkdir(exist_ok=True)
        with (logs / f"{component}.log").open("ab") as output:
            self._processes[component] = subprocess.Popen(
                [self.python, "-m", "airflow", component],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                close_fds=False,  # it holds the lock of its folder too, where there is one
            )

    def _is_well(self) -> bool:
        try:
            health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        except (requests.RequestException, ValueError):
            return False
        wanted = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}
        return all(
            health[name]["status"] == "healthy"
            for component, name in wanted.items()
            if component in self._processes
        )

    def _refuse_a_dead_component(self) -> None:
        for component, process in self._processes.items():
            if process.poll() is not None:
                log = self.home / "logs" / f"{component}.log"
                raise LocalAirflowError(
                    f"Airflow's {component} ended with {process.returncode}; {log} ends with:\n"
                    f"{log.read_text(errors='replace')[-3000:]}"
                )
