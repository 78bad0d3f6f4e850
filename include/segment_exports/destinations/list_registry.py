"""The lists that we made in an account, or meant to make. At Ortto a list is a tag."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 pydantic reads it at run time
from typing import TYPE_CHECKING

from segment_exports.records.storing.damage import damaged

if TYPE_CHECKING:
    from segment_exports.records.staging import Store

_ADOPT = (
    "It says which list we made. Move it away, and give the list's id as list_id beside its segment, as the "
    "next run tells it"
)


@dataclass(frozen=True)
class RegisteredList:
    """A list that we made, or meant to make at ``intended_at`` (then ``list_id`` is None)."""

    title: str
    list_id: str | None
    intended_at: datetime


class ListRegistry:
    """The lists that we made in one account: one small file per title, so that no writer loses another's."""

    def __init__(self, account: Store) -> None:
        self._store = account

    @property
    def place(self) -> str:
        """Where they are kept, for a message."""
        return self._store.path("lists")

    def find(self, title: str) -> RegisteredList | None:
        """Return what is known of the list of this title."""
        path = self._path(title)
        if not self._store.exists(path):
            return None
        return self._read(path)

    def intend(self, title: str, at: datetime) -> bool:
        """Write down that the list is about to be made; return False if that stands there already."""
        return self._store.create(self._path(title), _encode(title, None, at))

    def made(self, title: str, list_id: str, at: datetime) -> None:
        """Write down that the list was made."""
        self._store.write_bytes(self._path(title), _encode(title, list_id, at))

    def forget(self, title: str) -> None:
        """Take back an intent that came to nothing."""
        self._store.remove(self._path(title))

    def ids(self) -> dict[str, str]:
        """Return the ids of the lists that were made, by title."""
        known = [self._read(f"lists/{name}") for name in self._store.names("lists")]
        return {one.title: one.list_id for one in known if one.list_id}

    def _read(self, path: str) -> RegisteredList:
        found = self._store.read_model(path, RegisteredList, advice=_ADOPT)
        if self._path(found.title) != path:
            raise damaged(self._store.path(path), f"it is that of the list {found.title!r}", _ADOPT)
        return found

    @staticmethod
    def _path(title: str) -> str:
        return f"lists/{hashlib.sha256(title.encode()).hexdigest()[:32]}.json"


def _encode(title: str, list_id: str | None, at: datetime) -> bytes:
    value = {"title": title, "list_id": list_id, "intended_at": at.isoformat()}
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"
