"""Time marks: what tells that a source without history is still the same as a moment ago."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b

from segment_exports.errors import SourceError


class SnapshotChangedError(SourceError):
    """A refresh began between choosing the snapshot and the end of reading: what was read may be mixed."""


def ensure_unchanged(what: str, chosen: str | None, found: str | None) -> None:
    """Compare the mark that a run chose with the one that is found now.

    Marks are in ISO 8601, or as :func:`sign_of`; None is no mark.

    :raises SnapshotChangedError: they differ.
    """
    if chosen != found:
        raise SnapshotChangedError(
            f"{what} was refreshed again while this run was reading: its mark was {chosen} and is {found}. "
            f"Nothing of it is delivered, since it may be half of each; start the run again"
        )


def sign_of(*told: object) -> str:
    """Return a mark of what a service tells, which changes when that does; it travels through XCom."""
    return blake2b(" ".join(map(str, told)).encode(), digest_size=8).hexdigest()


def parse_time(text: object, what: str) -> datetime:
    """Return a service's ISO 8601 time in UTC; one without a zone is UTC.

    :raises SourceError: it isn't one.
    """
    try:
        if isinstance(text, str):
            moment = datetime.fromisoformat(text)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    raise SourceError(f"{what} is {type(text).__name__}, not a time in ISO 8601")
