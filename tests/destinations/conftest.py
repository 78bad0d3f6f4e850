"""Every destination on a stand, with a run's folder. A test here says what any destination must do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from segment_exports.contact_fields.fields import FieldType, MappedField
from segment_exports.contact_fields.opening import fields_of
from segment_exports.definition import ExportDefinition, ListTarget
from segment_exports.delivery.engine import deliver_chunk_blocking
from segment_exports.delivery.job import ChunkJob, ChunkResult
from segment_exports.destinations.check_destination import AccountConnection
from segment_exports.destinations.opening import Destination, open_destination
from segment_exports.records.receipts import chunk_fingerprint
from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.tables.schemas import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

FIELDS = (
    MappedField("Email", "mail", FieldType.STRING, custom=False),
    MappedField("FirstName", "first", FieldType.STRING, custom=False),
)


@dataclass
class Stand:
    """One destination with an account, and a run's folder."""

    eyes: AccountStand
    run: Store
    folder: Store
    chunks: int = 0

    @property
    def destination(self) -> Destination:
        return open_destination(self.eyes.name)

    @property
    def definition(self) -> ExportDefinition:
        return ExportDefinition.model_validate(
            {
                "name": "newsletter",
                "source": {"type": "lake", "path": "/lake"},
                "destination": self.eyes.destination({}),
                "segments": ["News", "Win back"],
                "mapping": {"Email": "mail", "FirstName": "first"},
            }
        )

    def account(self, **changes: Any) -> AccountConnection:
        known: dict[str, Any] = {
            "connection_id": "the_account",
            "service": self.destination.name,
            "base_url": self.eyes.url,
            "api_key": self.eyes.key,
            "requests_per_second": 1000.0,
        }
        return AccountConnection(**(known | changes))

    def person(self, name: str, **due: Any) -> dict[str, Any]:
        """A row of a chunk: somebody whose upsert is due, and what else is."""
        email = f"{name.lower()}@example.com"
        columns = [pa.array([email]), pa.array([due.pop("first", name)])]
        row = {
            "email_hash": hashlib.md5(name.encode(), usedforsecurity=False).digest(),
            "is_contact": True,
            "email": email,
            "contact_id": None,
            "payload": fields_of(self.eyes.name).render(FIELDS, columns)[0].as_py(),
            "payload_hash": bytes(16),
            "joins": [],
            "leaves": [],
            "member_of": [],
            "previous_contact_ids": [],
            "moved_contact_id": None,
        }
        return row | due

    def plan(self, *rows: dict[str, Any]) -> int:
        """Write a chunk and return its number."""
        self.chunks += 1
        with self.run.parquet_writer(RunFiles.chunk(self.chunks), CHUNK) as writer:
            writer.write_table(pa.Table.from_pylist(list(rows), CHUNK))
        return self.chunks

    def deliver(
        self,
        number: int,
        *,
        erased: Callable[[], frozenset[bytes]] = frozenset,
        membership: str | None = None,
        **account: Any,
    ) -> ChunkResult:
        job = ChunkJob(
            run=self.run,
            number=number,
            fingerprint=chunk_fingerprint(self.run, number),
            account=self.folder,
            lists=(ListTarget("News", None), ListTarget("Win back", None)),
            erased=erased,
            membership=membership or self.eyes.default_way,
        )
        delivery = self.destination.delivery(self.account(**account), self.definition)
        return deliver_chunk_blocking(job, delivery)


@pytest.fixture
def stand(stand: AccountStand, tmp_path: Path) -> Stand:
    """The empty account of a destination, and a run's folder."""
    return Stand(stand, Store.local(tmp_path / "run"), Store.local(tmp_path / "account"))
