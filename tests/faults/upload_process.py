"""Delivers chunks in a process of its own, which a test may kill: ``python upload_process.py <task.json>``.

It says ``ready`` when it has started, and begins when it is given a line.

With ``slot`` in the task, each chunk waits for an exclusive lock on that file, as upload tasks wait for
the one slot of their account's pool.
"""

from __future__ import annotations

import fcntl
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment_exports.definition import ExportDefinition, ListTarget
from segment_exports.delivery.engine import deliver_chunk_blocking
from segment_exports.delivery.job import ChunkJob
from segment_exports.destinations.check_destination import AccountConnection
from segment_exports.destinations.opening import open_destination
from segment_exports.records.receipts import chunk_fingerprint
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def one_slot(path: str | None) -> Iterator[None]:
    """Hold the slot, if there is one."""
    if path is None:
        yield
        return
    with Path(path).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def deliver(task: dict[str, Any]) -> None:
    """Deliver the chunks of a task, one after the other."""
    run = Store.local(task["run"])
    for number in task["chunks"]:
        with one_slot(task.get("slot")):
            job = ChunkJob(
                run=run,
                number=number,
                fingerprint=chunk_fingerprint(run, number),
                account=Store.local(task["account"]),
                lists=tuple(ListTarget(title, None) for title in task["lists"]),
                membership=task["membership"],
                requests_in_flight=task["requests_in_flight"],
            )
            definition = ExportDefinition.model_validate(task["definition"])
            destination = open_destination(definition.destination.type)
            account = AccountConnection(
                connection_id="account",
                service=destination.name,
                base_url=task["base_url"],
                api_key=task["api_key"],
                requests_per_second=task["rate"],
            )
            if not deliver_chunk_blocking(job, destination.delivery(account, definition)).complete:
                sys.exit(1)


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    deliver(json.loads(Path(sys.argv[1]).read_text()))
