"""A lake export on disk, written with nothing but ``csv`` and ``json``."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

FIRST_REFRESH = datetime(2026, 3, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Profile:
    """One row of a segment, as text."""

    CustomerId: str
    EMail: str
    FirstName: str = ""
    LastName: str = ""
    Tier: str = ""
    Points: str = ""
    Subscriber: str = "Yes"
    PreviousCustomerId: str = ""


COLUMNS = tuple(field.name for field in fields(Profile))


def people(*numbers: int, **changes: str) -> list[Profile]:
    """Return customers c1, c2, … by number, each with an address of their own."""
    return [Profile(f"c{one}", f"p{one}@example.com", **changes) for one in numbers]


def refresh_time(number: int) -> datetime:
    """When the refresh of this number (from 1) ended; a day lies between two."""
    return FIRST_REFRESH + timedelta(days=number - 1)


@dataclass(frozen=True)
class LakeFolder:
    """The folder of one export."""

    root: Path

    def write(self, number: int, segments: Mapping[str, Iterable[Profile]]) -> None:
        """Write a refresh: one file per segment, then the ``model.json`` that names them."""
        for segment, profiles in segments.items():
            path = self.file(number, segment)
            path.parent.mkdir(parents=True)
            with path.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, COLUMNS, quoting=csv.QUOTE_ALL, lineterminator="\n")
                writer.writerows(asdict(one) for one in profiles)
        model = {"name": "export", "entities": [self._entity(number, name) for name in segments]}
        (self.root / "model.json").write_text(json.dumps(model), encoding="utf-8")

    def rows(self, number: int, segment: str) -> Iterator[dict[str, str]]:
        """Read a segment back."""
        with self.file(number, segment).open(encoding="utf-8", newline="") as stream:
            yield from csv.DictReader(stream, COLUMNS)

    def file(self, number: int, segment: str) -> Path:
        """Where a segment of a refresh lies."""
        return self.root / self._location(number, segment)

    @staticmethod
    def _location(number: int, segment: str) -> str:
        return f"{segment}/{refresh_time(number):%Y/%m/%d/%H%M}/{segment}_1.csv"

    def _entity(self, number: int, segment: str) -> dict[str, object]:
        location = f"https://lake.blob.core.windows.net/export/{self._location(number, segment)}"
        return {
            "$type": "LocalEntity",
            "name": segment,
            "attributes": [{"name": name, "dataType": "string"} for name in COLUMNS],
            "partitions": [{"name": f"{segment}_1", "location": location}],
        }
