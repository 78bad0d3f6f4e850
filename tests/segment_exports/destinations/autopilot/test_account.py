"""An account is read back over a socket: pages, bookmarks, and the fields that stand for lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_emulators.autopilot import Fault, FaultKind
from segment_exports.destinations.autopilot.account import AccountReader
from segment_exports.destinations.autopilot.client import AutopilotClient
from segment_exports.transport.pacing import Pacer

if TYPE_CHECKING:
    from segment_emulators.autopilot import AutopilotEmulator

GOLD, WIN_BACK = "boolean--List--Gold", "boolean--List--Win--back--2026"
OTHERS = {"boolean--List--Silver": True, "boolean--Has--Reviewed": True, "string--Gold": "true"}


@pytest.fixture
def reader(emulator: AutopilotEmulator) -> AccountReader:
    return AccountReader(lambda: AutopilotClient(emulator.base_url, emulator.api_key, pacer=Pacer(None)))


def flagged(reader: AccountReader) -> dict[str | None, set[str]]:
    pages = list(reader.flagged(["Gold", "Win back 2026"]))
    people = [(email, titles) for page in pages for _, email, titles in page]
    assert len(dict(people)) == len(people)
    return {email: set(titles) for email, titles in people}


def paths(emulator: AutopilotEmulator) -> list[str]:
    return [entry.path for entry in emulator.log.entries]


def test_all_pages_are_read_each_from_the_bookmark_of_the_one_before(
    emulator: AutopilotEmulator, reader: AccountReader
) -> None:
    for number in range(250):
        emulator.staff.add_contact(f"p{number}@example.com", custom={GOLD: True} if number % 5 == 0 else None)

    assert flagged(reader) == {f"p{number}@example.com": {"Gold"} for number in range(0, 250, 5)}

    ids = emulator.account.contact_ids.ordered()
    assert paths(emulator) == [f"/contacts{after}" for after in ("", f"/{ids[99]}", f"/{ids[199]}")]


def test_only_a_field_that_is_true_puts_somebody_on_its_list(
    emulator: AutopilotEmulator, reader: AccountReader
) -> None:
    add = emulator.staff.add_contact
    add("both@example.com", custom={GOLD: True, WIN_BACK: True, **OTHERS})
    add("left@example.com", custom={GOLD: False, WIN_BACK: True})
    add("others@example.com", custom=OTHERS)
    add("null@example.com", custom={GOLD: None})
    add("nothing@example.com")
    no_address = add(None, custom={GOLD: True})

    (page,) = reader.flagged(["Gold", "Win back 2026"])

    assert {contact_id for contact_id, email, _ in page if email is None} == {no_address}
    assert flagged(reader) == {
        "both@example.com": {"Gold", "Win back 2026"},
        "left@example.com": {"Win back 2026"},
        None: {"Gold"},
    }


def test_an_empty_account_has_nobody_on_a_list(reader: AccountReader) -> None:
    assert flagged(reader) == {}


def test_a_page_that_fails_for_a_moment_is_asked_for_again(
    emulator: AutopilotEmulator, reader: AccountReader
) -> None:
    for number in range(101):
        emulator.staff.add_contact(f"p{number}@example.com", custom={GOLD: True})
    emulator.inject(Fault(kind=FaultKind.ERROR, status=503, path="^/contacts/", times=1))

    assert len(flagged(reader)) == 101
    assert len(paths(emulator)) == 3
