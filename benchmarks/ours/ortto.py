"""The export of the Ortto cases: two segments of 100,000 people or fewer, ten fields, three refreshes.

``first``; ``same``, in which nothing changed; ``changed``, in which one person in a hundred has another
title, and 400 people joined the second segment while 400 others left the first.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

import pyarrow.csv as pacsv

from benchmarks.contacts import EXPORT as FOLDER
from benchmarks.contacts import (
    FIELDS,
    INSTANCE,
    PARTITION_ROWS,
    SNAPSHOTS,
    lake_model,
    make_profiles,
    partition,
)
from benchmarks.ours.steps import OurRun

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from segment_exports.definition import ExportDefinition
    from segment_exports.delivery.destination import DeliveryDestination

NEWS, WINBACK = "Newsletter", "Winback"
JOINS = LEAVES = 400
STANDARD = {name: attribute for name, attribute in FIELDS.items() if name not in ("Company", "Title")}
CUSTOM = {"string--Company": "CompanyName", "string--Job--title": "JobTitle"}


def make_lake(root: Path, size: int, *, poison: int = 0) -> Path:
    """Write the lake export of all refreshes and return its folder.

    :param poison: how many people have an address at ``poison.example``, evenly spread.
    """
    lake = root / "lake" / INSTANCE / FOLDER
    before, after = (
        _poisoned(make_profiles(size), poison),
        _poisoned(make_profiles(size, changed=True), poison),
    )
    joined = after.slice(size - JOINS) if size > JOINS + LEAVES else after.slice(0, 0)
    changed = after.slice(LEAVES) if size > JOINS + LEAVES else after
    nobody = before.slice(0, 0)
    refreshes = {
        "first": {NEWS: before, WINBACK: nobody},
        "same": {NEWS: before, WINBACK: nobody},
        "changed": {NEWS: changed, WINBACK: joined},
    }
    for snapshot, segments in refreshes.items():
        entities = {}
        for segment, table in segments.items():
            folder = lake / segment / SNAPSHOTS[snapshot].strftime("%Y/%m/%d/%H%M")
            folder.mkdir(parents=True)
            entities[segment] = []
            for index, start in enumerate(range(0, max(1, len(table)), PARTITION_ROWS), start=1):
                path = folder / f"{segment}_{index}.csv"
                pacsv.write_csv(table.slice(start, PARTITION_ROWS), path)
                entities[segment].append(partition(path.relative_to(lake), SNAPSHOTS[snapshot]))
    (lake / "model.json").write_text(json.dumps(lake_model(before.column_names, entities), indent=1))
    return lake


def _poisoned(table: pa.Table, count: int) -> pa.Table:
    emails = table["EMail"].to_pylist()
    for number in range(count):
        place = number * len(emails) // count + 37
        emails[place] = emails[place].replace("@mail.example.com", "@poison.example")
    return table.set_column(table.column_names.index("EMail"), "EMail", [emails])


class OrttoRun(OurRun):
    """One run of the export to an account of Ortto."""

    connection: ClassVar[str] = "ortto_default"

    @property
    def definition(self) -> ExportDefinition:
        """The definition, written anew."""
        from segment_exports.definition import load_definition

        told = {
            "name": "bench",
            "source": {"type": "lake", "path": str(self.lake), "unseen_snapshots": "read"},
            "destination": {
                "type": "ortto",
                "connection": self.connection,
                "new_people": "subscribed",
                "create_fields": True,
            },
            "segments": [NEWS, WINBACK],
            "mapping": {**STANDARD, "custom": CUSTOM},
            "when_member_leaves": "remove",
            "limit": {"profiles": 1_000_000},
            "guards": {"red_above_rejected": 1.0, "stop_above_rejected": 1.0},
        }
        path = self.folder / "exports" / "bench.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(told))
        return load_definition(path)

    def _destination(self) -> DeliveryDestination:
        from segment_exports.destinations.ortto.ban import bad_requests_at
        from segment_exports.destinations.ortto.client import OrttoClient
        from segment_exports.destinations.ortto.destination import OrttoDestination
        from segment_exports.transport.pacing import Pacer

        url = f"{self.url}/v1"
        client = OrttoClient(url, self.key, pacer=Pacer(self.rate), bad_requests=bad_requests_at(url))
        return OrttoDestination(client, self.definition)
