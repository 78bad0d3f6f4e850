"""Custom fields of the account: each that the mapping fills is found by its name, or made.

The id of a field is what the account says, never computed. That a field exists already is answered with
several statuses, so after a refusal the fields are read again and decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from segment_exports.contact_fields.fields import name_of
from segment_exports.contact_fields.ortto import place_of, placeholder_of
from segment_exports.destinations.ortto.client import AccountField
from segment_exports.errors import (
    AccountRefusedError,
    DestinationError,
    OutcomeUnknownError,
    RequestRefusedError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_exports.contact_fields.fields import MappedField
    from segment_exports.contact_fields.ortto import CustomField
    from segment_exports.destinations.ortto.client import OrttoClient

PLAN_LIMITS = "100, 150 or 200 custom fields by plan"
"""Documented; the API's own page says 100 of every plan."""
_LEAST_LIMIT = 100

_TAKEN_BY = {
    "text": {"text", "single_select", "link", "email"},
    "large_text": {"large_text"},
    "integer": {"integer"},
    "decimal": {"decimal", "currency"},
    "bool": {"bool"},
    "date": {"date"},
    "phone": {"phone"},
    "geo": {"geo"},
    "single_select": {"single_select", "text"},
    "multi_select": {"multi_select"},
}
"""Display types of the account that take what is written for an API type."""


class FieldProblemError(AccountRefusedError):
    """A custom field is missing, or can't take what is mapped to it; the text says what to do."""


async def ensure_fields(
    client: OrttoClient, wanted: Sequence[CustomField], *, create: bool
) -> dict[str, AccountField]:
    """Return the account's field for each custom field of the mapping, by its key; make what is missing.

    :param create: whether they may be made.
    :raises FieldProblemError: naming every field that is missing, of another type, or only to be read.
    """
    if not wanted:
        return {}
    there = await client.custom_fields()
    found, _ = _judged(wanted, there)
    for one in missing_fields(wanted, there, create=create):
        found[one.key] = await _make(client, one)
    return found


def missing_fields(
    wanted: Sequence[CustomField], there: Sequence[AccountField], *, create: bool
) -> list[CustomField]:
    """Return which fields of the mapping have to be made. Nothing is made.

    :param there: all custom fields of the account.
    :param create: whether they may be made.
    :raises FieldProblemError: as :func:`ensure_fields`.
    """
    _, missing = _judged(wanted, there)
    if missing and not create:
        raise FieldProblemError(_told_missing(missing, there, "destination.create_fields is false"))
    return missing


def told_room(missing: Sequence[CustomField], there: Sequence[AccountField]) -> str | None:
    """Say that the plan may have no room for the fields that have to be made; None where every plan has."""
    if len(there) + len(missing) <= _LEAST_LIMIT:
        return None
    return (
        f"the account has {len(there)} custom fields, and {len(missing)} more have to be made: Ortto has "
        f"{PLAN_LIMITS}. Where the plan has no room the upload stops and names them"
    )


def _judged(
    wanted: Sequence[CustomField], there: Sequence[AccountField]
) -> tuple[dict[str, AccountField], list[CustomField]]:
    found: dict[str, AccountField] = {}
    missing, problems = [], []
    for one in wanted:
        field = _of_name(one.name, there)
        if field is None:
            missing.append(one)
        elif field.is_read_only:
            problems.append(
                f"{one.name!r} can only be read there: another integration fills it; map to another name"
            )
        elif field.display_type not in _TAKEN_BY[one.type]:
            problems.append(
                f"{one.name!r} is of type {field.display_type} there, and what is mapped to it is of type "
                f"{one.type}; give one of them another name, since a field's type can't be changed"
            )
        else:
            found[one.key] = field
    if problems:
        raise FieldProblemError(f"custom fields of the account: {'; '.join(problems)}")
    return found, missing


async def _make(client: OrttoClient, wanted: CustomField) -> AccountField:
    """Make a field, unless it turns out to be there.

    :raises FieldProblemError: it can't be made.
    """
    try:
        made = await client.create_custom_field(wanted.name, wanted.type, wanted.values)
    except (RequestRefusedError, OutcomeUnknownError, AccountRefusedError) as error:
        return await _found_after(client, wanted, error)
    return AccountField(made, wanted.name, wanted.type)


async def _found_after(client: OrttoClient, wanted: CustomField, error: DestinationError) -> AccountField:
    there = await client.custom_fields()
    found, missing = _judged([wanted], there)
    if not missing:
        return found[wanted.key]
    if isinstance(error, OutcomeUnknownError):
        raise error
    raise FieldProblemError(_told_missing(missing, there, f"it could not be made: {error}"))


def _of_name(name: str, there: Sequence[AccountField]) -> AccountField | None:
    """Return the field of a name as people see it, the exact one before one that differs by case."""
    alike = [one for one in there if one.name.casefold() == name.casefold()]
    return min(alike, key=lambda one: (one.name != name, one.field_id), default=None)


def _told_missing(missing: Sequence[CustomField], there: Sequence[AccountField], why: str) -> str:
    names = ", ".join(f"{one.name!r} ({one.type})" for one in missing)
    others = ", ".join(repr(one.name) for one in there) or "none"
    return (
        f"the account lacks custom fields that the mapping fills: {names}; {why}. It has {len(there)}: "
        f"{others}. Ortto has {PLAN_LIMITS}. Make them in Ortto, let them be made (create_fields: true), or "
        f"take them out of the mapping"
    )


def ids_by_key(found: Mapping[str, AccountField]) -> dict[bytes, bytes]:
    """Return the members of a payload as they stand there, and as they are sent: ``"@key":`` to ``"id":``."""
    return {placeholder_of(key): orjson.dumps(field.field_id) + b":" for key, field in found.items()}


class FieldNames:
    """Fields as people see them, for what the account says of them by its ids.

    :param fields: those of the mapping.
    :param found: the account's field for each custom one, by its key in payloads.
    """

    def __init__(self, fields: Sequence[MappedField], found: Mapping[str, AccountField]) -> None:
        self._by_key = {place_of(one).key: one.target for one in fields}
        ids = {found[key].field_id if key in found else key: name for key, name in self._by_key.items()}
        self._by_id = dict(sorted(ids.items(), key=lambda one: len(one[0]), reverse=True))

    def told(self, text: str) -> str:
        """Return a text with the names instead of the ids; those of custom fields without their type."""
        for field_id, target in self._by_id.items():
            text = text.replace(field_id, name_of(target).replace("--", " ") or target)
        return text

    def of_payload(self, payload: bytes) -> bytes:
        """Return the JSON object of a payload with the names for keys."""
        values: dict[str, Any] = orjson.loads(payload)
        return orjson.dumps({self._by_key.get(key, key): value for key, value in values.items()})
