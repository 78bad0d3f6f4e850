"""Arrow schemas of the files that one step leaves for the next.

All are Parquet but receipts (Arrow IPC streams, since one is written per second). Times are UTC.
``email_hash``, ``customer_hash`` and ``payload_hash`` are keyed hashes
(:mod:`segment_exports.records.keyed_hash`).
A *list key* is the ``list`` of a segment in the definition (the list's title at the destination).
"""

from __future__ import annotations

import pyarrow as pa

from segment_exports.records.keyed_hash import HASH_TYPE

TIMESTAMP = pa.timestamp("ms", tz="UTC")
LIST_KEYS = pa.list_(pa.string())

CONTACTS = pa.schema(
    [
        pa.field("email_hash", HASH_TYPE, nullable=False),
        pa.field("email", pa.string(), nullable=False),
        pa.field("customer_id", pa.string()),
        pa.field("customer_hash", HASH_TYPE),
        pa.field("previous_customer_hashes", pa.list_(HASH_TYPE)),
        pa.field("segments", pa.list_(pa.string()), nullable=False),
        pa.field("payload", pa.string(), nullable=False),
        pa.field("payload_hash", HASH_TYPE, nullable=False),
    ]
)
"""``contacts.parquet``: one row per address, sorted by ``email_hash``, row groups of at most 16,384
rows. ``segments`` keeps the definition's order. ``payload`` is the JSON object that goes to the
destination, without membership. ``previous_customer_hashes`` are the customers that merged into the one
whose row won, and all others who share the address, with theirs."""

