"""Why a contact was refused, in words that are fit to be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from segment_exports.contact_fields.fields import STANDARD_FIELDS
from segment_exports.settings import bounds
from segment_exports.sieve.sifting import sift

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_exports.errors import DestinationError

_STANDARD_FIELDS = frozenset(name.lower() for name in STANDARD_FIELDS)


def reason_of(error: DestinationError, contacts: Sequence[bytes]) -> str:
    """Return the harmless part of what the destination said, or our own words where that tells nothing.

    :param contacts: the JSON objects that the request was about; what is known of their values.
    """
    answer = error.answer
    return (sift_about(answer.text, contacts) if answer is not None else "") or str(error)


def sift_about(text: str, contacts: Sequence[bytes] = ()) -> str:
    """Return a server's text about contacts, sifted; names of their fields are kept."""
    if len(text) > bounds.REASON_CHARACTERS:
        return ""
    known = [orjson.loads(contact) for contact in contacts]
    return sift(text, values=_values(known), names=_STANDARD_FIELDS.union(*map(_names_of, known)))


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _values(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _names_of(contact: dict[str, Any]) -> Iterator[str]:
    """Yield the names of a contact's fields, those of custom ones also as people see them, and by word."""
    for name in (*contact, *contact.get("custom", ())):
        label = name.partition("--")[2].replace("--", " ")
        yield from (one.lower() for one in (name, label, *label.split()) if one)
