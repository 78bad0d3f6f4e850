"""What a definition means at its destination that a person should know before a run; nobody is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.commands.moving.marker import moved, note_told
from segment_exports.contact_fields.fields import FIELDS_OF_CHOICES
from segment_exports.contact_fields.opening import fields_of
from segment_exports.definition import NewPeople, OrttoSettings
from segment_exports.errors import StagingError
from segment_exports.records.outcomes import counted

if TYPE_CHECKING:
    from segment_exports.definition import ExportDefinition
    from segment_exports.records.staging import Store


def told_of_destination(definition: ExportDefinition, staging: Store | None) -> list[str]:
    """Return which fields the account must have been given, and whether people have to be moved first.

    :param staging: the staging root, where it is known: what is told once is noted there.
    """
    if not isinstance(definition.destination, OrttoSettings):
        return []
    return [
        *_ids_of_lists(definition),
        *_fields_to_be_made(definition, definition.destination),
        *_never_moved(definition, definition.destination, staging),
    ]


def _ids_of_lists(definition: ExportDefinition) -> list[str]:
    known = {one.title: one.list_id for one in definition.lists}
    return [
        f"the list_id of {one.list} is a list's in Autopilot and isn't used: the tag is known by its name"
        for one in definition.segments
        if one.list_id and not known[one.list]
    ]


def _fields_to_be_made(definition: ExportDefinition, destination: OrttoSettings) -> list[str]:
    fields = fields_of(destination.type)
    made = [(one.target, fields.there(one)) for one in definition.fields]
    told = [f"{target} → {there.name} ({there.type})" for target, there in made if there.is_made]
    if not told:
        return []
    missing = (
        "those that the account lacks are made before the first person (destination.create_fields)"
        if destination.create_fields
        else "a run stops if the account lacks one, and names it (destination.create_fields is false)"
    )
    unmade = [one.target for one in definition.fields if one.type in FIELDS_OF_CHOICES and not one.values]
    if unmade and destination.create_fields:
        missing += f", but none of choices without values ({', '.join(unmade)})"
    return [
        f"{counted(len(told), 'field')} of the mapping must be custom fields; {missing}: {', '.join(told)}"
    ]


def _never_moved(
    definition: ExportDefinition, destination: OrttoSettings, staging: Store | None
) -> list[str]:
    """Say once that unsubscriptions don't move by themselves."""
    if destination.new_people is not NewPeople.SUBSCRIBED or not _is_news(definition, staging):
        return []
    return [
        f"destination.new_people is subscribed, and this export was never moved here: who unsubscribed in "
        f"Autopilot would be subscribed again. If it ever went there, first run: make move "
        f"EXPORT={definition.name} TO={destination.connection} (docs/moving-to-ortto.md). This is said once"
    ]


def _is_news(definition: ExportDefinition, staging: Store | None) -> bool:
    """Whether it was neither moved nor told; notes that it is told now."""
    if staging is None:
        return True
    account, export = definition.destination.connection, definition.name
    try:
        return moved(staging, account, export) is None and note_told(staging, account, export)
    except StagingError:
        return True
