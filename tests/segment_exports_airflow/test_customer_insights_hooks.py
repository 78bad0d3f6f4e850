"""Connections to Dataverse and Customer Insights: from Airflow's fields to a source, and their tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from airflow.api_fastapi.core_api.datamodels.connections import ConnectionResponse
from airflow.sdk.log import redact

from segment_emulators.customer_insights import CustomerInsights
from segment_emulators.customer_insights.serving import serve
from segment_emulators.tenant import Tenant
from segment_exports.definition import ExportDefinition
from segment_exports.errors import SourceError
from segment_exports_airflow.connection_forms import CUSTOMER_INSIGHTS, DATAVERSE
from segment_exports_airflow.hooks.customer_insights import CustomerInsightsHook
from segment_exports_airflow.hooks.dataverse import DataverseHook
from segment_exports_airflow.source_access import open_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_emulators.customer_insights.serving import Addresses


@dataclass
class Services:
    state: CustomerInsights
    addresses: Addresses
    monkeypatch: pytest.MonkeyPatch

    def connect(self, kind: str, **changes: Any) -> None:
        """Put a connection of a kind into the environment, with some fields changed."""
        host = self.addresses.environment_url if kind == "dataverse" else self.addresses.api_url
        extra = {
            "tenant": self.state.tenant_id,
            "authority": self.addresses.authority,
            "ca_bundle": self.addresses.ca_bundle,
            "instance_id": self.state.instance_id,
            "subscription_api_key": self.state.subscription_key,
        }
        connection = {
            "conn_type": kind,
            "host": host,
            "login": self.state.client_id,
            "password": self.state.client_secret,
            "extra": extra | changes.pop("extra", {}),
        }
        self.monkeypatch.setenv(f"AIRFLOW_CONN_{kind.upper()}_DEFAULT", json.dumps(connection | changes))


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CustomerInsights, Addresses]]:
    state = CustomerInsights(Tenant(200, seed=3))
    with serve(state, tmp_path_factory.mktemp("authority")) as addresses:
        yield state, addresses


@pytest.fixture
def services(_running: tuple[CustomerInsights, Addresses], monkeypatch: pytest.MonkeyPatch) -> Services:
    state, addresses = _running
    state.reset()
    return Services(state, addresses, monkeypatch)


HOOKS = {"dataverse": DataverseHook, "customer_insights": CustomerInsightsHook}


@pytest.mark.parametrize("kind", list(HOOKS))
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"password": "wrong"}, "the Client secret is wrong or has ended"),
        ({"password": ""}, "no Client secret"),
        ({"login": "99999999-0000-0000-0000-000000000000"}, "no app registration with this Client ID"),
        ({"extra": {"tenant": ""}}, "Tenant of the connection is empty"),
        ({"extra": {"tenant": "nobody.example"}}, "doesn't know the tenant nobody.example"),
        ({"extra": {"scope": "https://elsewhere/.default"}}, "the scope's resource is not known"),
        ({"extra": {"authority": "https://127.0.0.1:9"}}, "The authority 127.0.0.1:9 can't be reached"),
        ({"extra": {"ca_bundle": "/no/such/file"}}, "is not a file on this worker"),
        ({"host": "http://contoso.crm4.dynamics.com"}, "must start with https://"),
    ],
)
def test_a_bad_connection_says_what_is_wrong(
    services: Services, kind: str, changes: dict[str, Any], told: str
) -> None:
    services.connect(kind, **changes)

    good, text = HOOKS[kind]().test_connection()

    assert not good
    assert told in text
    assert services.state.client_secret not in text


def definition(source: dict[str, Any]) -> ExportDefinition:
    return ExportDefinition.model_validate(
        {"name": "any", "source": source, "segments": ["ChurnProne"], "mapping": {"Email": "EMail"}}
    )


@pytest.mark.parametrize(("kind", "way"), [("dataverse", "dataverse"), ("customer_insights", "api")])
def test_a_definition_opens_its_source_with_its_own_settings(services: Services, kind: str, way: str) -> None:
    services.connect(kind)
    source = open_source(definition({"type": way, "connection": f"{kind}_default", "page_size": 10}))

    units = source.read_units({"ChurnProne": source.snapshots("ChurnProne")[-1]})
    rows = [batch.num_rows for _, batch in source.read(units[0], ("EMail", "CustomerId"))]

    assert sum(rows) == len(services.state.tables.members["ChurnProne"])
    assert services.state.pages > sum(rows) / 10


def test_a_connection_that_is_missing_is_told(services: Services) -> None:
    with pytest.raises(
        SourceError,
        match=r"there is no connection nobody; make one of type customer_insights \(Customer Insights API in "
        r"Airflow's form\) under Admin > Connections, or set AIRFLOW_CONN_NOBODY",
    ):
        open_source(definition({"type": "api", "connection": "nobody"}))


@pytest.mark.parametrize(
    ("kind", "other"), [("dataverse", "customer_insights"), ("customer_insights", "http")]
)
def test_a_connection_of_another_type_is_told(services: Services, kind: str, other: str) -> None:
    services.connect(kind, conn_type=other)

    good, text = HOOKS[kind]().test_connection()

    assert not good
    assert text.startswith(
        f"The connection {kind}_default is of type {other}; wanted is one of type {kind} ("
    )


@pytest.mark.parametrize("kind", list(HOOKS))
@pytest.mark.parametrize("value", ['{"conn_type": "dataverse", "password": "s3cret"', "", '{"s3cret": 1}'])
def test_a_connection_that_cant_be_read_is_told_without_its_value(
    services: Services, kind: str, value: str
) -> None:
    services.monkeypatch.setenv(f"AIRFLOW_CONN_{kind.upper()}_DEFAULT", value)

    good, text = HOOKS[kind]().test_connection()

    assert not good
    assert f"The connection {kind}_default can't be read: AIRFLOW_CONN_{kind.upper()}_DEFAULT is set" in text
    assert f"wanted is one of type {kind}" in text
    assert "s3cret" not in text


def test_a_field_that_is_wrong_is_told_with_the_connection(services: Services) -> None:
    services.connect("dataverse", extra={"tenant": ""})

    with pytest.raises(SourceError, match="Connection dataverse_default of type dataverse: The Tenant"):
        DataverseHook().source()


@pytest.mark.parametrize("form", [DATAVERSE, CUSTOMER_INSIGHTS])
def test_the_forms_hide_what_is_secret_and_name_the_rest(form: dict[str, Any]) -> None:
    fields = form["conn-fields"]

    assert form["ui-field-behaviour"]["relabeling"]["password"] == "Client secret"
    assert {"tenant", "scope", "authority", "ca_bundle"} <= set(fields)


def test_the_subscription_key_is_hidden_in_the_form_and_by_airflows_api() -> None:
    field = CUSTOMER_INSIGHTS["conn-fields"]["subscription_api_key"]
    shown = ConnectionResponse(
        connection_id="customer_insights_default",
        conn_type="customer_insights",
        description=None,
        host="https://api.ci.ai.dynamics.com/v1",
        login="client",
        schema=None,
        port=None,
        password="client secret",
        extra=json.dumps({"subscription_api_key": "the key of the subscription", "tenant": "contoso.com"}),
        team_name=None,
    )

    assert field["schema"]["format"] == "password"
    assert shown.extra is not None
    assert json.loads(shown.extra) == {"subscription_api_key": "***", "tenant": "contoso.com"}


def test_the_subscription_key_is_masked_in_logs(services: Services) -> None:
    services.connect("customer_insights")

    CustomerInsightsHook().source()

    assert redact(f"key {services.state.subscription_key}") == "key ***"
