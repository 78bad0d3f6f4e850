from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from segment_exports.definition import ListTarget
from segment_exports.delivery.engine import deliver_chunk
from segment_exports.delivery.job import ChunkJob, ChunkResult
from segment_exports.destinations.autopilot.client import AutopilotClient
from segment_exports.destinations.autopilot.destination import AutopilotDestination
from segment_exports.records.receipts import chunk_fingerprint, read_receipts, settle
from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.tables.schemas import CHUNK
from segment_exports.transport.pacing import Pacer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from segment_emulators.autopilot import AutopilotEmulator


SPEED = 50
"""How much faster waiting passes in these tests."""


async def soon(seconds: float) -> None:
    """Wait a fiftieth of the time."""
    await asyncio.sleep(seconds / SPEED)


def fast_clock() -> float:
    """Return seconds that pass fifty times as fast, as waiting does."""
    return time.monotonic() * SPEED


def address(number: int) -> str:
    return f"p{number}@example.com"


def person(number: int, **changes: Any) -> dict[str, Any]:
    """A row of a chunk: a new contact whose upsert is due."""
    email = changes.pop("email", address(number))
    payload = {"Email": email, "FirstName": f"Nora{number}", "custom": {"string--Tier": "gold"}}
    row = {
        "email_hash": hashlib.md5(str(number).encode(), usedforsecurity=False).digest(),
        "is_contact": True,
        "email": email,
        "contact_id": None,
        "payload": json.dumps(payload, separators=(",", ":"), ensure_ascii=False),
        "payload_hash": bytes(16),
        "joins": [],
        "leaves": [],
        "member_of": [],
        "previous_contact_ids": [],
        "moved_contact_id": None,
    }
    return row | changes


@dataclass
class Scene:
    """An account, a run's folder, and the delivery of one chunk after the other."""

    emulator: AutopilotEmulator
    run: Store
    account: Store
    titles: tuple[str, ...] = ("News", "Win back")
    last_client: AutopilotClient | None = None
    list_ids: dict[str, str] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(11))

    def adopt(self, *titles: str) -> dict[str, str]:
        """Make lists as staff, which the export adopts by their ids."""
        self.list_ids |= {title: self.emulator.staff.add_list(title) for title in titles}
        return self.list_ids

    def chunk(self, rows: list[dict[str, Any]], number: int = 1) -> str:
        with self.run.parquet_writer(RunFiles.chunk(number), CHUNK) as writer:
            writer.write_table(pa.Table.from_pylist(rows, CHUNK))
        return chunk_fingerprint(self.run, number)

    def contacts(self, rows: list[dict[str, Any]]) -> None:
        """Write contacts.parquet of the run: hash and payload."""
        table = pa.table(
            {
                "email_hash": pa.array([row["email_hash"] for row in rows], pa.binary(16)),
                "payload": pa.array([row["payload"] for row in rows], pa.string()),
            }
        )
        with self.run.parquet_writer(RunFiles.CONTACTS, table.schema) as writer:
            writer.write_table(table)

    def job(self, number: int = 1, **changes: Any) -> ChunkJob:
        defaults = {
            "run": self.run,
            "number": number,
            "fingerprint": chunk_fingerprint(self.run, number),
            "account": self.account,
            "lists": tuple(ListTarget(title, self.list_ids.get(title)) for title in self.titles),
            "membership": "list",
            "stop_poll_seconds": 1.0,
        }
        return ChunkJob(**(defaults | changes))

    def client(self, pacer: Pacer | None = None, **options: Any) -> AutopilotClient:
        options = {"sleep": soon, "timeout_seconds": 30.0, "base_url": self.emulator.base_url} | options
        pacer = pacer or Pacer(None, clock=fast_clock, sleep=soon)
        self.last_client = AutopilotClient(api_key=self.emulator.config.api_key, pacer=pacer, **options)
        return self.last_client

    async def deliver(
        self,
        client: AutopilotClient | None = None,
        number: int = 1,
        uniform: Callable[[], float] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        **changes: Any,
    ) -> ChunkResult:
        job, uniform = self.job(number, **changes), uniform or self.chance.random
        async with client or self.client() as opened:
            destination = AutopilotDestination(opened)
            return await deliver_chunk(job, destination, now=now, sleep=soon, uniform=uniform)

    def outcomes(self, number: int = 1) -> dict[tuple[int, str, str | None], str]:
        """What the receipts make of every planned operation."""
        return {
            (one["row"], one["operation"], one["list"]): one["outcome"]
            for one in self.settled(number).planned.to_pylist()
        }

    def settled(self, number: int = 1) -> Any:
        with self.run.parquet_file(RunFiles.chunk(number)) as file:
            return settle(file.read(), read_receipts(self.run, number))

    def receipts(self, number: int = 1) -> list[dict[str, Any]]:
        return read_receipts(self.run, number).table.to_pylist()

    def requests(self) -> Counter[str]:
        """Requests that the account saw, by endpoint."""
        return Counter(entry.endpoint or "refused" for entry in self.emulator.log.entries)

    def members(self, title: str) -> set[str]:
        return self.emulator.account.members(title)

    def contact(self, email: str) -> dict[str, Any] | None:
        found = self.emulator.account.find(email)
        return None if found is None else found.to_json()


@pytest.fixture
def scene(served: AutopilotEmulator, tmp_path: Path) -> Scene:
    served.reset()
    return Scene(served, Store.local(tmp_path / "run"), Store.local(tmp_path / "account"))


@pytest.fixture
def people():
    """Makes rows of a chunk."""
    return person
