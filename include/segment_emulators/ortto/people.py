"""A person, a tag and what happens to people, as the account keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from segment_emulators.ortto.fields import EMAIL, PERMISSION, TAGS

if TYPE_CHECKING:
    from collections.abc import Iterable

_STARTED = 1_761_932_538.503


@dataclass(frozen=True, slots=True)
class Before:
    """What a person was before a change that isn't seen yet."""

    changed_at: float
    fields: dict[str, Any] | None
    """None where the person was not there."""
    tags: tuple[int, ...]


@dataclass(slots=True, eq=False)
class Person:
    """One person. ``fields`` is keyed by field id; times are seconds since 1970."""

    contact_id: str
    created_at: float
    edited_at: float
    made_at: int = 0
    """The account's count of arrivals when it was made."""
    fields: dict[str, Any] = field(default_factory=dict)
    tags: list[int] = field(default_factory=list)
    """Ids, in the order in which they were given."""
    before: list[Before] = field(default_factory=list)
    """Changes that a reader may not see yet, oldest first."""

    @property
    def email(self) -> str | None:
        """The address, as it was stored."""
        found: str | None = self.fields.get(EMAIL)
        return found

    @property
    def is_unsubscribed(self) -> bool:
        """Whether it may not be mailed."""
        return self.fields.get(PERMISSION) is False

    @property
    def lists(self) -> list[str]:
        """The ids of its tags, as text."""
        return [str(one) for one in self.tags]

    def to_json(self) -> dict[str, Any]:
        """Return the person with all its fields, as if all were asked for."""
        return {"id": self.contact_id, "fields": {**self.fields, **({TAGS: self.tags} if self.tags else {})}}

    def seen(self, now: float, delay: float) -> tuple[dict[str, Any] | None, Iterable[int]]:
        """Return fields and tags as a reader sees them ``delay`` seconds after a change; None is nobody."""
        for change in self.before:
            if change.changed_at > now - delay:
                return change.fields, change.tags
        return self.fields, self.tags


@dataclass(slots=True)
class Tag:
    """A tag: of people, or (``kind`` is ``organization``) of accounts, each kind with ids of its own."""

    tag_id: int
    title: str
    kind: str = ""
    created_at: float = _STARTED
    last_used: float = _STARTED
    members: dict[str, None] = field(default_factory=dict)
    """Ids of people, in the order in which they got it."""

    @property
    def list_id(self) -> str:
        """The id as text."""
        return str(self.tag_id)


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that happened to a person: Ortto keeps it, shows it, and may start a journey by it."""

    what: str
    """``created``, ``merged``, ``address_changed``, ``tag_added``, ``tag_removed``, ``first_subscribed`` (at
    creation), ``subscribed`` (again), ``unsubscribed``, ``archived``, ``restored``, ``deleted``,
    ``activity`` (one that was sent)."""
    contact_id: str
    email: str | None
    detail: str = ""
    """The tag's name; the reason; the address before."""
    at: float = 0.0
    """Seconds since 1970."""
    by_staff: bool = False
    """Whether it was done in Ortto's own pages."""


def time_text(seconds: float) -> str:
    """Return a time as the API writes it."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
