"""The hooks of the sources, against the emulated services."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from segment_emulators.customer_insights.serving import Addresses, serve
from segment_emulators.customer_insights.state import CustomerInsights
from segment_emulators.tenant import Tenant
from segment_exports.definition import ExportDefinition
from segment_exports.errors import SourceError
from segment_exports_airflow.hooks.customer_insights import CustomerInsightsHook
from segment_exports_airflow.hooks.dataverse import DataverseHook
from segment_exports_airflow.source_access import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def tenant() -> CustomerInsights:
    return CustomerInsights(Tenant(60))


@pytest.fixture(scope="module")
def addresses(tenant: CustomerInsights, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    with serve(tenant, tmp_path_factory.mktemp("authority")) as addresses:
        yield addresses


@pytest.fixture
def connect(
    tenant: CustomerInsights, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Put a connection of one type into the environment, with some fields changed, and return its id."""

    def connect(kind: str, **changes: Any) -> str:
        extra = {
            "tenant": tenant.tenant_id,
            "authority": addresses.authority,
            "ca_bundle": addresses.ca_bundle,
            "instance_id": tenant.instance_id,
            "subscription_api_key": tenant.subscription_key,
        }
        fields = {
            "conn_type": kind,
            "host": addresses.environment_url if kind == "dataverse" else addresses.api_url,
            "login": tenant.client_id,
            "password": tenant.client_secret,
            "extra": extra,
        }
        for name, value in changes.items():
            (fields if name in fields else extra)[name] = value
        monkeypatch.setenv("AIRFLOW_CONN_SOURCE", json.dumps(fields))
        return "source"

    return connect


HOOKS = {"dataverse": DataverseHook, "customer_insights": CustomerInsightsHook}


@pytest.mark.parametrize("kind", HOOKS)
def test_a_good_connection_says_so(connect: Callable[..., str], kind: str) -> None:
    good, message = HOOKS[kind](connect(kind)).test_connection()

    assert good, message
    assert "answers" in message


@pytest.mark.parametrize("kind", HOOKS)
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"password": "wrong"}, "Client secret is wrong"),
        ({"password": ""}, "no Client secret"),
        ({"tenant": ""}, "The Tenant of the connection is empty"),
        ({"host": "http://contoso.example.com"}, "must start with https://"),
    ],
)
def test_a_bad_connection_says_what_to_do(
    connect: Callable[..., str], kind: str, changes: dict[str, Any], told: str
) -> None:
    good, message = HOOKS[kind](connect(kind, **changes)).test_connection()

    assert not good
    assert told in message


def test_a_wrong_subscription_key(connect: Callable[..., str]) -> None:
    good, _ = CustomerInsightsHook(
        connect("customer_insights", subscription_api_key="wrong")
    ).test_connection()

    assert not good


def test_an_extra_that_is_no_object(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "dataverse", "host": "https://x", "login": "a", "password": "b", "extra": "[1]"}
    monkeypatch.setenv("AIRFLOW_CONN_SOURCE", json.dumps(fields))

    with pytest.raises(SourceError, match="extra of connection source must be a JSON object"):
        DataverseHook("source").source()


@pytest.mark.parametrize(("kind", "name"), [("dataverse", "dataverse"), ("customer_insights", "api")])
def test_a_definition_is_read_through_its_connection(
    connect: Callable[..., str], kind: str, name: str
) -> None:
    definition = ExportDefinition.model_validate(
        {
            "name": "newsletter",
            "source": {"type": name, "connection": connect(kind)},
            "segments": ["ChurnProne"],
            "mapping": {"Email": "EMail"},
        }
    )

    found = [info.name for info in open_source(definition).segments()]

    assert "ChurnProne" in found


def test_a_lake_of_this_machine_needs_no_connection(tmp_path: Path) -> None:
    definition = ExportDefinition.model_validate(
        {
            "name": "newsletter",
            "source": {"type": "lake", "path": str(tmp_path)},
            "segments": ["ChurnProne"],
            "mapping": {"Email": "EMail"},
        }
    )

    with pytest.raises(SourceError, match=r"model\.json"):
        open_source(definition).segments()


def test_a_lake_elsewhere_needs_its_provider() -> None:
    definition = ExportDefinition.model_validate(
        {
            "name": "newsletter",
            "source": {"type": "lake", "path": "abfss://lake/export", "connection": "lake"},
            "segments": ["ChurnProne"],
            "mapping": {"Email": "EMail"},
        }
    )

    with pytest.raises(SourceError, match=r'pip install "\.\[abfs\]"'):
        open_source(definition)
