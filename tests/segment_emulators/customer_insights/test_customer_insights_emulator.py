"""The emulated services keep to what is documented of the real ones."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import pytest
import requests

from segment_emulators.customer_insights import CustomerInsights, Faults, ListShape, Switches
from segment_emulators.customer_insights.serving import CI_API_SCOPE, serve
from segment_emulators.tenant import Tenant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from segment_emulators.customer_insights.serving import Addresses

PROFILES = "msdynci_customerprofiles"
MEMBERSHIPS = "msdynci_segmentmemberships"


@dataclass
class Client:
    state: CustomerInsights
    addresses: Addresses

    def token_answer(self, **changes: str) -> requests.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.state.client_id,
            "client_secret": self.state.client_secret,
            "scope": f"{self.addresses.environment_url}/.default",
        }
        return requests.post(
            f"{self.addresses.authority}/{self.state.tenant_id}/oauth2/v2.0/token",
            data=form | changes,
            verify=self.addresses.ca_bundle,
            timeout=10,
        )

    def dataverse(self, path: str, prefer: str = "", **query: str) -> requests.Response:
        token = self.token_answer().json()["access_token"]
        return requests.get(
            path if "://" in path else f"{self.addresses.environment_url}/api/data/v9.2/{path}",
            params={f"${name}": value for name, value in query.items()},
            headers={"Authorization": f"Bearer {token}", "Prefer": prefer},
            timeout=10,
        )

    def api(self, path: str, key: str | None = None, **query: str) -> requests.Response:
        token = self.token_answer(scope=CI_API_SCOPE).json()["access_token"]
        return requests.get(
            f"{self.addresses.api_url}/instances/{self.state.instance_id}/{path}",
            params=query,
            headers={
                "Authorization": f"Bearer {token}",
                "Ocp-Apim-Subscription-Key": key or self.state.subscription_key,
            },
            timeout=10,
        )


@pytest.fixture(scope="module")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    state = CustomerInsights(Tenant(6_000, seed=2))
    with serve(state, tmp_path_factory.mktemp("authority")) as addresses:
        yield Client(state, addresses)


@pytest.fixture
def client(_served: Client) -> Client:
    _served.state.switches, _served.state.faults = Switches(), Faults()
    _served.state.reset()
    return _served


# Entra


def test_a_token_is_good_for_one_scope_and_an_hour(client: Client) -> None:
    answer = client.token_answer()

    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] == 3600
    assert client.token_answer(scope="https://elsewhere/.default").json()["error"] == "invalid_resource"


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 400, "unauthorized_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_refused_token_has_entras_codes(
    client: Client, changes: dict[str, str], status: int, error: str
) -> None:
    answer = client.token_answer(**changes)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"].startswith("AADSTS")


# Dataverse


def test_pages_have_at_most_5000_rows_and_a_next_link_until_the_last(client: Client) -> None:
    first = client.dataverse(PROFILES, "odata.maxpagesize=9000", select="msdynci_customerid").json()
    second = client.dataverse(first["@odata.nextLink"], "odata.maxpagesize=9000").json()

    assert len(first["value"]) == 5000
    assert "@odata.nextLink" not in second
    ids = {row["msdynci_customerid"] for row in first["value"] + second["value"]}
    assert len(ids) == client.state.tables.profiles.num_rows > 5900


def test_rows_hold_the_selected_columns_and_their_key(client: Client) -> None:
    row = client.dataverse(PROFILES, select="msdynci_email", top="1").json()["value"][0]

    assert {"msdynci_email", "msdynci_customerprofileid", "@odata.etag"} <= set(row)
    assert "msdynci_firstname" not in row


@pytest.mark.parametrize("shape", list(ListShape))
def test_a_customer_has_one_membership_row_with_all_segments(client: Client, shape: ListShape) -> None:
    client.state.switches.list_shape = shape
    filters = {"filter": "contains(msdynci_segments,'\"ChurnProne\"')"}

    rows = client.dataverse(MEMBERSHIPS, "odata.maxpagesize=5000", **filters).json()["value"]

    assert len(rows) == len(client.state.tables.members["ChurnProne"])
    assert all('"ChurnProne"' in row["msdynci_segments"] for row in rows)
    assert rows[0]["msdynci_segments"].startswith('{"Segments":[' if shape is ListShape.OBJECT else "[")


@pytest.mark.parametrize(
    "query",
    [
        {"skip": "5"},
        {"select": "msdynci_nothing"},
        {"orderby": "nothing desc"},
        {"filter": "startswith(x,'y')"},
    ],
)
def test_what_dataverse_does_not_take_is_400_with_an_odata_error(
    client: Client, query: dict[str, str]
) -> None:
    answer = client.dataverse(PROFILES, **query)

    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"code", "message"}


def test_throttling_has_a_code_and_retry_after(client: Client) -> None:
    client.state.faults.throttle_every = 1
    answer = client.dataverse(PROFILES)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert answer.json()["error"]["code"] == "0x80072322"


# The REST API


def test_segments_have_state_and_evaluation(client: Client) -> None:
    found = {one["name"]: one for one in client.api("manage/segments").json()}

    assert found["ChurnProne"]["state"] == "active"
    assert found["ChurnProne"]["evaluationStatus"]["jobStatus"] == "CompletedSuccess"
    assert found["ChurnProne"]["evaluationStatus"]["entityCount"] == len(
        client.state.tables.members["ChurnProne"]
    )


def test_pages_have_100_rows_by_default(client: Client) -> None:
    query = {"$filter": "IsMemberOfSegment('ChurnProne')"}
    first = client.api("data/Customer", **query).json()["value"]
    second = client.api("data/Customer", **query, **{"$skip": "100", "$top": "7"}).json()["value"]

    assert (len(first), len(second)) == (100, 7)
    assert not {row["CustomerId"] for row in first} & {row["CustomerId"] for row in second}


def test_pages_can_be_cut_from_another_order_each_time(client: Client) -> None:
    client.state.switches.stable_order = False
    everyone = {"$filter": "IsMemberOfSegment('ChurnProne')", "$top": "5000"}
    once, again = (
        [row["CustomerId"] for row in client.api("data/Customer", **everyone).json()["value"]]
        for _ in range(2)
    )

    assert once != again
    assert sorted(once) == sorted(again)


@pytest.mark.parametrize("told", [True, False])
def test_what_attributes_mean_can_be_left_out(client: Client, told: bool) -> None:
    client.state.switches.semantic_types = told
    attributes = client.api("manage/entities/Customer").json()["attributes"]

    assert any(one["semanticType"] for one in attributes) is told


def test_every_switch_is_turned_by_a_test_of_the_sources(repository: Path) -> None:
    text = "".join(file.read_text() for file in (repository / "tests/segment_exports/sources").rglob("*.py"))

    assert [one.name for one in fields(Switches) if f"switches.{one.name} = " not in text] == []


def test_both_credentials_are_needed(client: Client) -> None:
    assert client.api("manage/segments", key="wrong").status_code == 401
    client.state.tokens.clear()
    answer = requests.get(
        f"{client.addresses.api_url}/instances/{client.state.instance_id}/manage/segments",
        headers={"Ocp-Apim-Subscription-Key": client.state.subscription_key},
        timeout=10,
    )
    assert answer.status_code == 401


def test_a_token_of_the_other_service_is_refused(client: Client) -> None:
    token = client.token_answer().json()["access_token"]
    answer = requests.get(
        f"{client.addresses.api_url}/instances/{client.state.instance_id}/manage/segments",
        headers={
            "Authorization": f"Bearer {token}",
            "Ocp-Apim-Subscription-Key": client.state.subscription_key,
        },
        timeout=10,
    )

    assert answer.status_code == 401


def test_a_refresh_runs_as_a_job_and_brings_the_next_snapshot(client: Client) -> None:
    def jobs() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = client.api("workflows/main/jobs").json()
        return found

    before = client.state.marked_at
    client.state.begin_refresh(client.state.tenant.snapshot_time(1))
    assert jobs()[0]["jobStatus"] == "running"
    client.state.end_refresh(client.state.tenant.snapshot_time(1))

    assert jobs()[0]["jobStatus"] == "successful"
    assert client.state.marked_at > before


def test_only_one_job_url_answers(client: Client) -> None:
    assert client.api("workflows/main/jobs").status_code == 200
    assert client.api("manage/workflows/main/jobs").status_code == 404
