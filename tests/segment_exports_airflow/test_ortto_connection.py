"""What a connection to Ortto has that others lack: a region, a rate by the minute, a ban to keep clear of."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from segment_emulators.ortto import AccountState, EmulatorConfig, Switches, serve_ortto
from segment_exports.destinations.agreement import signed_agreement
from segment_exports.destinations.ortto.api import BASE_URLS
from segment_exports.destinations.ortto.ban import bad_requests_at
from segment_exports.destinations.ortto.faces import Ortto
from segment_exports.errors import ConnectionFieldError, DestinationError
from segment_exports_airflow.accounts import account_of, told_of_account
from segment_exports_airflow.connection_forms import ORTTO
from segment_exports_airflow.hooks.ortto import OrttoHook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from segment_emulators.ortto import OrttoEmulator

KEY = "PRV-here-0123456789"

pytestmark = pytest.mark.usefixtures("own_temporary_folder")


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., OrttoHook]:
    def connect(host: str = "", key: str = KEY, **extra: Any) -> OrttoHook:
        signed = signed_agreement("the tests", receiver="Ortto")
        fields = {"conn_type": "ortto", "host": host, "password": key, "extra": {**signed, **extra}}
        monkeypatch.setenv("AIRFLOW_CONN_ORTTO_DEFAULT", json.dumps(fields))
        return OrttoHook()

    return connect


@pytest.fixture
def regions(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, OrttoEmulator]]:
    """An emulator for each region; only the default one's account has the key."""
    with ExitStack() as stack:
        served = {
            name: stack.enter_context(
                serve_ortto(
                    EmulatorConfig(
                        api_key=KEY if name == "default" else f"PRV-{name}", switches=Switches(rate=None)
                    )
                )
            )
            for name in Ortto.regions
        }
        monkeypatch.setattr(Ortto, "regions", {name: one.base_url for name, one in served.items()})
        monkeypatch.setattr(Ortto, "default_base_url", served["default"].base_url)
        yield served


@pytest.mark.parametrize(
    ("host", "region", "base_url"),
    [
        ("", {}, BASE_URLS["default"]),
        ("", {"region": None}, BASE_URLS["default"]),
        ("", {"region": ""}, BASE_URLS["default"]),
        ("", {"region": "default"}, BASE_URLS["default"]),
        ("", {"region": "australia"}, BASE_URLS["australia"]),
        ("", {"region": " Europe "}, BASE_URLS["europe"]),
        ("https://gateway.example.com/v1", {}, "https://gateway.example.com/v1"),
        ("https://gateway.example.com/v1", {"region": "default"}, "https://gateway.example.com/v1"),
        ("api.eu.ap3api.com/v1", {"region": "europe"}, BASE_URLS["europe"]),
    ],
)
def test_an_account_is_asked_in_its_region_or_at_a_url_of_ones_own(
    connect: Callable[..., OrttoHook], host: str, region: dict[str, Any], base_url: str
) -> None:
    """The form gives the default region where nobody chooses one, so that one stands beside any URL."""
    assert connect(host, **region).account.base_url == base_url


def test_a_region_beside_a_url_is_refused(connect: Callable[..., OrttoHook]) -> None:
    hook = connect("https://gateway.example.com/v1", region="europe")
    with pytest.raises(ConnectionFieldError, match="names the region europe beside a Base URL"):
        _ = hook.account


@pytest.mark.parametrize(
    ("region", "told"),
    [
        ("eu", "Region of connection ortto_default must be one of default, australia, europe."),
        ("europa", "Did you mean europe?"),
        (5, "it must be text"),
    ],
)
def test_a_region_that_there_is_not_is_refused(
    connect: Callable[..., OrttoHook], region: Any, told: str
) -> None:
    good, message = connect(region=region).test_connection()
    assert not good
    assert told in message


def test_the_form_offers_the_regions_that_there_are() -> None:
    field = ORTTO["conn-fields"]["region"]["schema"]
    assert field["enum"] == list(Ortto.regions) == list(field["values_display"])
    for name, url in Ortto.regions.items():
        assert url.removeprefix("https://").removesuffix("/v1") in field["values_display"][name]


@pytest.mark.parametrize(("given", "lasting"), [(None, 10), ("", 10), (300, 5), ("600", 10), (6, 0.1)])
def test_a_rate_by_the_minute_is_taken_where_there_is_one(
    connect: Callable[..., OrttoHook], given: Any, lasting: float
) -> None:
    assert connect(requests_per_minute=given).account.lasting_rate == lasting


@pytest.mark.parametrize("given", [0, 5.9, "many", 60_000_001])
def test_one_that_is_none_is_refused(connect: Callable[..., OrttoHook], given: Any) -> None:
    hook = connect(requests_per_minute=given)
    with pytest.raises(ConnectionFieldError, match="Requests per minute of connection ortto_default must be"):
        _ = hook.account


def test_a_key_of_another_region_is_told_with_the_one_that_it_is_of(
    connect: Callable[..., OrttoHook], regions: dict[str, OrttoEmulator]
) -> None:
    good, message = connect(region="europe").test_connection()
    assert not good
    assert message.startswith("Wrong region: the key is of an account in the region default, and ")
    assert connect(region="default").test_connection()[0]


def test_a_key_of_no_region_is_a_wrong_one(
    connect: Callable[..., OrttoHook], regions: dict[str, OrttoEmulator]
) -> None:
    good, message = connect(key="PRV-nobody").test_connection()
    assert not good
    assert message.startswith("Wrong key: ")
    assert "No other region takes the key either (australia, europe)" in message


def test_at_an_address_of_ones_own_a_key_is_tried_nowhere_else(
    connect: Callable[..., OrttoHook], regions: dict[str, OrttoEmulator]
) -> None:
    with serve_ortto(EmulatorConfig(api_key="PRV-other", switches=Switches(rate=None))) as own:
        good, message = connect(own.base_url).test_connection()
    assert not good
    assert message.startswith("Wrong key: ")
    assert [len(one.log.entries) for one in regions.values()] == [0, 0, 0]


@pytest.mark.parametrize("state", [AccountState.EXPIRED, AccountState.MAKER_LEFT])
def test_an_account_that_is_closed_to_the_key_is_told_as_such(
    connect: Callable[..., OrttoHook], regions: dict[str, OrttoEmulator], state: AccountState
) -> None:
    regions["default"].switch(state=state)
    good, message = connect().test_connection()
    assert not good
    assert message.startswith("Closed to this key: ")
    assert "has expired, or the user who made the key has left" in message


def test_a_key_that_is_refused_counts_for_all_tasks_of_the_machine(
    connect: Callable[..., OrttoHook], regions: dict[str, OrttoEmulator]
) -> None:
    """Who tries again and again waits between the tries, and so does every upload."""
    connect(key="PRV-nobody").test_connection()
    assert all(bad_requests_at(one.base_url).happened_lately() for one in regions.values())


def test_the_key_is_masked_whole(connect: Callable[..., OrttoHook]) -> None:
    """It names its account."""
    from segment_exports.sieve.sifting import sift

    _ = connect(key="PRV-contoso-77889900").account
    assert "contoso" not in (sift("the key PRV-contoso-77889900 is wrong", of_service=True) or "")


def test_what_a_connection_says_is_told_for_its_own_type(connect: Callable[..., OrttoHook]) -> None:
    connect()
    assert told_of_account("ortto_default", "ortto") == []
    with pytest.raises(DestinationError, match="is of type ortto; wanted is one of type autopilot"):
        told_of_account("ortto_default", "autopilot")
    assert account_of("ortto_default", "ortto").service == "Ortto"
