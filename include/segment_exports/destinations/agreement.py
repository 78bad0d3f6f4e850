"""The agreement to transfer data out of Customer Insights, which a connection must carry.

Imports next to nothing: Airflow reads the text in every one of its processes.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from segment_exports.settings import bounds
from segment_exports.settings.connection_fields import label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_exports.settings.connection_fields import Naming

_TEXT = (
    "I agree: data leaves Customer Insights. An export that uses this connection transfers data, personal "
    "data among it, out of the compliance boundary of Dynamics 365 Customer Insights to {receiver}, as its "
    "definition says. I am responsible for making sure that {receiver} meets the privacy and security "
    "obligations that apply to these data. Removing or disabling this connection ends the transfer at any "
    "time."
)
"""In plain words what Microsoft's page on its own connector to Autopilot asks for under "Data privacy
and compliance". Another text asks everybody again."""

_KEYS = ("agreed_by", "agreed_at", "agreed_text")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]+(Z|[+-][0-9:]+)?)?")
_FIRST = date(2019, 1, 1)
"""There were no Customer Insights before, out of which data could be transferred."""
_EARLIEST_ZONE = timedelta(hours=14)
"""So far ahead of UTC is the day of Kiribati (UTC+14): what has no zone may have been written there."""
_CLOCKS_DIFFER = timedelta(minutes=5)


def agreement_text(receiver: str) -> str:
    """Return the text that is agreed to.

    :param receiver: name of the destination's service, such as ``Autopilot``.
    """
    return _TEXT.format(receiver=receiver)


def agreement_version(receiver: str) -> str:
    """Return what names the text; who agreed to one receiver agreed to no other."""
    return hashlib.sha256(agreement_text(receiver).encode()).hexdigest()[:12]


def agreement_choice(receiver: str) -> str:
    """Return what the form offers to choose; it names the text that is agreed to."""
    return f"I agree (text {agreement_version(receiver)})"


@dataclass(frozen=True)
class Agreement:
    """Who agreed to the transfer, when (ISO 8601, a day or a time), and to which text (its version)."""

    agreed_by: str
    agreed_at: str
    agreed_text: str

    def is_current(self, receiver: str) -> bool:
        """Tell whether it is the present text, and of this receiver, that was agreed to."""
        return self.agreed_text == agreement_version(receiver)

    @classmethod
    def of(cls, extra: Mapping[str, Any]) -> Agreement | None:
        """Return the agreement that a connection's extra holds; None unless it is complete."""
        given = [extra.get(key) for key in _KEYS]
        values = [value.strip() for value in given if isinstance(value, str)]
        return cls(*values) if len(values) == len(_KEYS) and all(values) else None

    def fault(self, now: datetime, named: Naming = label) -> str | None:
        """Return why it is none, whatever its text; None where it may be one.

        Who agreed is a name, and when is a day or time that has begun: where it tells no zone, in any zone.

        :param named: what the message calls a field.
        """
        by, at = named("agreed_by"), named("agreed_at")
        if not any(one.isalpha() for one in self.agreed_by):
            return f"{by} must be the name of who agreed"
        if len(self.agreed_by) > bounds.NAME_CHARACTERS or not self.agreed_by.isprintable():
            return f"{by} must be a name of at most {bounds.NAME_CHARACTERS} characters on one line"
        moment = _moment(self.agreed_at)
        if moment is None:
            return f"{at} must be the day, or the time, of the agreement, such as 2026-03-02"
        if moment.date() < _FIRST:
            return f"{at} ({self.agreed_at}) is before {_FIRST}, so it can't be the day of the agreement"
        slack = _EARLIEST_ZONE if moment.tzinfo is None else _CLOCKS_DIFFER
        if moment.replace(tzinfo=moment.tzinfo or UTC) > now + slack:
            return f"{at} ({self.agreed_at}) is still to come, so nobody has agreed yet"
        return None

    def to_json(self) -> dict[str, str]:
        """Return what each run report carries."""
        return dict(zip(_KEYS, (self.agreed_by, self.agreed_at, self.agreed_text), strict=True))


def signed_agreement(
    agreed_by: str, at: datetime | None = None, *, receiver: str = "Autopilot"
) -> dict[str, str]:
    """Return the keys of a connection's extra by which someone agrees to the present text.

    :param at: when; now, if it is not given.
    """
    moment = (at or datetime.now(UTC)).replace(microsecond=0)
    return Agreement(agreed_by, moment.isoformat(), agreement_version(receiver)).to_json()


def _moment(text: str) -> datetime | None:
    """Return a day's begin, or a time; None where the text is neither."""
    try:
        return datetime.fromisoformat(text) if _ISO.fullmatch(text) else None
    except ValueError:
        return None
