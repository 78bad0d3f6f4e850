"""What can happen to a contact and to one operation on it, and how counts of either are told."""

from __future__ import annotations

from enum import StrEnum


class Operation(StrEnum):
    """One thing done to a contact. Receipts and ledger hold outcomes per operation."""

    UPSERT = "upsert"
    JOIN = "join"
    LEAVE = "leave"


class Outcome(StrEnum):
    """Outcome of a contact or of one operation, from best to worst (design: the worst one counts)."""

    UNCHANGED = "unchanged"
    DELIVERED = "delivered"
    SUPPRESSED = "suppressed"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    FAILED = "failed"

    @property
    def severity(self) -> int:
        """Rank for "the worst operation decides the contact": higher is worse."""
        return _SEVERITY[self]


_SEVERITY = {outcome: rank for rank, outcome in enumerate(Outcome)}

ERASED = "the person was erased after this was planned"
"""Reason of what is left undone for that; another attempt would not do it either."""

CONTACT_GONE = "the contact is not there any more"
"""Reason of what was done, or can't be, since nobody is there under any name that is known."""

UNSUBSCRIBE = "@unsubscribe"
"""Reserved list key in a chunk's ``leaves``: unsubscribe the contact (permission withdrawn). No title
of a list may be equal to it."""


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun, and with the verb where one follows: ``1 row``, ``2 people are``.

    :param many: what stands after any other count than one; by default ``one`` with an s.
    """
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def percent(share: float) -> str:
    """Return a share in percent, in so many places that none but zero looks like zero."""
    return f"{100 * share:.4}%" if share < 9.995 else f"{share:.0%}"
