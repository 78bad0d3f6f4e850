"""Columns of a Dataverse table, with the tenant's own names where the labels keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_exports.sources.attribute_names import ServiceAttribute
from segment_exports.sources.web.odata import quoted, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_exports.sources.web.http_reading import JsonReader


def table_columns(reader: JsonReader, logical_name: str) -> list[ServiceAttribute]:
    """Return the columns in a table's metadata (``EntityDefinitions``).

    :raises SourceError: the metadata can't be read.
    """
    path = f"EntityDefinitions(LogicalName={quoted(logical_name)})/Attributes"
    rows = rows_of(
        reader.get(path, {"$select": "LogicalName,AttributeType,DisplayName"}), reader.service, path
    )
    return [
        ServiceAttribute(row["LogicalName"], str(row.get("AttributeType", "unknown")), _label(row))
        for row in rows
        if isinstance(row.get("LogicalName"), str)
    ]


def columns_of_row(row: Mapping[str, Any]) -> list[ServiceAttribute]:
    """Return the columns that one row shows; annotations have an ``@`` in their name."""
    return [ServiceAttribute(key, "unknown") for key in row if "@" not in key]


def _label(row: Mapping[str, Any]) -> str:
    label: Any = row.get("DisplayName")
    for key in ("UserLocalizedLabel", "Label"):
        label = label.get(key) if isinstance(label, dict) else None
    return label if isinstance(label, str) else ""
