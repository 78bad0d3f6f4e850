from __future__ import annotations

import json
from importlib import metadata, resources
from typing import Any

import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk.module_loading import import_string

from segment_exports.destinations.agreement import agreement_text, agreement_version
from segment_exports.destinations.opening import destination_types, open_destination
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


@pytest.mark.parametrize("name", ["autopilot", "ortto", "dataverse", "customer_insights"])
def test_a_connection_type_leads_to_its_hook(name: str) -> None:
    hook = import_string(TYPES[name]["hook-class-name"])

    assert hook.conn_type == name
    assert hook.hook_name == TYPES[name]["hook-name"]
    assert callable(hook.test_connection)


@pytest.mark.parametrize("kind", ["autopilot", "ortto"])
def test_airflow_shows_the_form_of_the_account(kind: str) -> None:
    manager = ProvidersManager()
    behaviour: Any = manager.field_behaviours[kind]
    fields = {
        widget.field_name for name, widget in manager.connection_form_widgets.items() if f"__{kind}__" in name
    }

    assert behaviour["relabeling"] == {"host": "Base URL", "password": "API key"}
    of_type = {"ortto": {"region", "requests_per_minute"}}.get(kind, set())
    assert fields == of_type | {
        "requests_per_second",
        "enabled",
        "ca_bundle",
        "allow_clear_text",
        "agreed_text",
        "agreed_by",
        "agreed_at",
    }


@pytest.mark.parametrize("name", destination_types())
def test_agreeing_is_a_choice_that_names_the_text(name: str) -> None:
    field = TYPES[name]["conn-fields"]["agreed_text"]
    service = open_destination(name).name

    assert field["description"] == agreement_text(service)
    assert field["schema"]["enum"] == [agreement_version(service)]
    assert "default" not in field["schema"]


def test_secrets_of_the_forms_are_hidden() -> None:
    for kind in TYPES.values():
        for name, field in kind["conn-fields"].items():
            if "key" in name or "secret" in name:
                assert field["schema"]["format"] == "password", name
