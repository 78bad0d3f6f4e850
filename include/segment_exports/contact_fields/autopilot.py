"""What contact fields become at Autopilot: their own names, and custom ones in an object of their own.

``{"Email":"…","FirstName":"…","custom":{"string--Loyalty--Tier":"…","integer--Points":12}}``: keys in
the mapping's order. Types that Autopilot lacks are strings: ``text--Notes`` is its ``string--Notes``. Equal
values always give equal text, so the hash of the text tells whether a contact changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.contact_fields.destination_fields import FieldThere
from segment_exports.contact_fields.fields import FieldType, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from segment_exports.contact_fields.fields import MappedField

_OWN_TYPES = {FieldType.STRING, FieldType.INTEGER, FieldType.FLOAT, FieldType.BOOLEAN, FieldType.DATE}
_UNQUOTED = {FieldType.INTEGER, FieldType.FLOAT, FieldType.BOOLEAN}

REFUSED_FIELDS: Mapping[str, str] = {
    "unsubscribed": "it is never sent, so that nobody is re-subscribed; see when_permission_withdrawn",
    "Unsubscribed": "it is never sent, so that nobody is re-subscribed; see when_permission_withdrawn",
    "notify": "it is never sent",
    "_autopilot_list": "membership comes from `segments`; see destination.membership",
    "_NewEmail": "a changed address is followed by when_email_changes",
    "_autopilot_session_id": "it belongs to a web session, not to a profile",
    "contact_id": "Autopilot gives it and doesn't take it",
    "created_at": "Autopilot gives it and doesn't take it",
    "updated_at": "Autopilot gives it and doesn't take it",
    "lists": "membership comes from `segments`",
    "custom_fields": "write custom fields under `custom`, as <type>--<Name>",
}
"""Names of Autopilot's contact that a mapping may not fill, and why."""


class AutopilotFields:
    """Autopilot's side of :class:`~segment_exports.contact_fields.destination_fields.DestinationFields`."""

    refused: Mapping[str, str] = REFUSED_FIELDS
    most_bytes = None

    def render(self, fields: Sequence[MappedField], columns: Sequence[pa.StringArray]) -> pa.StringArray:
        """Return one JSON object per row."""
        # Arrow takes a fifth of a second to import, and who reads a definition needs none of it.
        from segment_exports.contact_fields import json_columns as as_json

        told = [
            as_json.members(self.there(field).key, values, quoted=field.type not in _UNQUOTED)
            for field, values in zip(fields, columns, strict=True)
        ]
        members = [member for field, member in zip(fields, told, strict=True) if not field.custom]
        custom = [member for field, member in zip(fields, told, strict=True) if field.custom]
        if custom:
            members.append(as_json.object_members("custom", custom))
        return as_json.objects(*members)

    def refusals(self, field: MappedField, values: pa.StringArray) -> pa.StringArray | None:
        """Return None: it takes what can be converted."""

    def contradictions(self, _: Sequence[MappedField]) -> Iterator[str]:
        """Tell nothing: it takes what the mapping's own rules let through."""
        yield from ()

    def there(self, field: MappedField) -> FieldThere:
        """Return the field itself, or a string where Autopilot has no such type."""
        kind = field.type if field.type in _OWN_TYPES else FieldType.STRING
        name = field.target if kind is field.type else f"{kind}--{name_of(field.target)}"
        return FieldThere(name, name, kind, is_made=field.custom)
