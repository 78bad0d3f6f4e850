"""The JSON of the contacts of a batch. Payloads are ready text: they are cut and joined, not parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa

from segment_exports.autopilot.membership import MembershipWay, field_of
from segment_exports.delivery.chunk import is_due
from segment_exports.delivery.work import NO_LIST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from segment_exports.delivery.chunk import Chunk, States

_CUSTOM = b'"custom":{"'


@dataclass(frozen=True)
class Content:
    """What a batch sends: its contacts' JSON, and which operations that carries out.

    ``upserts`` are places in the batch; ``joins`` and ``leaves`` are (place, column of the list).
    """

    rows: Sequence[int]
    contacts: list[bytes]
    upserts: list[int]
    joins: list[tuple[int, int]]
    leaves: list[tuple[int, int]]


class Bodies:
    """Renders contacts of one chunk for one way of keeping membership.

    Where an upsert is due, the contact's JSON is the payload; else it is the address alone. Way
    ``bulk`` adds ``_autopilot_list``, way ``field`` one boolean custom field per list that is joined
    (true) or left (false). Nothing else is ever added.
    """

    def __init__(self, chunk: Chunk, way: MembershipWay, list_ids: Mapping[str, str]) -> None:
        self._chunk = chunk
        self._way = way
        self._list_member = {
            column: b'"_autopilot_list":' + orjson.dumps(list_ids[title])
            for column, title in enumerate(chunk.titles)
            if title in list_ids
        }
        self._fields = [orjson.dumps(field_of(title)) for title in chunk.titles]

    def render(self, rows: Sequence[int], lists: Sequence[int]) -> Content:
        """Return what is sent for these rows; ``lists`` are columns to join in the upsert, or -1."""
        chunk = self._chunk
        due = is_due(chunk.upsert[rows])
        contacts = self._base(rows, due)
        joins: list[tuple[int, int]] = []
        leaves: list[tuple[int, int]] = []
        if self._way is MembershipWay.BULK:
            joins = [(place, column) for place, column in enumerate(lists) if column != NO_LIST]
            for place, column in joins:
                contacts[place] = insert_member(contacts[place], self._list_member[column])
        elif self._way is MembershipWay.FIELD:
            joins = _due_pairs(chunk.join[rows])
            leaves = _due_pairs(chunk.leave[rows, : chunk.unsubscribe])
            contacts = list(map(insert_custom, contacts, self._flags(len(rows), joins, leaves)))
        return Content(rows, contacts, np.flatnonzero(due).tolist(), joins, leaves)

    def _base(self, rows: Sequence[int], due: npt.NDArray[np.bool_]) -> list[bytes]:
        chunk = self._chunk
        payloads: list[bytes] = chunk.payloads.take(pa.array(rows, pa.int32())).to_pylist()
        if due.all() and not chunk.restored:
            return payloads
        return [
            chunk.restored.get(row, payload) if is_upsert else address_only(chunk.emails[row] or "")
            for row, payload, is_upsert in zip(rows, payloads, due.tolist(), strict=True)
        ]

    def _flags(
        self, count: int, joins: Sequence[tuple[int, int]], leaves: Sequence[tuple[int, int]]
    ) -> list[bytes]:
        flags: list[list[bytes]] = [[] for _ in range(count)]
        for pairs, value in ((joins, b":true"), (leaves, b":false")):
            for place, column in pairs:
                flags[place].append(self._fields[column] + value)
        return [b",".join(one) for one in flags]


def _due_pairs(states: States) -> list[tuple[int, int]]:
    places, columns = np.nonzero(is_due(states))
    return list(zip(places.tolist(), columns.tolist(), strict=True))


def address_only(email: str) -> bytes:
    """Return a contact of which nothing but membership is said."""
    return b'{"Email":' + orjson.dumps(email) + b"}"


def insert_member(contact: bytes, member: bytes) -> bytes:
    """Put a member in front of those of a JSON object that is not empty."""
    return b"{" + member + b"," + contact[1:]


def insert_custom(contact: bytes, members: bytes) -> bytes:
    """Put members into the object ``custom`` of a contact, which may lack one.

    Inside a JSON string a quote is escaped, so ``"custom":{"`` can stand nowhere but where it is meant.
    """
    if not members:
        return contact
    place = contact.find(_CUSTOM)
    if place >= 0:
        place += len(_CUSTOM) - 1
        return contact[:place] + members + b"," + contact[place:]
    if b'"custom"' in contact:
        value = orjson.loads(contact)
        value["custom"] = (value.get("custom") or {}) | orjson.loads(b"{" + members + b"}")
        return orjson.dumps(value)
    return insert_member(contact, b'"custom":{' + members + b"}")
