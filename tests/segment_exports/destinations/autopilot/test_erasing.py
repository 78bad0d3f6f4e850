"""People are deleted in an account, over a socket: who is gone, who never was there, who is left and why."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from segment_emulators.autopilot import Fault, FaultKind
from segment_exports.destinations.autopilot.client import AutopilotClient
from segment_exports.destinations.autopilot.erasing import AutopilotEraser
from segment_exports.destinations.erasing import ErasedThere, Fate
from segment_exports.transport.pacing import Pacer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.segment_exports.destinations.autopilot.conftest import OddServer

    from segment_emulators.autopilot import AutopilotEmulator

ANN, BOB, CAT = "ann@example.com", "bob+news@example.com", "cat@example.com"
NOBODY = "person_00000000-0000-0000-0000-000000000000"


async def _soon(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.01))


def erase(url: str, key: str, emails: Sequence[str] = (), contact_ids: Sequence[str] = ()) -> ErasedThere:
    def client() -> AutopilotClient:
        return AutopilotClient(url, key, pacer=Pacer(None), sleep=_soon)

    return asyncio.run(AutopilotEraser(client).erase(emails, contact_ids))


def people(emulator: AutopilotEmulator) -> set[str]:
    return set(emulator.account.contacts_by_email())


@pytest.mark.parametrize("status", [200, 204])
def test_a_contact_is_deleted_by_its_id_whatever_its_address_is(
    emulator: AutopilotEmulator, status: int
) -> None:
    emulator.switch(delete_status=status)
    ann = emulator.staff.add_contact(ANN)
    emulator.staff.add_contact(BOB)
    emulator.staff.change_email(ann, CAT)

    found = erase(emulator.base_url, emulator.api_key, contact_ids=[ann, NOBODY])

    assert found == ErasedThere((Fate.DELETED, Fate.ABSENT), ())
    assert people(emulator) == {BOB}


def test_all_who_have_an_address_are_deleted_by_it(emulator: AutopilotEmulator) -> None:
    for email in (BOB, BOB, ANN):
        emulator.staff.add_contact(email)

    assert erase(emulator.base_url, emulator.api_key, [BOB, CAT]).emails == (Fate.DELETED, Fate.ABSENT)
    assert people(emulator) == {ANN}


def test_what_was_done_without_an_answer_counts_as_done(emulator: AutopilotEmulator) -> None:
    emulator.staff.add_contact(ANN)
    emulator.inject(Fault(kind=FaultKind.ERROR, status=503, path="^/contact/", work_done=True, times=1))

    assert erase(emulator.base_url, emulator.api_key, [ANN]).emails == (Fate.DELETED,)
    assert people(emulator) == set()


def test_trouble_that_lasts_leaves_the_rest_and_is_told_once(emulator: AutopilotEmulator) -> None:
    for email in (ANN, BOB):
        emulator.staff.add_contact(email)
    emulator.inject(Fault(kind=FaultKind.ERROR, status=503, path="^/contact/bob", times=100))

    found = erase(emulator.base_url, emulator.api_key, [ANN, BOB, CAT])

    assert found.emails == (Fate.DELETED, Fate.LEFT, Fate.LEFT)
    assert len(found.reasons) == 1
    assert "was answered 503" in found.reasons[0]
    assert "bob" not in found.reasons[0]


def test_a_wrong_key_leaves_everybody(emulator: AutopilotEmulator) -> None:
    found = erase(emulator.base_url, "0" * 32, [ANN], [NOBODY])

    assert (found.contact_ids, found.emails) == ((Fate.LEFT,), (Fate.LEFT,))
    assert "The API key of the connection is wrong or was revoked" in found.reasons[0]
    assert len(emulator.log.entries) == 1


async def test_a_refusal_leaves_one_contact_and_many_in_a_row_end_it(odd: OddServer) -> None:
    odd.answer('{"error":"Forbidden","message":"Could not delete contact ann@example.com."}', status=403)

    found = await asyncio.to_thread(erase, odd.url, "k" * 32, [f"p{one}@example.com" for one in range(40)])

    assert found.emails == (Fate.LEFT,) * 40
    assert len(odd.seen) == 16
    assert found.reasons == ("DELETE /contact/{contact} was answered 403",)


async def test_a_page_of_a_gateway_says_of_nobody_that_they_are_not_there(odd: OddServer) -> None:
    odd.answer("<html>nothing here</html>", status=404, content_type="text/html")

    found = await asyncio.to_thread(erase, odd.url, "k" * 32, [ANN])

    assert found.emails == (Fate.LEFT,)
    assert "That is not how Autopilot says that something is missing" in found.reasons[0]
