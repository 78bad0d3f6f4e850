"""Columns of a Dataverse table, with the tenant's own names where the labels keep them.

Three kinds hold no value under their own name (Microsoft: "Query data using the Web API"): a lookup's value
is ``_<name>_value``; a choice's is a number, whose label comes as an annotation; and what only belongs to
another column (``AttributeOf``, as the name of a lookup) or is virtual can't be asked for at all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from segment_exports.errors import SourceError
from segment_exports.sources.attribute_names import ServiceAttribute
from segment_exports.sources.web.answer_status import NoSuchRouteError
from segment_exports.sources.web.odata import quoted, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_exports.sources.web.http_reading import JsonReader
    from segment_exports.sources.web.odata import Row

FORMATTED = "OData.Community.Display.V1.FormattedValue"
"""The annotation with a value as people see it."""

_LOOKUPS = frozenset({"Lookup", "Owner", "Customer"})
_CHOICES = frozenset({"Picklist", "State", "Status", "MultiSelectPicklist"})
_MULTISELECT = "MultiSelectPicklistType"
_LOOKUP_KEY = re.compile(r"_(.+)_value")
_WANTED = "LogicalName,AttributeType,AttributeTypeName,AttributeOf,IsValidForRead,DisplayName"


def table_columns(reader: JsonReader, logical_name: str) -> list[ServiceAttribute]:
    """Return the columns in a table's metadata (``EntityDefinitions``).

    :raises SourceError: the metadata can't be read.
    """
    path = f"EntityDefinitions(LogicalName={quoted(logical_name)})/Attributes"
    rows = rows_of(reader.get(path, {"$select": _WANTED}), reader.service, path, asked=0)
    return [_column(row, row["LogicalName"]) for row in rows if isinstance(row.get("LogicalName"), str)]


def first_row(reader: JsonReader, table: str, params: Mapping[str, str]) -> Row | None:
    """Return the first row of a table, None where it has none.

    :raises SourceError: there is no such table, or it can't be read.
    """
    try:
        answer = reader.get(table, {**params, "$top": "1"})
    except NoSuchRouteError as error:
        raise SourceError(
            f"This Dataverse environment has no table {table}; is it the one of Customer Insights - Data?"
        ) from error
    rows = rows_of(answer, reader.service, table, asked=1)
    return rows[0] if rows else None


def columns_of_row(row: Mapping[str, Any]) -> list[ServiceAttribute]:
    """Return the columns that one row shows; annotations have an ``@`` in their name."""
    keys = [key for key in row if "@" not in key]
    lookups = {key: match[1] for key in keys if (match := _LOOKUP_KEY.fullmatch(key))}
    return [
        ServiceAttribute(lookups.get(key, key), "unknown", select=key if key in lookups else "")
        for key in keys
    ]


def label_of(key: str) -> str:
    """Return what the label of a choice is called in a row."""
    return f"{key}@{FORMATTED}"


def _column(row: Mapping[str, Any], name: str) -> ServiceAttribute:
    kind = str(row.get("AttributeType", "unknown"))
    if _kind_name(row) == _MULTISELECT:
        kind = "MultiSelectPicklist"
    return ServiceAttribute(
        name,
        kind,
        _label(row),
        select=f"_{name}_value" if kind in _LOOKUPS else "",
        is_choice=kind in _CHOICES,
        instead=_why_unread(row, kind),
    )


def _why_unread(row: Mapping[str, Any], kind: str) -> str:
    owner = row.get("AttributeOf")
    if isinstance(owner, str) and owner:
        return f"belongs to {owner} and can't be read by itself; take {owner}"
    if kind == "Virtual" or row.get("IsValidForRead") is False:
        return f"is a column of Dataverse ({kind}) that can't be read; take another"
    return ""


def _kind_name(row: Mapping[str, Any]) -> Any:
    told = row.get("AttributeTypeName")
    return told.get("Value") if isinstance(told, dict) else told


def _label(row: Mapping[str, Any]) -> str:
    label: Any = row.get("DisplayName")
    for key in ("UserLocalizedLabel", "Label"):
        label = label.get(key) if isinstance(label, dict) else None
    return label if isinstance(label, str) else ""
