"""The agreement to transfer data out of Customer Insights, which a connection must carry.

Imports nothing but the standard library: Airflow reads the text in every one of its processes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

AGREEMENT_TEXT = (
    "I agree: data leaves Customer Insights. An export that uses this connection transfers data, personal "
    "data among it, out of the compliance boundary of Dynamics 365 Customer Insights to Autopilot, as its "
    "definition says. I am responsible for making sure that Autopilot meets the privacy and security "
    "obligations that apply to these data. Removing or disabling this connection ends the transfer at any "
    "time."
)
"""In plain words what Microsoft's page on its own connector to Autopilot asks for under "Data privacy
and compliance"."""

AGREEMENT_VERSION = hashlib.sha256(AGREEMENT_TEXT.encode()).hexdigest()[:12]
"""Names the text; another text asks again."""

_KEYS = ("agreed_by", "agreed_at", "agreed_text")


@dataclass(frozen=True)
class Agreement:
    """Who agreed to the transfer, when (as written by hand or ISO 8601), and to which text (its version)."""

    agreed_by: str
    agreed_at: str
    agreed_text: str

    @property
    def is_current(self) -> bool:
        """Whether it is the present text that was agreed to."""
        return self.agreed_text == AGREEMENT_VERSION

    @classmethod
    def of(cls, extra: Mapping[str, Any]) -> Agreement | None:
        """Return the agreement that a connection's extra holds; None unless it is complete."""
        values = [str(extra.get(key) or "").strip() for key in _KEYS]
        return cls(*values) if all(values) else None

    def to_json(self) -> dict[str, str]:
        """Return what each run report carries."""
        return dict(zip(_KEYS, (self.agreed_by, self.agreed_at, self.agreed_text), strict=True))


def signed_agreement(agreed_by: str, at: datetime | None = None) -> dict[str, str]:
    """Return the keys of a connection's extra by which someone agrees to the present text.

    :param at: when; now, if it is not given.
    """
    moment = (at or datetime.now(UTC)).replace(microsecond=0)
    return Agreement(agreed_by, moment.isoformat(), AGREEMENT_VERSION).to_json()
