"""A contact as the account keeps it and as the API answers it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple


class CustomField(NamedTuple):
    """A custom field: ``string--Loyalty--Tier`` is named ``Loyalty Tier`` and of type ``string``."""

    name: str
    field_type: str


@lru_cache(maxsize=4096)
def parse_custom_key(key: str) -> CustomField:
    """Split the key that is sent into the name and type that are answered."""
    field_type, separator, name = key.partition("--")
    return CustomField(name.replace("--", " "), field_type) if separator else CustomField(key, "string")


@dataclass(slots=True, eq=False)
class Contact:
    """One contact. ``custom`` is keyed as sent; times are seconds since 1970."""

    contact_id: str
    email: str | None
    created_at: float
    updated_at: float
    api_originated: bool = True
    fields: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] | None = None
    lists: list[str] | None = None
    unsubscribed: bool | None = None
    """None until somebody said so or otherwise."""

    @property
    def is_unsubscribed(self) -> bool:
        """Whether it gets no mail, because somebody said so."""
        return self.unsubscribed is True

    def to_json(self) -> dict[str, Any]:
        """Return the contact as ``GET /contact`` answers it: no key for what is empty."""
        answer: dict[str, Any] = {} if self.email is None else {"Email": self.email}
        answer.update(self.fields)
        answer["created_at"] = _time(int(self.created_at))
        answer["updated_at"] = _time(int(self.updated_at))
        if self.api_originated:
            answer["api_originated"] = True
        if self.unsubscribed is not None:
            answer["unsubscribed"] = self.unsubscribed
        if self.custom:
            answer["custom_fields"] = [
                {"kind": kind, "value": value, "fieldType": field_type, "deleted": False}
                for (kind, field_type), value in (
                    (parse_custom_key(key), value) for key, value in self.custom.items()
                )
            ]
        answer["contact_id"] = self.contact_id
        if self.lists:
            answer["lists"] = list(self.lists)
        return answer


@lru_cache(maxsize=4096)
def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
