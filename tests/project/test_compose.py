"""``docker-compose.yaml`` is a Compose file, holds no secret, and gives every process what it needs."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")


@pytest.fixture(scope="module")
def text(repository: Path) -> str:
    return (repository / "docker-compose.yaml").read_text()


@pytest.fixture(scope="module")
def compose(text: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


@pytest.fixture(scope="module")
def schema() -> Any:
    schemas = resources.files("check_jsonschema.builtin_schemas.vendor")
    return json.loads((schemas / "compose-spec.json").read_text())


def test_it_fits_the_compose_specification(compose: dict[str, Any], schema: Any) -> None:
    jsonschema.validate(compose, schema)


def test_the_specification_would_refuse_a_mistake(compose: dict[str, Any], schema: Any) -> None:
    wrong = compose | {"services": {"scheduler": {"imagee": "typo"}}}

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)


def test_it_has_the_services_that_one_machine_needs(compose: dict[str, Any]) -> None:
    emulators = {"autopilot-emulator", "ortto-emulator"}
    assert set(compose["services"]) == {"postgres", "init", *AIRFLOW, *emulators}
    assert all(compose["services"][name]["profiles"] == ["emulator"] for name in emulators)


def test_every_long_running_service_is_checked_and_restarted(compose: dict[str, Any]) -> None:
    for name in ("postgres", *AIRFLOW):
        assert compose["services"][name]["healthcheck"], name
        assert compose["services"][name]["restart"] == "unless-stopped", name


def test_ports_are_open_to_this_machine_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_airflow_sees_dags_plugins_include_and_exports(compose: dict[str, Any]) -> None:
    for name in AIRFLOW:
        service = compose["services"][name]
        targets = {volume.split(":")[-2 if volume.endswith(":ro") else -1] for volume in service["volumes"]}
        assert {f"/opt/airflow/{one}" for one in ("dags", "plugins", "include", "include/exports")} <= targets
        assert service["environment"]["PYTHONPATH"] == "/opt/airflow/include:/opt/airflow/plugins"


def test_no_secret_stands_in_the_file(compose: dict[str, Any], text: str) -> None:
    secret = re.compile(r"PASSWORD|FERNET_KEY|JWT_SECRET|SECRET_KEY|LEDGER_SECRET|AIRFLOW_CONN_")
    needed = set()
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if secret.search(name) and not name.endswith("_FILE") and value is not None:
                # A secret may have a former name too: ${NEW:-${FORMER:?what to do}}.
                needed_one = r"\$\{[A-Z_]+:\?[^}]+\}"
                pattern = rf"{needed_one}|\$\{{[A-Z_]+:-{needed_one}\}}"
                assert re.fullmatch(pattern, str(value)), f"{name} has a value"
                needed.add(name)
    assert (
        "${POSTGRES_PASSWORD:?" in compose["x-airflow"]["environment"]["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    )
    assert {"POSTGRES_PASSWORD", "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"} <= needed


def test_connections_are_passed_on_where_they_are_set(compose: dict[str, Any], text: str) -> None:
    for one in ("AUTOPILOT", "ORTTO", "DATAVERSE", "CUSTOMER_INSIGHTS"):
        name = f"AIRFLOW_CONN_{one}_DEFAULT"
        assert re.search(rf"^# .*\b{name}\b", text, re.MULTILINE), "named at the top"
        for service in AIRFLOW:
            environment = compose["services"][service]["environment"]
            # Null passes the variable on; an empty text would be a connection that can't be read.
            assert environment.get(name, "") is None


def test_all_processes_share_one_execution_api_and_one_secret(compose: dict[str, Any]) -> None:
    shared = [compose["services"][name]["environment"] for name in AIRFLOW]

    for name in ("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AIRFLOW__API_AUTH__JWT_SECRET"):
        assert len({environment[name] for environment in shared}) == 1
