"""People are archived and deleted in an account: by id and by address, those of the archive too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import pytest

from segment_emulators.ortto import EmulatorConfig, Fault, FaultKind, Switches, serve_ortto
from segment_exports.destinations.erasing import ErasedThere, Fate
from segment_exports.destinations.ortto.client import OrttoClient
from segment_exports.destinations.ortto.erasing import OrttoEraser
from segment_exports.transport.pacing import Pacer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_emulators.ortto import OrttoEmulator

ANN, BOB, CAT = "ann@example.com", "bob+news@example.com", "cat@example.com"
NOBODY = "0069" + "0" * 20


@pytest.fixture(scope="module")
def served_account() -> Iterator[OrttoEmulator]:
    with serve_ortto(EmulatorConfig(switches=Switches(rate=None))) as emulator:
        yield emulator


@pytest.fixture
def account(served_account: OrttoEmulator) -> OrttoEmulator:
    served_account.reset()
    return served_account


async def _soon(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.01))


def erase(
    account: OrttoEmulator, emails: Sequence[str] = (), ids: Sequence[str] = (), *, key: str | None = None
) -> ErasedThere:
    def client() -> OrttoClient:
        return OrttoClient(account.base_url, key or account.api_key, pacer=Pacer(None), sleep=_soon)

    return asyncio.run(OrttoEraser(client).erase(emails, ids))


def people(account: OrttoEmulator) -> set[str]:
    return set(account.account.contacts_by_email())


def test_a_person_is_deleted_by_the_id_whatever_the_address_is_by_now(account: OrttoEmulator) -> None:
    ann = account.staff.add_contact(ANN)
    account.staff.add_contact(BOB)
    account.staff.change_email(ann, CAT)

    assert erase(account, ids=[ann, NOBODY]) == ErasedThere((Fate.DELETED, Fate.ABSENT), ())
    assert people(account) == {BOB}
    assert account.account.archive_of == {}


def test_all_who_have_an_address_are_deleted_by_it_whatever_its_letter_case(account: OrttoEmulator) -> None:
    for email in (BOB, ANN):
        account.staff.add_contact(email)

    assert erase(account, [BOB, CAT]).emails == (Fate.DELETED, Fate.ABSENT)
    assert people(account) == {ANN}


@pytest.mark.parametrize("by", ["id", "address"])
def test_who_is_in_the_archive_is_deleted_there(account: OrttoEmulator, by: str) -> None:
    ann = account.staff.add_contact(ANN)
    account.staff.archive(ann)

    erase(account, **({"ids": [ann]} if by == "id" else {"emails": [ANN]}))

    assert account.account.archive_of == {}


def test_two_hundred_people_go_in_requests_of_a_hundred_each_of_which_names_them(
    account: OrttoEmulator,
) -> None:
    ids = [account.staff.add_contact(f"p{number}@example.com") for number in range(201)]
    account.staff.add_contact(ANN)

    assert set(erase(account, ids=ids).contact_ids) == {Fate.DELETED}

    assert people(account) == {ANN}
    paths = [one.path for one in account.log.entries]
    assert paths.count("/person/archive") == paths.count("/person/delete") == 3


def test_never_is_everybody_meant(account: OrttoEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by the switch for all rows nor by a list of ids that names nobody."""
    bodies: list[bytes] = []
    send = OrttoClient.send

    async def spied(self: OrttoClient, request, *rest):  # type: ignore[no-untyped-def]
        if request.path in ("/person/archive", "/person/delete"):
            bodies.append(request.body)
        return await send(self, request, *rest)

    monkeypatch.setattr(OrttoClient, "send", spied)
    account.staff.add_contact(BOB)
    ann = account.staff.add_contact(ANN)

    erase(account, [CAT], [])
    erase(account, [], [])
    erase(account, [ANN], [NOBODY])

    for body in map(orjson.loads, bodies):
        assert set(body) == {"inclusion_ids"}
        assert set(body["inclusion_ids"]) in ({ann}, {NOBODY})
    assert people(account) == {BOB}


def test_faults_on_the_way_are_repeated_and_what_lasts_leaves_the_rest(account: OrttoEmulator) -> None:
    account.staff.add_contact(ANN)
    account.inject(Fault(kind=FaultKind.ERROR, status=503, path="/person/", times=2))
    assert erase(account, [ANN]).emails == (Fate.DELETED,)
    account.staff.add_contact(BOB)
    account.inject(Fault(kind=FaultKind.ERROR, status=503, path="^/person/delete", times=None))

    found = erase(account, [BOB])

    assert found.emails == (Fate.LEFT,)
    assert "DELETE /person/delete was answered 503" in found.reasons[0]
    account.inject()
    assert erase(account, [BOB]).emails == (Fate.DELETED,), "she was archived by then"
    assert account.account.archive_of == {}


def test_who_isnt_shown_yet_is_deleted_all_the_same(account: OrttoEmulator) -> None:
    account.switch(seen_by_id_after=3600.0, seen_after=3600.0)
    ann = account.staff.add_contact(ANN)

    assert erase(account, ids=[ann]).contact_ids == (Fate.ABSENT,)

    assert people(account) == set()
    assert account.account.archive_of == {}


def test_who_is_shown_after_the_deletion_is_left_with_what_to_do(account: OrttoEmulator) -> None:
    ann = account.staff.add_contact(ANN)
    account.inject(
        Fault(kind=FaultKind.GATEWAY, status=200, path="^/person/delete", times=None, body="{}"),
        Fault(
            kind=FaultKind.GATEWAY, status=200, path="^/person/get-by-ids", times=None,
            body=f'{{"contacts":{{"{ann}":{{"id":"{ann}","fields":{{}}}}}}}}',
        ),
    )  # fmt: skip

    found = erase(account, ids=[ann])

    assert found.contact_ids == (Fate.LEFT,)
    assert "1 person is still shown after Ortto took the deletion" in found.reasons[0]


def test_a_wrong_key_leaves_everybody(account: OrttoEmulator) -> None:
    account.staff.add_contact(ANN)
    account.rotate_key("PRV-another-key")

    found = erase(account, [ANN], [NOBODY], key=EmulatorConfig().api_key)

    assert (found.contact_ids, found.emails) == ((Fate.LEFT,), (Fate.LEFT,))
    assert "The API key of the connection is wrong" in found.reasons[0]
    assert people(account) == {ANN}
