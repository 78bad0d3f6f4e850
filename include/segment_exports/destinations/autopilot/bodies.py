"""The JSON of the contacts of a batch. Payloads are ready text: they are cut and joined, not parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from segment_exports.contact_fields.fields import field_of
from segment_exports.delivery.chunk import is_due
from segment_exports.delivery.content import Content, Memberships
from segment_exports.delivery.payloads import due_payloads
from segment_exports.delivery.queue import NO_LIST
from segment_exports.destinations.autopilot.membership import MembershipWay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from segment_exports.delivery.chunk import Chunk

    Mask = npt.NDArray[np.bool_]
    Places = npt.NDArray[np.int64]

_CUSTOM = b'"custom":{"'


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
        self._flags: dict[bytes, bytes] = {}

    def render(self, rows: Places, lists: Places) -> Content:
        """Return what is sent for these rows; ``lists`` are columns to join in the upsert, or -1."""
        chunk = self._chunk
        due = is_due(chunk.upsert[rows])
        contacts = self._base(rows, due)
        if self._way is MembershipWay.BULK:
            joins = Memberships(places := np.flatnonzero(lists != NO_LIST), lists[places])
            for place, column in zip(places.tolist(), joins.columns.tolist(), strict=True):
                contacts[place] = insert_member(contacts[place], self._list_member[column])
            return Content(rows, contacts, due, joins)
        if self._way is MembershipWay.FIELD:
            join, leave = is_due(chunk.join[rows]), chunk.leaves_by_address(rows)
            contacts = list(map(insert_custom, contacts, self._flags_of(join, leave)))
            return Content(rows, contacts, due, Memberships.of(join), Memberships.of(leave))
        return Content(rows, contacts, due)

    def leaving(self, email: str, columns: Sequence[int]) -> bytes:
        """Return the JSON of a contact that is to leave lists, as fields."""
        told = b",".join(self._fields[column] + b":false" for column in columns)
        return insert_custom(address_only(email), told)

    def _base(self, rows: Places, due: Mask) -> list[bytes]:
        payloads = due_payloads(self._chunk, rows, due)
        if due.all():
            return [payload or b"" for payload in payloads]
        emails = self._chunk.emails[rows].tolist()
        return [
            address_only(email or "") if payload is None else payload
            for payload, email in zip(payloads, emails, strict=True)
        ]

    def _flags_of(self, join: Mask, leave: Mask) -> list[bytes]:
        """Return each contact's members for these changes; there are few combinations, so they are kept."""
        bits = np.packbits(np.hstack([join, leave]), axis=1)
        keys: list[Any] = bits.view(np.dtype((np.void, bits.shape[1]))).ravel().tolist()
        for key in set(keys) - self._flags.keys():
            place = keys.index(key)
            told = [self._fields[column] + b":true" for column in np.flatnonzero(join[place])]
            told += [self._fields[column] + b":false" for column in np.flatnonzero(leave[place])]
            self._flags[key] = b",".join(told)
        return [self._flags[key] for key in keys]


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
    head, found, tail = contact.partition(_CUSTOM)
    if found:
        return b"".join((head, _CUSTOM[:-1], members, b',"', tail))
    if b'"custom"' in contact:
        value = orjson.loads(contact)
        value["custom"] = (value.get("custom") or {}) | orjson.loads(b"{" + members + b"}")
        return orjson.dumps(value)
    return insert_member(contact, b'"custom":{' + members + b"}")
