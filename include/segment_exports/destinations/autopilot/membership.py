"""Ways of keeping list membership, what each costs, and what is known of the account in this respect.

Autopilot documents one call per contact and list. Whether a bulk upsert honours ``_autopilot_list``,
for new and for existing contacts, is not documented: it is tried out once per connection, remembered,
and checked with a sample in every chunk.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from segment_exports.destinations.autopilot.answers import ContactNotFoundError
from segment_exports.destinations.autopilot.api import BATCH_LIMIT
from segment_exports.records.outcomes import UNSUBSCRIBE
from segment_exports.records.tables.memberships import to_matrix

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    import numpy.typing as npt
    import pyarrow as pa

    from segment_exports.destinations.autopilot.client import AutopilotClient
    from segment_exports.records.plan import PlannedWork
    from segment_exports.records.staging import Store

SETTLING_SECONDS = 2.0
"""How long the destination is given to show a membership before the answer is believed."""


class MembershipWay(StrEnum):
    """How memberships are written: single calls, inside the bulk upsert, or as boolean fields."""

    LIST = "list"
    BULK = "bulk"
    FIELD = "field"


class AutopilotCost:
    """What a plan costs at Autopilot, by way; ``list`` is reckoned with while none is decided."""

    batch = BATCH_LIMIT

    def least(self, work: PlannedWork) -> dict[str, int]:
        """Return the least requests by way of keeping membership."""
        in_any_way = work.unsubscribes + work.earlier_contacts
        return {
            MembershipWay.LIST.value: self._batches(work.upserts) + work.joins + work.leaves + in_any_way,
            MembershipWay.BULK.value: self._batches(work.places) + work.leaves + in_any_way,
            MembershipWay.FIELD.value: self._batches(work.rows) + work.nameless + in_any_way,
        }

    def at_worst(self, rows: pa.Table, membership: str) -> npt.NDArray[np.float64]:
        """Return the requests that each row (schema CHUNK) takes at the worst."""
        upsert = pc.is_valid(rows["payload"]).to_numpy().astype(np.float64)
        looks = ("previous_contact_ids", "emails_now", "moved_member_of")
        earlier = sum(_lengths(rows[name]) for name in looks)
        joins, leaves = _lengths(rows["joins"]), _lengths(rows["leaves"])
        match membership:
            case MembershipWay.FIELD:
                looked_up = pc.invert(rows["is_contact"]).to_numpy().astype(np.float64)
                unsubscribes = to_matrix(rows["leaves"], (UNSUBSCRIBE,))[:, 0]
                own = 1.0 / self.batch + looked_up + unsubscribes
            case MembershipWay.BULK:
                own = np.maximum(upsert, joins) / self.batch + leaves
            case _:
                own = upsert / self.batch + joins + leaves
        cost: npt.NDArray[np.float64] = own + earlier
        return cost

    def _batches(self, count: int) -> int:
        return -(-count // self.batch)


def _lengths(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    lengths: npt.NDArray[np.float64] = (
        pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.float64)
    )
    return lengths


@dataclass(frozen=True)
class BulkAnswer:
    """Whether a bulk upsert honours ``_autopilot_list``; None where that was not tried."""

    new: bool | None
    existing: bool | None

    def serves(self, *, new_contacts: bool) -> bool:
        """Tell whether bulk may be used for a chunk that holds new contacts or not."""
        return self.existing is True and (self.new is True or (self.new is None and not new_contacts))

    @property
    def is_refuted(self) -> bool:
        """Whether it was seen not to work."""
        return self.new is False or self.existing is False


class MembershipMemory:
    """What was found out about one account, in ``membership.json`` of its folder."""

    _FILE = "membership.json"

    def __init__(self, account: Store) -> None:
        self._store = account

    def read(self) -> BulkAnswer | None:
        """Return the remembered answer, if there is one."""
        if not self._store.exists(self._FILE):
            return None
        return self._store.read_model(
            self._FILE, BulkAnswer, advice="Delete it: what it remembers is found out again"
        )

    def write(self, answer: BulkAnswer, at: datetime) -> None:
        """Remember an answer."""
        value = {"new": answer.new, "existing": answer.existing, "found_at": at.isoformat()}
        self._store.write_json(self._FILE, value)

    def forget(self) -> None:
        """Forget the answer: the next chunk tries again."""
        self._store.remove(self._FILE)


async def is_listed(
    client: AutopilotClient,
    list_id: str,
    contact: str,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> bool | None:
    """Tell whether a contact is on a list, asking twice before a no; None if there is no such contact."""
    try:
        if await client.is_member(list_id, contact):
            return True
        await sleep(SETTLING_SECONDS)
        return await client.is_member(list_id, contact)
    except ContactNotFoundError:
        return None


async def missing_members(
    client: AutopilotClient,
    memberships: Sequence[tuple[str, str]],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> int:
    """Count those of some (list id, contact id) that do not stand at the destination."""
    answers = await asyncio.gather(
        *(is_listed(client, list_id, contact, sleep) for list_id, contact in memberships)
    )
    return sum(answer is False for answer in answers)
