"""Dataverse's two tables, written row by row: its Web API answers what no tenant is generated with."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from segment_exports.errors import SourceError
from segment_exports.sources import ReadUnit
from segment_exports.sources.dataverse.settings import DataverseSettings
from segment_exports.sources.dataverse.source import DataverseSource
from segment_exports.sources.seen_columns import SeenColumns
from segment_exports.sources.web.connections import AppRegistration, DataverseConnection
from segment_exports.sources.web.http_reading import JsonReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from segment_exports.records.staging import Store

SEGMENT = "Gold"
LABEL = "@OData.Community.Display.V1.FormattedValue"
PROFILES, MEMBERSHIPS = "msdynci_customerprofiles", "msdynci_segmentmemberships"
_MEMBERSHIP = {
    "msdynci_customerid": ("String", "CustomerId"),
    "msdynci_segments": ("String", "Segments"),
    "msdynci_segmentmembershiptype": ("String", "SegmentMembershipType"),
}
ROOT = "https://written.crm.dynamics.com"


@dataclass
class WrittenTables:
    """So many customers, all in one segment, all with the choice *OptIn* at *Yes*.

    :param columns: of the profiles: logical name → (type, label).
    :param is_open: the metadata may be read.
    :param keys: columns that come whether they are asked for or not.
    :param alter: makes of the answer (table, first row of the page, body) what comes.
    """

    people: int = 10
    page_size: int = 4
    columns: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {
            "msdynci_customerid": ("String", "CustomerId"),
            "msdynci_email": ("String", "EMail"),
            "msdynci_optin": ("Picklist", "OptIn"),
            "msdynci_tier": ("Picklist", "Tier"),
        }
    )
    is_open: bool = True
    alter: Callable[[str, int, dict[str, Any]], dict[str, Any]] = lambda table, start, body: body
    keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.profiles: list[dict[str, Any]] = [
            {
                "msdynci_customerid": f"c{number:03}",
                "msdynci_email": address(number),
                "msdynci_optin": 1,
                f"msdynci_optin{LABEL}": "Yes",
                "msdynci_tier": 100000001,
                f"msdynci_tier{LABEL}": "Gold",
            }
            for number in range(self.people)
        ]
        self.members: list[dict[str, Any]] = [
            {
                "msdynci_customerid": f"c{number:03}",
                "msdynci_segments": json.dumps({"Segments": [SEGMENT]}),
                "msdynci_segmentmembershiptype": "Customer",
            }
            for number in range(self.people)
        ]

    def serve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Answer whatever a reader asks."""
        monkeypatch.setattr(JsonReader, "get", lambda _, *args, **kwargs: self._answer(*args, **kwargs))

    def source(self, store: Store | None = None, **settings: Any) -> DataverseSource:
        """Return a source that reads them; what it remembers lies in the store."""
        app = AppRegistration("contoso.example", "client", "secret")
        return DataverseSource(
            DataverseConnection(app, ROOT), DataverseSettings(**settings), seen=SeenColumns(store)
        )

    def _answer(
        self, url: str, params: dict[str, str] | None = None, headers: Any = None, *, what: str = ""
    ) -> dict[str, Any]:
        parts = urlsplit(url)
        table, query = parts.path.rsplit("/api/data/v9.2/", 1)[-1], dict(parse_qsl(parts.query))
        query |= params or {}
        if table.startswith("EntityDefinitions"):
            return self._metadata(table)
        if "modifiedon" in query.get("$select", ""):
            return {"value": []}
        rows = self.profiles if table == PROFILES else self.members
        if "contains" in query.get("$filter", ""):  # which takes no notice of case, as Dataverse's own
            name = query["$filter"].split('"')[1].lower()
            rows = [row for row in rows if f'"{name}"' in (row["msdynci_segments"] or "").lower()]
        if "$select" in query:
            wanted = [*query["$select"].split(","), *self.keys]
            labelled = "annotations" in (headers or {}).get("Prefer", "")
            rows = [
                {key: row[key] for key in row if key in wanted or (labelled and key.split("@")[0] in wanted)}
                for row in rows
            ]
        if "$top" in query:
            return {"value": rows[: int(query["$top"])]}
        start = int(query.get("$skiptoken", "0"))
        end = start + self.page_size
        body: dict[str, Any] = {"value": rows[start:end]}
        if end < len(rows):
            body["@odata.nextLink"] = (
                f"{ROOT}/api/data/v9.2/{table}?$select={query['$select']}&$skiptoken={end}"
            )
        return self.alter(table, start, body)

    def _metadata(self, table: str) -> dict[str, Any]:
        if not self.is_open:
            raise SourceError("Dataverse refuses the app registration (403)")
        columns = self.columns if "customerprofile" in table else _MEMBERSHIP
        return {
            "value": [
                {
                    "LogicalName": name,
                    "AttributeType": kind,
                    "DisplayName": {"UserLocalizedLabel": {"Label": label}},
                }
                for name, (kind, label) in columns.items()
            ]
        }


def address(number: int) -> str:
    """Return the address of a customer."""
    return f"p{number}@example.com"


def read_all(
    source: DataverseSource, attributes: Sequence[str] = ("EMail", "OptIn", "Tier", "CustomerId")
) -> list[dict[str, str | None]]:
    """Read the segment as a run does, in the order of the customers' ids."""
    (unit,) = source.read_units({SEGMENT: source.snapshots(SEGMENT)[-1]})
    rows = [
        row
        for _, batch in source.read(ReadUnit.from_json(unit.to_json()), attributes)
        for row in batch.to_pylist()
    ]
    return sorted(rows, key=itemgetter("CustomerId"))
