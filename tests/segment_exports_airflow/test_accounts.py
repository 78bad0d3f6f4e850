"""What a connection says of an account, as make check tells it: nothing is asked of the account."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from segment_exports.destinations.agreement import signed_agreement
from segment_exports.errors import ConnectionDisabledError, DestinationError
from segment_exports_airflow.accounts import open_account, reason_to_stop, told_of_account

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNED = signed_agreement("the tests")
KEY = "f" * 32


def test_of_a_good_connection_nothing_is_told(connect: Callable[..., str]) -> None:
    assert told_of_account(connect("https://api.example.com/v1", KEY), "autopilot") == []


def test_a_connection_that_is_not_there_is_told() -> None:
    with pytest.raises(DestinationError, match=r"^there is no connection nowhere"):
        told_of_account("nowhere", "autopilot")


def test_a_way_in_clear_text_is_told(connect: Callable[..., str]) -> None:
    connection = connect("http://api.example.com/v1", KEY, allow_clear_text=True, **SIGNED)
    (told,) = told_of_account(connection, "autopilot")
    assert told.startswith("http://api.example.com:80 is asked in clear text")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "fill in Agreed by and Agreed on (agreed_at)"),
    ({**SIGNED, "agreed_at": "2999-01-01"}, "is still to come"),
    ({**SIGNED, "enabled": "nein"}, "must be true or false"),
    ({**SIGNED, "enabeld": False}, "Did you mean enabled?"),
    ({**SIGNED, "requests_per_second": float("nan")}, "must be a number of at least 0.1"),
]


@pytest.mark.parametrize(("extra", "why"), REFUSED)
def test_what_would_stop_a_run_is_told(connect: Callable[..., str], extra: dict[str, Any], why: str) -> None:
    connection = connect("https://api.example.com/v1", KEY, **(extra or {"enabled": True}))
    with pytest.raises(DestinationError, match=re.escape(why)):
        told_of_account(connection, "autopilot")


@pytest.mark.parametrize(("extra", "why"), REFUSED[1:])
def test_a_running_upload_stops_for_it(connect: Callable[..., str], extra: dict[str, Any], why: str) -> None:
    assert why in str(reason_to_stop(connect("https://api.example.com/v1", KEY, **extra), "autopilot"))


def test_an_account_is_opened_by_the_type_of_its_connection(connect: Callable[..., str]) -> None:
    connection = connect("https://api.example.com/v1", "f" * 32, **signed_agreement("the tests"))

    destination, account = open_account(connection)

    assert (destination.name, account.connection_id) == ("Autopilot", connection)


def test_a_connection_that_leads_to_no_destination_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WEB", '{"conn_type": "http", "host": "example.com"}')

    with pytest.raises(
        ConnectionDisabledError, match="is of type http; wanted is one of type autopilot or ortto"
    ):
        open_account("web")
    with pytest.raises(
        ConnectionDisabledError, match="there is no connection other; make one of type autopilot"
    ):
        open_account("other")
