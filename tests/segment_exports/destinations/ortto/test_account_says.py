"""What an account of Ortto tells before anything is read of an export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from segment_exports.definition import ExportDefinition
from segment_exports.destinations.ortto.account import OrttoAccount
from segment_exports.destinations.ortto.account_fields import FieldProblemError
from segment_exports.destinations.ortto.client import OrttoClient
from segment_exports.errors import ListProblemError
from segment_exports.transport.pacing import Pacer

if TYPE_CHECKING:
    from tests.segment_exports.destinations.ortto.conftest import Account

    from segment_exports.destinations.check_destination import DestinationCheck


def export(*, create_fields: bool = True, **mapping: Any) -> ExportDefinition:
    return ExportDefinition.model_validate(
        {
            "name": "newsletter",
            "source": {"type": "lake", "path": "/lake"},
            "destination": {"type": "ortto", "new_people": "subscribed", "create_fields": create_fields},
            "segments": ["News"],
            "mapping": {"Email": "mail", **mapping},
        }
    )


async def check(account: Account, definition: ExportDefinition) -> DestinationCheck:
    emulator = account.emulator

    def client_at(url: str) -> OrttoClient:
        return OrttoClient(url, emulator.api_key, pacer=Pacer(None))

    return await OrttoAccount(client_at, emulator.base_url, {}, account.folder).check(definition)


async def test_without_custom_fields_one_call_is_all(account: Account) -> None:
    found = await check(account, export())
    assert "1 tag" in found.message
    assert [one.path for one in account.emulator.log.entries] == ["/tags/get"]


async def test_fields_that_have_to_be_made_and_may_be_are_no_problem(account: Account) -> None:
    found = await check(account, export(Company="firm"))
    assert found.warnings == ()
    assert [one.path for one in account.emulator.log.entries] == ["/tags/get", "/instance-schema/get"]
    assert "Company" not in [one.name for one in await _fields(account)]


async def test_those_that_must_not_be_made_stop_it_before_anything_is_read(account: Account) -> None:
    with pytest.raises(FieldProblemError, match="lacks custom fields that the mapping fills: 'Company'"):
        await check(account, export(create_fields=False, Company="firm"))


async def test_a_field_of_another_type_stops_it_too(account: Account) -> None:
    account.emulator.staff.make_field("Company", "integer")
    with pytest.raises(FieldProblemError, match="'Company' is of type integer there"):
        await check(account, export(Company="firm"))


async def test_a_plan_that_may_have_no_room_for_them_is_told(account: Account) -> None:
    for number in range(100):
        account.emulator.staff.make_field(f"Field {number}", "text")
    found = await check(account, export(Company="firm"))
    (told,) = found.warnings
    assert told.startswith("the account has 100 custom fields, and 1 more have to be made")
    assert "100, 150 or 200" in told


async def test_a_tag_that_is_not_ours_stops_it(account: Account) -> None:
    account.emulator.staff.add_list("News")
    with pytest.raises(ListProblemError, match="tag 'News' exists in the account"):
        await check(account, export())


async def _fields(account: Account) -> Any:
    async with OrttoClient(account.emulator.base_url, account.emulator.api_key, pacer=Pacer(None)) as client:
        return await client.custom_fields()