INVALID = pa.schema(
    [
        pa.field("segment", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("customer_id", pa.string()),
        pa.field("field", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("masked_email", pa.string()),
        pa.field("withdrawn", pa.bool_(), nullable=False),
        pa.field("previous_ids", pa.string()),
        pa.field("silent", pa.bool_(), nullable=False),
    ]
)
"""``invalid.parquet``: one row per refused profile; ``row`` counts from 1 within the segment. ``withdrawn``:
the person gives no permission, whatever else is wrong; ``silent``: no more than that it has no value speaks
against them. ``previous_ids`` as the source has them."""

WITHHELD = pa.schema(
    [
        pa.field("email_hash", HASH_TYPE, nullable=False),
        pa.field("customer_hash", HASH_TYPE),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("email", pa.string()),
    ]
)
"""``withheld.parquet``: one row per customer, and customer that merged into it, at an address that permission
or an exclusion leaves out, sorted by ``email_hash``. By ``email`` they are looked for where the contact that
was delivered is gone. ``unjudged.parquet`` has the same of those whose
permission says nothing: they are not exported, and have not withdrawn."""

CHUNK = pa.schema(
    [
        pa.field("email_hash", HASH_TYPE, nullable=False),
        pa.field("is_contact", pa.bool_(), nullable=False),
        pa.field("email", pa.string()),
        pa.field("contact_id", pa.string()),
        pa.field("payload", pa.string()),
        pa.field("payload_hash", HASH_TYPE),
        pa.field("joins", LIST_KEYS, nullable=False),
        pa.field("leaves", LIST_KEYS, nullable=False),
        pa.field("member_of", LIST_KEYS, nullable=False),
        pa.field("previous_contact_ids", pa.list_(pa.string()), nullable=False),
        pa.field("moved_contact_id", pa.string()),
        pa.field("moved_member_of", LIST_KEYS),
        pa.field("emails_now", pa.list_(pa.string())),
        pa.field("stays_on", LIST_KEYS),
        pa.field("customer_hash", HASH_TYPE),
        pa.field("previous_customer_hashes", pa.list_(HASH_TYPE)),
        pa.field("maybe_anew", pa.bool_()),
    ]
)
"""``chunks/NNNN.parquet``: the operations of one upload task, one row per contact, sorted by
``email_hash`` within and across chunks. ``duties.parquet`` is all those of the duties in one file,
``changes.parquet`` all others.

``is_contact`` is false for people who are no contacts of this run: leavers, withdrawn, old addresses.
``email`` is null for a leaver whose address only the destination still knows; then ``contact_id`` is
set. ``maybe_anew``: a request that was never answered may have made such a person anew under the address,
beside the known contact. ``payload`` is null where no upsert is due. ``joins`` and ``leaves`` are list keys.
``member_of`` are memberships that are held already and are sent again if the contact turns out to be
recreated. ``previous_contact_ids`` are the contacts that the same customer was under other addresses,
``moved_contact_id`` the one of them that is to be given the new address; where another contact has that, it
leaves ``moved_member_of``. ``emails_now`` are the addresses that the customer has now who was delivered under
this one and has it no more: a contact that has one of them already doesn't leave ``stays_on``, the lists
that it belongs on under them. By ``customer_hash`` and ``previous_customer_hashes``, as in
``contacts.parquet``, an upload knows who was erased since."""

_ADDED = (
    "moved_member_of",
    "emails_now",
    "stays_on",
    "customer_hash",
    "previous_customer_hashes",
    "maybe_anew",
)
CHUNK_REQUIRED = tuple(name for name in CHUNK.names if name not in _ADDED)
"""Columns without which a file is no chunk. One that was planned before there were the others is settled."""

_LISTS = ("joins", "leaves", "member_of", "moved_member_of", "stays_on")
CHUNK_LISTS = tuple(f"{name}.list.element" for name in _LISTS)
"""Columns of a chunk that hold few distinct values."""

HELD_BACK = pa.schema(
    [
        pa.field("email_hash", HASH_TYPE, nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("at", TIMESTAMP),
    ]
)
"""``held_back.parquet``: contacts of the run of which something is due and not sent for what was answered
before: they were ``rejected`` (with reason and time) or are ``suppressed``. Sorted by ``email_hash``."""

RECEIPT = pa.schema(
    [
        pa.field("row", pa.int32(), nullable=False),
        pa.field("operation", pa.string(), nullable=False),
        pa.field("list", pa.string()),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("contact_id", pa.string()),
        pa.field("recreated", pa.bool_(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("http_status", pa.int16()),
        pa.field("attempts", pa.int16(), nullable=False),
        pa.field("at", TIMESTAMP, nullable=False),
    ]
)
"""``receipts/NNNN/*.arrow``: outcome of one operation of the chunk's row ``row``. A later file's
outcome for the same (row, operation, list) replaces an earlier one's."""

MEMBERSHIPS = ("member_of", "uncertain_of", "seen_on")
"""Columns of the ledger that name lists."""

LEDGER = pa.schema(
    [
        pa.field("email_hash", HASH_TYPE, nullable=False),
        pa.field("customer_hash", HASH_TYPE),
        pa.field("contact_id", pa.string()),
        pa.field("payload_hash", HASH_TYPE),
        pa.field("member_of", LIST_KEYS, nullable=False),
        pa.field("uncertain_of", LIST_KEYS, nullable=False),
        pa.field("uncertain_run", pa.string()),
        pa.field("rejected_hash", HASH_TYPE),
        pa.field("rejected_at", TIMESTAMP),
        pa.field("rejected_reason", pa.string()),
        pa.field("suppressed", pa.bool_(), nullable=False),
        pa.field("seen_on", LIST_KEYS),
    ]
)
"""``ledger/<account>/<sequence>-<run>.parquet``: what the destination is known to hold, sorted by
``email_hash``. ``payload_hash`` is null until an upsert was acknowledged. ``member_of`` are
memberships that we added and that were acknowledged, ``uncertain_of`` those that a join or leave of
``uncertain_run`` left in doubt. ``rejected_hash`` is the payload that was refused last. ``seen_on`` are lists
that a reconcile saw the contact on, and nobody knows who put it there: it leaves them if it refuses or is
erased, and else never. A contact that lives under another address than the one that it was known by has a row
too; its ``email_hash`` is of no address."""
