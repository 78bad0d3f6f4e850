"""The JSON of people, by kind of request. Payloads are ready text: they are cut and joined, not parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson

from segment_exports.delivery.chunk import is_due
from segment_exports.delivery.content import Content, Memberships
from segment_exports.delivery.payloads import due_payloads
from segment_exports.destinations.ortto.account_fields import ids_by_key
from segment_exports.destinations.ortto.api import EMAIL, PERMISSION, PERSON_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from segment_exports.delivery.chunk import Chunk
    from segment_exports.destinations.ortto.client import AccountField

    Mask = npt.NDArray[np.bool_]
    Places = npt.NDArray[np.int64]

_OFF = b',"' + PERMISSION.encode() + b'":false'
_MULTI_SELECT = "multi_select"


class Bodies:
    """Renders people of one chunk.

    :param tags: names of tags by their titles.
    :param fields: the account's field for each custom one, by its key in payloads.
    :param permission_off: whether new people are made unsubscribed. On is never sent: left out, it is on.
    """

    def __init__(
        self,
        chunk: Chunk,
        tags: Mapping[str, str],
        fields: Mapping[str, AccountField],
        *,
        permission_off: bool,
    ) -> None:
        self._chunk = chunk
        self._tags = [orjson.dumps(tags.get(title, title)) for title in chunk.titles]
        self._ids = ids_by_key(fields)
        self._added_to = [
            orjson.dumps(one.field_id) for one in fields.values() if one.display_type == _MULTI_SELECT
        ]
        self._permission_off = permission_off

    def creating(self, rows: Places, off: Mask) -> Content:
        """Return what makes these people; ``off`` tells who must not be mailed.

        Nor may who joins nothing: an earlier run kept them off the lists, since they refused under another
        address.
        """
        chunk = self._chunk
        due = is_due(chunk.upsert[rows])
        join = is_due(chunk.join[rows])
        off = off | ~join.any(axis=1)
        payloads = due_payloads(chunk, rows, due)
        people = [
            self._person(payload or self._address(row), tags=tags, off=is_off or self._permission_off)
            for payload, row, tags, is_off in zip(
                payloads, rows.tolist(), self._names_of(join), off.tolist(), strict=True
            )
        ]
        return Content(rows, people, due, Memberships.of(join))

    def updating(self, rows: Places, off: Mask) -> Content:
        """Return what updates these people: payload, tags that they are given, tags that they lose."""
        chunk = self._chunk
        due = is_due(chunk.upsert[rows])
        join, leave = is_due(chunk.join[rows]), chunk.leaves_by_address(rows)
        payloads = due_payloads(chunk, rows, due)
        people = [
            self._person(payload or self._address(row), tags=tags, unset=unset, off=is_off, clears=True)
            for payload, row, tags, unset, is_off in zip(
                payloads,
                rows.tolist(),
                self._names_of(join),
                self._names_of(leave),
                off.tolist(),
                strict=True,
            )
        ]
        return Content(rows, people, due, Memberships.of(join), Memberships.of(leave))

    def leaving(
        self,
        rows: Places,
        person_ids: Sequence[str],
        off: Mask,
        emails: Sequence[str | None],
        leave: Mask | None = None,
    ) -> Content:
        """Return what takes tags off these people, and unsubscribes those of whom that is due.

        :param emails: under which they are there, where that is known.
        :param leave: which leaves, by row and column; None for all that are due.
        """
        chunk = self._chunk
        leave = is_due(chunk.leave[rows]) if leave is None else leave
        off = off | leave[:, chunk.unsubscribe]
        people = [
            self._person(by_id(person_id, email), unset=unset, off=is_off)
            for person_id, email, unset, is_off in zip(
                person_ids,
                emails,
                self._names_of(leave[:, : chunk.unsubscribe]),
                off.tolist(),
                strict=True,
            )
        ]
        nothing = np.zeros(len(rows), np.bool_)
        return Content(rows, people, nothing, leaves=Memberships.of(leave))

    def sizes_beyond(self) -> int:
        """Return how many bytes a person may take beyond the payload."""
        longer = sum(max(0, len(new) - len(old)) for old, new in self._ids.items())
        return 150 + longer + sum(len(one) + 8 for one in (*self._tags, *self._added_to))

    def _person(
        self,
        payload: bytes,
        *,
        tags: bytes = b"",
        unset: bytes = b"",
        off: bool = False,
        clears: bool = False,
    ) -> bytes:
        for key, field_id in self._ids.items():
            # Inside a JSON string a quote is escaped, so a key with its colon stands where it is meant alone.
            payload = payload.replace(key, field_id)
        parts = [b'{"fields":', payload[:-1], _OFF if off else b"", b"}"]
        if tags:
            parts += [b',"tags":[', tags, b"]"]
        if unset:
            parts += [b',"unset_tags":[', unset, b"]"]
        if cleared := [one for one in self._added_to if clears and one + b":" in payload]:
            parts += [b',"clear_fields":{', b",".join(one + b":true" for one in cleared), b"}"]
        return b"".join((*parts, b"}"))

    def _address(self, row: int) -> bytes:
        return by_email(self._chunk.emails[row] or "")

    def _names_of(self, changes: Mask) -> list[bytes]:
        """Return each row's tags as members of an array; there are few combinations, so they are kept."""
        keys = [one.tobytes() for one in np.packbits(changes, axis=1)]
        places = {key: place for place, key in enumerate(keys)}
        told = {key: self._joined(changes[place]) for key, place in places.items()}
        return [told[key] for key in keys]

    def _joined(self, changed: Mask) -> bytes:
        return b",".join(self._tags[column] for column in np.flatnonzero(changed).tolist())


def by_email(email: str) -> bytes:
    """Return the fields of a person of whom nothing but the address is said."""
    return orjson.dumps({EMAIL: email})


def by_id(person_id: str, email: str | None) -> bytes:
    """Return the fields of a person who is named by id; the address that they have changes nothing."""
    return orjson.dumps({PERSON_ID: person_id, **({EMAIL: email} if email else {})})
