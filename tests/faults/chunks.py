"""Chunks that are written by hand, and processes that deliver them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from segment_exports.contact_fields.fields import FieldType, MappedField
from segment_exports.contact_fields.opening import fields_of
from segment_exports.records.receipts import read_receipts
from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.tables.schemas import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.stands.account_stand import AccountStand

_FIELDS = (
    MappedField("Email", "mail", FieldType.STRING, custom=False),
    MappedField("FirstName", "first", FieldType.STRING, custom=False),
)
_SCRIPT = Path(__file__).with_name("upload_process.py")


def new_contact(stand: AccountStand, email: str, *joins: str) -> dict[str, Any]:
    """Return a row of a chunk: someone new, who joins some lists."""
    columns = [pa.array([email]), pa.array(["Nora"])]
    payload = fields_of(stand.name).render(_FIELDS, columns)[0].as_py()
    return {
        "email_hash": sha256(email.encode()).digest()[:16],
        "is_contact": True,
        "email": email,
        "contact_id": None,
        "payload": payload,
        "payload_hash": sha256(payload.encode()).digest()[:16],
        "joins": list(joins),
        "leaves": [],
        "member_of": [],
        "previous_contact_ids": [],
        "moved_contact_id": None,
    }


@dataclass
class ChunkFolder:
    """A run's folder with chunks, the account's folder beside it, and the account they go to."""

    folder: Path
    stand: AccountStand
    lists: tuple[str, ...] = ("News",)
    _tasks: int = field(default=0, init=False)

    @property
    def run(self) -> Store:
        return Store.local(self.folder / "run")

    def write(self, number: int, rows: Iterable[dict[str, Any]]) -> None:
        """Write a chunk."""
        ordered = sorted(rows, key=lambda row: row["email_hash"])
        with self.run.parquet_writer(RunFiles.chunk(number), CHUNK) as writer:
            writer.write_table(pa.Table.from_pylist(ordered, CHUNK))

    def start(self, *chunks: int, account: Path | None = None, **changes: Any) -> subprocess.Popen[str]:
        """Start a process that delivers these chunks; it is ready, and waits for :func:`go`."""
        self._tasks += 1
        task = {
            "run": self.run.root,
            "chunks": chunks,
            "account": str(account or self.folder / "account"),
            "lists": self.lists,
            "membership": self.stand.usual_way,
            "definition": {
                "name": "newsletter",
                "source": {"type": "lake", "path": "/lake"},
                "destination": self.stand.destination({}),
                "segments": list(self.lists),
                "mapping": {"Email": "mail", "FirstName": "first"},
            },
            "base_url": self.stand.url,
            "api_key": self.stand.key,
            "rate": 1e6,
            "requests_in_flight": 8,
        } | changes
        path = self.folder / f"task-{self._tasks}.json"
        path.write_text(json.dumps(task))
        command = [sys.executable, str(_SCRIPT), str(path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def acknowledged(self, number: int) -> set[tuple[str, str]]:
        """Return what the receipts say was delivered, as (address, operation)."""
        with self.run.parquet_file(RunFiles.chunk(number)) as file:
            emails = file.read(columns=["email"])["email"].to_pylist()
        receipts = read_receipts(self.run, number).table.to_pylist()
        return {(emails[one["row"]], one["operation"]) for one in receipts if one["outcome"] == "delivered"}

    def sent(self, since: int = 0) -> Counter[tuple[str, str]]:
        """Return how often each (address, operation) arrived."""
        return Counter((one.email, one.what) for one in self.stand.sent(since))


def go(process: subprocess.Popen[str]) -> None:
    """Let a process that is ready begin."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
