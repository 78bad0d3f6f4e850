"""Any destination tells whether its account may and can be sent to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from segment_exports.errors import CredentialsRefusedError, DestinationError, DestinationUnreachableError

if TYPE_CHECKING:
    from tests.destinations.conftest import Stand


def check(stand: Stand, **account: str) -> str:
    asked = stand.destination.account(stand.account(**account), stand.folder)
    return asyncio.run(asked.check(stand.definition)).message


def test_an_account_that_answers_says_its_name_and_is_not_changed(stand: Stand) -> None:
    assert check(stand).startswith(f"{stand.destination.name} answered in")
    assert stand.eyes.writes() == []


def test_a_wrong_key_and_a_host_that_is_not_there_are_told_apart(stand: Stand) -> None:
    with pytest.raises(CredentialsRefusedError):
        check(stand, api_key="f" * 32)
    with pytest.raises(DestinationUnreachableError):
        check(stand, base_url="http://127.0.0.1:9/v1")
    with pytest.raises(DestinationError, match=f"{stand.destination.name}'s API"):
        check(stand, base_url=f"{stand.eyes.url}/elsewhere")


def test_a_malformed_connection_is_told_with_the_first_question(stand: Stand) -> None:
    with pytest.raises(CredentialsRefusedError, match="no API key"):
        check(stand, api_key="")
    with pytest.raises(DestinationError, match="Base URL of connection the_account must be"):
        check(stand, base_url="nowhere")


def test_no_list_is_known_before_one_was_made(stand: Stand) -> None:
    assert stand.destination.known_lists(stand.folder) == {}
