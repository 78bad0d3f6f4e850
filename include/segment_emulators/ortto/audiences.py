"""An audience: a saved filter with a name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from segment_emulators.ortto.config import Case
from segment_emulators.ortto.filters import test_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segment_emulators.ortto.fields import FieldBook
    from segment_emulators.ortto.people import Person


@dataclass(slots=True)
class Audience:
    """People enter it and leave it as the filter says; who enters is subscribed to it."""

    audience_id: str
    name: str
    filter: dict[str, Any]
    created_at: float
    opted_out: set[str] = field(default_factory=set)
    """Ids of people who don't want its mails."""

    def members(self, people: Iterable[Person], fields: FieldBook) -> list[Person]:
        """Return the people whom the filter names."""
        test = test_of(self.filter, fields, Case.FOLDED)
        return [one for one in people if test(one.fields, one.tags)]

    def is_subscribed(self, person: Person) -> bool:
        """Tell whether a member gets its mails."""
        return not person.is_unsubscribed and person.contact_id not in self.opted_out
