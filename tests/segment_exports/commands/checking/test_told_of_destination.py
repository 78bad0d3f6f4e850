"""What is told of an export to Ortto before anything is sent: fields to be there, people to be moved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from segment_exports.commands.checking.told_of_destination import told_of_destination
from segment_exports.commands.moving.marker import Moved, note_moved
from segment_exports.definition import ExportDefinition
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from pathlib import Path

ORTTO = {"type": "ortto", "new_people": "unsubscribed", "create_fields": True}
MAPPING = {
    "Email": "EMail",
    "FirstName": "FirstName",
    "Title": "JobTitle",
    "custom": {"text--My--Notes": "Notes", "integer--Points": "Points"},
}


def definition(destination: dict[str, Any], mapping: dict[str, Any] = MAPPING) -> ExportDefinition:
    return ExportDefinition.model_validate(
        {
            "name": "newsletter",
            "source": {"type": "lake", "path": "lake"},
            "destination": destination,
            "segments": ["Gold"],
            "mapping": mapping,
        }
    )


@pytest.fixture
def staging(tmp_path: Path) -> Store:
    return Store.local(tmp_path)


def test_fields_that_become_custom_ones_are_told_with_their_types_and_that_they_are_made(
    staging: Store,
) -> None:
    assert told_of_destination(definition(ORTTO), staging) == [
        "3 fields of the mapping must be custom fields; those that the account lacks are made before the "
        "first person (destination.create_fields): Title → Job title (text), integer--Points → Points "
        "(integer), text--My--Notes → My Notes (large_text)"
    ]


def test_a_field_of_choices_is_made_only_where_these_are_given(staging: Store) -> None:
    custom = {"select--Size": "Size", "select--Tier": {"attribute": "Tier", "values": ["Gold"]}}
    (note,) = told_of_destination(definition(ORTTO, {"Email": "EMail", "custom": custom}), staging)
    assert (
        "(destination.create_fields), but none of choices without values (select--Size): select--Size" in note
    )


def test_where_they_are_not_made_it_is_told_that_a_run_would_stop(staging: Store) -> None:
    (note,) = told_of_destination(definition(ORTTO | {"create_fields": False}), staging)
    assert note.startswith(
        "3 fields of the mapping must be custom fields; a run stops if the account lacks one"
    )


def test_nothing_is_told_of_fields_that_ortto_has_nor_of_an_export_to_autopilot(staging: Store) -> None:
    assert told_of_destination(definition(ORTTO, {"Email": "EMail", "Phone": "Phone"}), staging) == []
    assert told_of_destination(definition({}), staging) == []


def test_the_id_of_a_list_in_autopilot_is_told_not_to_be_used(staging: Store) -> None:
    segments = [{"name": "Gold", "list_id": "contactlist_7"}, {"name": "Silver", "list_id": "12"}]
    moved = definition(ORTTO, {"Email": "EMail"}).model_dump(exclude_unset=True) | {"segments": segments}
    (note,) = told_of_destination(ExportDefinition.model_validate(moved), staging)
    assert note.startswith("the list_id of Gold is a list's in Autopilot and isn't used")


PLAIN = definition(ORTTO | {"new_people": "subscribed"}, {"Email": "EMail"})


def test_that_nobody_was_moved_is_told_once_where_new_people_are_subscribed(staging: Store) -> None:
    (note,) = told_of_destination(PLAIN, staging)
    assert note.startswith("destination.new_people is subscribed, and this export was never moved here")
    assert "make move EXPORT=newsletter TO=ortto_default" in note
    assert told_of_destination(PLAIN, staging) == []


def test_another_account_is_another_move(staging: Store) -> None:
    assert told_of_destination(PLAIN, staging)
    other = definition(ORTTO | {"new_people": "subscribed", "connection": "other"}, {"Email": "EMail"})
    assert "TO=other" in told_of_destination(other, staging)[0]


def test_nothing_is_told_of_an_export_that_was_moved(staging: Store) -> None:
    note_moved(
        staging,
        Moved(
            export="newsletter",
            from_connection="autopilot_default",
            to_connection="ortto_default",
            moved_at=datetime(2026, 1, 1, tzinfo=UTC),
            scope="account",
            contacts=10,
            unsubscribed=1,
            undeliverable=0,
        ),
    )
    assert told_of_destination(PLAIN, staging) == []


def test_it_is_told_again_where_no_note_can_be_kept(staging: Store, tmp_path: Path) -> None:
    assert told_of_destination(PLAIN, None)
    assert told_of_destination(PLAIN, None)
    (tmp_path / "_accounts").write_text("no folder")
    assert told_of_destination(PLAIN, staging)
    assert told_of_destination(PLAIN, staging)
