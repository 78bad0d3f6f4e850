from __future__ import annotations

import json
from importlib import metadata, resources
from typing import Any

import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk.module_loading import import_string

from segment_exports.destinations.agreement import AGREEMENT_TEXT, AGREEMENT_VERSION
from segment_exports_airflow.provider_info import get_provider_info

TYPES = {one["connection-type"]: one for one in get_provider_info()["connection-types"]}


def test_it_is_what_airflow_asks_of_a_provider() -> None:
    schema = json.loads(resources.files("airflow").joinpath("provider_info.schema.json").read_text())

    jsonschema.validate(get_provider_info(), schema)


def test_it_belongs_to_the_installed_distribution() -> None:
    """Else Airflow ignores the provider without a word."""
    points = [
        point
        for point in metadata.entry_points(group="apache_airflow_provider")
        if point.value.startswith("segment_exports_airflow.")
    ]

    assert [point.dist and point.dist.name for point in points] == [get_provider_info()["package-name"]]


@pytest.mark.parametrize("name", ["autopilot", "dataverse", "customer_insights"])
def test_a_connection_type_leads_to_its_hook(name: str) -> None:
    hook = import_string(TYPES[name]["hook-class-name"])

    assert hook.conn_type == name
    assert hook.hook_name == TYPES[name]["hook-name"]
    assert callable(hook.test_connection)


def test_airflow_shows_the_form_of_the_account() -> None:
    manager = ProvidersManager()
    behaviour: Any = manager.field_behaviours["autopilot"]
    fields = {
        widget.field_name
        for name, widget in manager.connection_form_widgets.items()
        if "__autopilot__" in name
    }

    assert behaviour["relabeling"] == {"host": "Base URL", "password": "API key"}
    assert fields == {
        "requests_per_second",
        "enabled",
        "ca_bundle",
        "allow_clear_text",
        "agreed_text",
        "agreed_by",
        "agreed_at",
    }


def test_agreeing_is_a_choice_that_names_the_text() -> None:
    field = TYPES["autopilot"]["conn-fields"]["agreed_text"]

    assert field["description"] == AGREEMENT_TEXT
    assert field["schema"]["enum"] == [AGREEMENT_VERSION]
    assert "default" not in field["schema"]


def test_secrets_of_the_forms_are_hidden() -> None:
    for kind in TYPES.values():
        for name, field in kind["conn-fields"].items():
            if "key" in name or "secret" in name:
                assert field["schema"]["format"] == "password", name
