"""Chunks delivered to an emulated account of Ortto."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from segment_emulators.ortto import EmulatorConfig, OrttoEmulator, serve_ortto
from segment_exports.contact_fields.opening import fields_of
from segment_exports.definition import ExportDefinition, ListTarget
from segment_exports.delivery.engine import deliver_chunk
from segment_exports.delivery.job import ChunkJob, ChunkResult
from segment_exports.destinations.ortto.client import OrttoClient
from segment_exports.destinations.ortto.destination import OrttoDestination
from segment_exports.records.receipts import ReceiptFolder, chunk_fingerprint
from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.tables.schemas import CHUNK
from segment_exports.transport.pacing import Pacer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LISTS = (ListTarget("News", None), ListTarget("Win back", None))
CUSTOM = {"string--Loyalty--Tier": "Tier", "float--Spent": "Spent"}


async def soon(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.01))


@dataclass
class Account:
    """An emulated account, and a run's folder whose chunks are delivered to it."""

    emulator: OrttoEmulator
    run: Store
    folder: Store
    new_people: str = "subscribed"
    create_fields: bool = True
    custom: dict[str, str] = field(default_factory=lambda: dict(CUSTOM))
    chunks: int = 0

    @property
    def definition(self) -> ExportDefinition:
        return ExportDefinition.model_validate(
            {
                "name": "newsletter",
                "source": {"type": "lake", "path": "/lake"},
                "destination": {
                    "type": "ortto",
                    "new_people": self.new_people,
                    "create_fields": self.create_fields,
                },
                "segments": [one.title for one in LISTS],
                "mapping": {"Email": "EMail", "FirstName": "First", "custom": self.custom},
            }
        )

    def person(self, name: str, **due: Any) -> dict[str, Any]:
        """A row of a chunk: somebody whose upsert is due, and what else is."""
        email = f"{name.lower()}@example.com"
        values = {"Email": email, "FirstName": due.pop("first", name)}
        values |= due.pop("values", {"string--Loyalty--Tier": "Gold", "float--Spent": "9.99"})
        mapped = self.definition.fields
        columns = [pa.array([values.get(one.target)], pa.string()) for one in mapped]
        row = {
            "email_hash": hashlib.md5(name.encode(), usedforsecurity=False).digest(),
            "is_contact": True,
            "email": email,
            "contact_id": None,
            "payload": fields_of("ortto").render(mapped, columns)[0].as_py(),
            "payload_hash": bytes(16),
            "joins": [],
            "leaves": [],
            "member_of": [],
            "previous_contact_ids": [],
            "moved_contact_id": None,
        }
        return row | due

    def leaver(self, person_id: str, *lists: str, **due: Any) -> dict[str, Any]:
        """A row of a chunk: somebody who is no contact of the run and leaves lists."""
        return self.person(person_id) | {
            "is_contact": False,
            "email": None,
            "payload": None,
            "payload_hash": None,
            "contact_id": person_id,
            "leaves": list(lists),
            **due,
        }

    def plan(self, *rows: dict[str, Any]) -> int:
        """Write a chunk and return its number."""
        self.chunks += 1
        with self.run.parquet_writer(RunFiles.chunk(self.chunks), CHUNK) as writer:
            writer.write_table(pa.Table.from_pylist(list(rows), CHUNK))
        return self.chunks

    def deliver(self, number: int, **job: Any) -> ChunkResult:
        """Deliver a chunk."""
        return asyncio.run(self.delivering(number, **job))

    async def delivering(self, number: int, **job: Any) -> ChunkResult:
        client = OrttoClient(
            self.emulator.base_url, self.emulator.api_key, pacer=Pacer(None), sleep=soon, timeout_seconds=10
        )
        known: dict[str, Any] = {
            "run": self.run,
            "number": number,
            "fingerprint": chunk_fingerprint(self.run, number),
            "account": self.folder,
            "lists": LISTS,
            "membership": "tag",
            "requests_in_flight": 4,
        }
        async with client:
            return await deliver_chunk(
                ChunkJob(**known | job), OrttoDestination(client, self.definition), sleep=soon
            )

    def send(self, *rows: dict[str, Any], **job: Any) -> ChunkResult:
        """Plan and deliver a chunk."""
        return self.deliver(self.plan(*rows), **job)

    def ids_told(self, number: int) -> dict[str, str]:
        """The id of each address, as the receipts of a chunk tell it last."""
        told = self._receipts(number)
        return {one["email"]: one["contact_id"] for one in told if one["contact_id"] is not None}

    def reasons(self, number: int) -> dict[str, str]:
        """Why the upsert of an address was not carried out, as the receipts of a chunk tell it."""
        told = self._receipts(number)
        return {one["email"]: one["reason"] for one in told if one["operation"] == "upsert" and one["reason"]}

    def _receipts(self, number: int) -> list[dict[str, Any]]:
        """The receipts of upserts and joins, with the addresses."""
        with self.run.parquet_file(RunFiles.chunk(number)) as file:
            emails = file.read(columns=["email"])["email"].to_pylist()
        folder = ReceiptFolder(self.run, number, chunk_fingerprint(self.run, number))
        rows: list[dict[str, Any]] = folder.read().table.to_pylist()
        return [one | {"email": emails[one["row"]]} for one in rows if one["operation"] != "leave"]

    def id_of(self, email: str) -> str:
        """The id of the person with an address."""
        return self.emulator.account.get(email).contact_id


@pytest.fixture(scope="module")
def served() -> Iterator[OrttoEmulator]:
    with serve_ortto(EmulatorConfig()) as emulator:
        yield emulator


@pytest.fixture
def account(served: OrttoEmulator, tmp_path: Path) -> Account:
    """An empty account of Ortto."""
    served.reset()
    served.switch(rate=None, ban_after=None)
    return Account(served, Store.local(tmp_path / "run"), Store.local(tmp_path / "account"))
