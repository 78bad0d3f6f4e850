"""The export definition of the benchmark: ten fields, one segment, membership as a field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks.contacts import FIELDS, SEGMENT

if TYPE_CHECKING:
    from pathlib import Path

EXPORT = "bench"
CONNECTION = "autopilot_default"
TENANT_FIELDS = {
    "Email": "EMail",
    "FirstName": "FirstName",
    "LastName": "LastName",
    "Phone": "Telephone",
    "MailingStreet": "StreetAddress",
    "MailingCity": "City",
    "MailingState": "State",
    "MailingPostalCode": "PostCode",
    "MailingCountry": "Country",
    "Title": "Occupation",
}
LEDGER_SECRET = "benchmark-ledger-secret-of-no-use-to-anybody"


def write_definition(
    folder: Path,
    name: str = EXPORT,
    *,
    lake: Path,
    segment: str = SEGMENT,
    title: str | None = None,
    in_flight: int = 8,
    profiles: int = 2_000_000,
) -> Path:
    """Write one definition (JSON is YAML) and return its path."""
    destination = {"connection": CONNECTION, "membership": "field", "requests_in_flight": in_flight}
    return _write(
        folder,
        {
            "name": name,
            "source": {"type": "lake", "path": str(lake), "unseen_snapshots": "read"},
            "destination": destination,
            "segments": [{"name": segment, "list": title or segment}],
            "mapping": dict(FIELDS),
            "limit": {"profiles": profiles},
        },
    )


def write_dataverse_definition(folder: Path) -> Path:
    """Write the definition that reads ten attributes of the emulated tenant's Dataverse."""
    return _write(
        folder,
        {
            "name": "dataverse",
            "source": {"type": "dataverse", "connection": "dataverse_default"},
            "segments": [SEGMENT],
            "mapping": TENANT_FIELDS,
        },
    )


def _write(folder: Path, definition: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{definition['name']}.yaml"
    path.write_text(json.dumps(definition, indent=1))
    return path
