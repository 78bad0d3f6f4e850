"""From a definition's ``destination.type`` to what contact fields become there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.contact_fields.autopilot import AutopilotFields
from segment_exports.contact_fields.ortto import OrttoFields

if TYPE_CHECKING:
    from segment_exports.contact_fields.destination_fields import DestinationFields

_FIELDS: dict[str, DestinationFields] = {"autopilot": AutopilotFields(), "ortto": OrttoFields()}


def fields_of(destination_type: str) -> DestinationFields:
    """Return the contact fields of a type of destination.

    :raises KeyError: there is no such type.
    """
    return _FIELDS[destination_type]


def refused_fields() -> dict[str, str]:
    """Return every name that a mapping may not fill at some destination, and why."""
    return {name: why for one in _FIELDS.values() for name, why in one.refused.items()}
