"""Every destination on a stand: its emulator, an account, and eyes that see what it holds.

A test here says what any destination must do. Another one is another entry of STANDS, with a fixture of its
name that gives :class:`Eyes`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pytest

from segment_emulators.autopilot import AutopilotEmulator, EmulatorConfig, Switches, serve_autopilot
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
    from collections.abc import Callable, Iterator
    from pathlib import Path

FIELDS = (
    MappedField("Email", "mail", FieldType.STRING, custom=False),
    MappedField("FirstName", "first", FieldType.STRING, custom=False),
)


class Eyes(Protocol):
    """What an emulated account holds, and how often it was written to."""

    destination: str
    url: str
    key: str

    def reset(self) -> None:
        """Empty the account."""

    def names(self) -> dict[str, str]:
        """First names of the account's contacts, by address."""

    def members(self, title: str) -> set[str]:
        """Addresses of those who are on a list."""

    def writes(self) -> int:
        """How many requests have changed something, or tried to."""

    def delete(self, email: str) -> None:
        """Delete a contact, as the account's own people do."""


class AutopilotEyes:
    """An emulated account of Autopilot."""

    destination = "autopilot"

    def __init__(self, emulator: AutopilotEmulator) -> None:
        self.emulator = emulator
        self.url = emulator.base_url
        self.key = emulator.api_key

    def reset(self) -> None:
        self.emulator.reset()

    def names(self) -> dict[str, str]:
        found = (one.to_json() for one in self.emulator.account.contacts.values())
        return {one["Email"]: one.get("FirstName", "") for one in found}

    def members(self, title: str) -> set[str]:
        return self.emulator.account.members(title)

    def writes(self) -> int:
        return sum(entry.method != "GET" for entry in self.emulator.log.entries)

    def delete(self, email: str) -> None:
        self.emulator.staff.delete_contact(email)


@dataclass
class Stand:
    """One destination with an account, and a run's folder."""

    eyes: Eyes
    run: Store
    folder: Store
    chunks: int = 0

    @property
    def destination(self) -> Destination:
        return open_destination(self.eyes.destination)

    @property
    def definition(self) -> ExportDefinition:
        return ExportDefinition.model_validate(
            {
                "name": "newsletter",
                "source": {"type": "lake", "path": "/lake"},
                "destination": {"type": self.eyes.destination},
                "segments": ["News", "Win back"],
                "mapping": {"Email": "mail", "FirstName": "first"},
            }
        )

    def account(self, **changes: Any) -> AccountConnection:
        known: dict[str, Any] = {
            "connection_id": "the_account",
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
            "payload": fields_of(self.eyes.destination).render(FIELDS, columns)[0].as_py(),
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
        membership: str = "auto",
        **account: Any,
    ) -> ChunkResult:
        job = ChunkJob(
            run=self.run,
            number=number,
            fingerprint=chunk_fingerprint(self.run, number),
            account=self.folder,
            lists=(ListTarget("News", None), ListTarget("Win back", None)),
            erased=erased,
            membership=membership,
        )
        delivery = self.destination.delivery(self.account(**account), self.definition)
        return deliver_chunk_blocking(job, delivery)


@pytest.fixture(scope="module")
def autopilot() -> Iterator[AutopilotEyes]:
    with serve_autopilot(EmulatorConfig(switches=Switches(rate=None))) as emulator:
        yield AutopilotEyes(emulator)


STANDS = ["autopilot"]


@pytest.fixture(params=STANDS)
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Stand:
    eyes: Eyes = request.getfixturevalue(request.param)
    eyes.reset()
    return Stand(eyes, Store.local(tmp_path / "run"), Store.local(tmp_path / "account"))
