"""``python -m segment_exports_airflow``: commands that are led to Airflow's connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_exports.destinations.agreement import signed_agreement
from segment_exports.errors import ConnectionDisabledError
from segment_exports_airflow.__main__ import main
from segment_exports_airflow.accounts import open_account

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("arguments", [[], ["purge"], ["--help"]])
def test_what_it_does_not_know_is_told_with_what_it_does(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "usage: python -m segment_exports_airflow erase|move ..." in capsys.readouterr().err


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
