"""The note of a move that was done: ``_accounts/<connection>/moved/<export>.json``, with nobody's address."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads it at run time
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from segment_exports.records.staging import Store

_ADVICE = "It notes that an export was moved to this account: move it away, and move the export again"


class Moved(BaseModel):
    """A move that was done: of which export, from which account to which, when, and how many people.

    ``scope`` is ``account``, or ``lists`` where no more than the people of our lists were looked at.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    export: str
    from_connection: str
    to_connection: str
    moved_at: datetime
    scope: str
    contacts: int
    unsubscribed: int
    undeliverable: int


def moved(staging: Store, connection: str, export: str) -> Moved | None:
    """Return the move of an export to the account of a connection; None where there was none.

    :raises StagingError: its note can't be believed.
    """
    folder, name = _place(staging, connection, export)
    return folder.read_model(name, Moved, advice=_ADVICE) if folder.exists(name) else None


def note_moved(staging: Store, move: Moved) -> str:
    """Write down that a move was done, and return where."""
    folder, name = _place(staging, move.to_connection, move.export)
    folder.write_json(name, move.model_dump(mode="json"))
    return folder.path(name)


def note_told(staging: Store, connection: str, export: str) -> bool:
    """Note that somebody was told of a move that was never done; False where that was noted before.

    :raises StagingError: nothing can be noted.
    """
    folder, name = _place(staging, connection, export, ending=".told")
    return folder.create(name, b"")


def _place(staging: Store, connection: str, export: str, ending: str = ".json") -> tuple[Store, str]:
    folder = staging.sub(staging.named("_accounts", connection))
    return folder, folder.named("moved", export, ending=ending)
