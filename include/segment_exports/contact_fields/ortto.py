"""What contact fields become at Ortto: its own ones by id, all others by a key that stands for their id.

``{"str::email":"…","str::first":"…","@Company":"…","@string--Loyalty--Tier":"…"}``: the address first, then
in the mapping's order. Only the account knows the ids of custom fields; the delivery puts them in the place
of the keys that begin with ``@``. Equal values always give equal text, so the hash of the text tells
whether a contact changed. No permission ever stands in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.contact_fields.destination_fields import FieldThere
from segment_exports.contact_fields.ortto_names import (
    REFUSED_FIELDS,
    CustomField,
    contradictions,
    custom_fields,
    folded,
    place_of,
    placeholder_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from segment_exports.contact_fields.fields import MappedField

__all__ = ["CustomField", "OrttoFields", "custom_fields", "place_of", "placeholder_of"]


class OrttoFields:
    """Ortto's side of :class:`~segment_exports.contact_fields.destination_fields.DestinationFields`."""

    refused: Mapping[str, str] = REFUSED_FIELDS
    most_bytes = 1_900_000
    """2 MB is documented of a request; the rest is for the tags."""

    def render(self, fields: Sequence[MappedField], columns: Sequence[pa.StringArray]) -> pa.StringArray:
        """Return one JSON object per row."""
        # Arrow takes a fifth of a second to import, and who reads a definition needs none of it.
        from segment_exports.contact_fields import json_columns as as_json
        from segment_exports.contact_fields.ortto_columns import typed

        members = [
            as_json.members(place.key, typed(place.type, field, values).values, quoted=False)
            for field, values in zip(fields, columns, strict=True)
            for place in [place_of(field)]
        ]
        return as_json.objects(*members)

    def refusals(self, field: MappedField, values: pa.StringArray) -> pa.StringArray:
        """Return why each value isn't taken; null where it is."""
        from segment_exports.contact_fields.ortto_columns import typed

        return typed(place_of(field).type, field, values).refusals

    def contradictions(self, fields: Sequence[MappedField]) -> Iterator[str]:
        """Tell what of a mapping can't be had there."""
        return contradictions(fields)

    def there(self, field: MappedField) -> FieldThere:
        """Return its own field by id, or the custom field by name."""
        place = place_of(field)
        if place.custom is None:
            return FieldThere(place.key, place.key, place.type, is_made=False)
        return FieldThere(folded(place.custom.name), place.custom.name, place.type, is_made=True)
