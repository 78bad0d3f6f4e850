"""The ``segments`` of a definition, and the lists that their members join."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping  # noqa: TC003 - pydantic reads it at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from segment_exports.contact_fields.fields import field_of
from segment_exports.definition.meant import kind_meant, meant_key
from segment_exports.definition.problems import more_than_once, shape
from segment_exports.definition.strict import Name, StrictModel
from segment_exports.records.outcomes import UNSUBSCRIBE

if TYPE_CHECKING:
    from collections.abc import Sequence

_OF_AUTOPILOT = "contactlist_"
"""How the ids of Autopilot's lists begin."""


class SegmentTarget(StrictModel):
    """A segment and the list that its members join."""

    missing_keys: ClassVar[Mapping[str, str]] = {
        "name": "is missing; it is required. If these keys belong to the item above, take the hyphen away"
    }

    name: Name = Field(description="The segment's output table name in Customer Insights.")
    list: Name = Field(
        default_factory=lambda before: str(before.get("name", "-")),
        description="Title of the list; the segment's name where it is left out. In Ortto, the tag.",
    )
    list_id: Name | None = Field(
        default=None, description="Id of a list, in Ortto of a tag, that exists already and is adopted."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_a_name(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if not isinstance(value, dict | SegmentTarget):
            raise ValueError(  # noqa: TRY004
                f"is {shape(value)}; it must be a segment's name, or a mapping of name, list and "
                f"list_id{kind_meant('text', value)}"
            )
        if isinstance(value, dict) and value and "name" not in value:
            first = next(iter(value))
            if not meant_key(first, cls.model_fields) and (len(value) == 1 or value[first] is None):
                raise ValueError(
                    "has a colon in its name, or after it; put a name that holds a colon in quotes, or write "
                    "the key name before it (- name: ...)"
                )
        return value


@dataclass(frozen=True)
class ListTarget:
    """A list at the destination; ``list_id`` is None for one that is found by title or made."""

    title: str
    list_id: str | None


def require_no_contradiction(segments: Sequence[SegmentTarget]) -> None:
    """Refuse segments that stand twice, and lists that can't be told apart.

    :raises ValueError: the text continues the key ``segments``, as of the others here.
    """
    for name in more_than_once(segment.name for segment in segments):
        raise ValueError(f"names {name} more than once")
    if any(segment.list == UNSUBSCRIBE for segment in segments):
        raise ValueError(f"titles a list {UNSUBSCRIBE}, which means unsubscribing; give it another")
    ids, titles = dict[str, str | None](), dict[str, str]()
    for segment in segments:
        if ids.setdefault(segment.list, segment.list_id) != segment.list_id:
            raise ValueError(f"gives the list {segment.list} different values of list_id")
        if segment.list_id and titles.setdefault(segment.list_id, segment.list) != segment.list:
            raise ValueError(f"gives the list_id {segment.list_id} to lists of different titles")


def require_own_fields(segments: Sequence[SegmentTarget]) -> None:
    """Refuse lists of one custom field, where that field holds who is on them."""
    titles: dict[str, str] = {}
    for segment in segments:
        field = field_of(segment.list)
        if (other := titles.setdefault(field, segment.list)) != segment.list:
            raise ValueError(
                f"gives the lists {other} and {segment.list} one custom field, {field}, since a blank is "
                f"written as two hyphens; give one of them another title, or don't set "
                f"destination.membership to field"
            )


def require_own_tags(segments: Sequence[SegmentTarget]) -> None:
    """Refuse lists whose tags may be one at the destination, and ids that are none of a tag."""
    titles: dict[str, str] = {}
    for segment in segments:
        if (other := titles.setdefault(folded_title(segment.list), segment.list)) != segment.list:
            raise ValueError(
                f"gives lists the titles {other} and {segment.list}, which differ by case or blanks only; in "
                f"Ortto both may be one tag. Give one of them another title"
            )
        if segment.list_id and not (segment.list_id.startswith(_OF_AUTOPILOT) or tag_id(segment.list_id)):
            raise ValueError(
                f"gives the list {segment.list} a list_id that is no number; in Ortto it is the tag's id"
            )


def tag_id(list_id: str | None) -> str | None:
    """Return the id of a tag; None for that of a list of Autopilot's, which an export brings that moved."""
    return list_id if list_id and list_id.isascii() and list_id.isdecimal() else None


def folded_title(title: str) -> str:
    """Return what the titles of two tags have in common that may be one: case and blanks don't count."""
    return " ".join(unicodedata.normalize("NFKC", title).casefold().split())
