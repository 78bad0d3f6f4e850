"""Dataverse's Web API as far as reading two tables needs it: constructed from the documented shapes.

Documented: ``$select``, ``$filter``, ``$orderby``, ``$top``; ``Prefer: odata.maxpagesize`` up to 5,000
with ``@odata.nextLink``; no ``$skip``; ``EntityDefinitions``; 429 with ``Retry-After`` and codes.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np
import orjson
from starlette.applications import Starlette
from starlette.routing import Route

from segment_emulators.customer_insights.answering import endpoint, json_response, odata_error
from segment_emulators.customer_insights.rows import profile_rows
from segment_emulators.customer_insights.state import ListShape, iso
from segment_emulators.tenant import ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from starlette.requests import Request
    from starlette.responses import Response

    from segment_emulators.customer_insights.state import CustomerInsights
    from segment_emulators.customer_insights.tables import Tables

SERVICE = "dataverse"
ROOT = "/api/data/v9.2"
LARGEST_PAGE = 5000
LOGICAL = {attribute.name: f"msdynci_{attribute.name.replace(' ', '').lower()}" for attribute in ATTRIBUTES}
"""Attribute → logical name; that blanks fall away is a guess."""

_MEMBERSHIP_COLUMNS = {
    "msdynci_customerid": "CustomerId",
    "msdynci_segments": "Segments",
    "msdynci_segmentprovider": "SegmentProvider",
    "msdynci_segmentmembershiptype": "SegmentMembershipType",
    "msdynci_identifier": "Identifier",
}
LOOKUP, LOOKUP_NAME, STATE = "ownerid", "owneridname", "statecode"
"""Columns that every table has: a lookup, its name that only the metadata know, and a choice."""
OWNER = "00000000-0000-4000-8000-00000000000a"
STATE_LABEL = "Active"

_FORMATTED = "OData.Community.Display.V1.FormattedValue"
_TYPES = {"int64": "Integer", "double": "Double", "dateTime": "DateTime", "string": "String"}
_CONTAINS = re.compile(r"contains\(msdynci_segments,'\"(.*)\"'\)")
_COMPARES = re.compile(r"msdynci_customerid (eq|ge|lt) '([^']*)'")
_PAGE_SIZE = re.compile(r"odata\.maxpagesize=(\d+)")


def application(state: CustomerInsights, scope: Callable[[], str]) -> Starlette:
    """Return the environment's Web API."""
    operations = {
        "/msdynci_customerprofiles": partial(_profiles, state),
        "/msdynci_segmentmemberships": partial(_memberships, state),
        "/EntityDefinitions(LogicalName='{table}')/Attributes": partial(_attributes, state),
    }
    return Starlette(
        routes=[
            Route(ROOT + path, endpoint(state, SERVICE, scope, operation))
            for path, operation in operations.items()
        ]
    )


def _profiles(state: CustomerInsights, request: Request) -> Response:
    tables = state.tables
    rows = _filtered(tables, np.arange(tables.profiles.num_rows), request.query_params.get("$filter"))
    rows = rows[np.searchsorted(rows, state.faults.profiles_missing) :]
    known = {logical: name for name, logical in LOGICAL.items()}
    system = ["msdynci_customerprofileid", LOOKUP, f"_{LOOKUP}_value", STATE]
    columns = _selected(state, request, [*known, *system], "msdynci_customerprofile")
    annotated = state.switches.annotations and _FORMATTED in request.headers.get("Prefer", "")

    def render(chosen: NDArray[np.int64]) -> list[dict[str, Any]]:
        names = {known[column]: column for column in columns if column in known}
        names.setdefault("CustomerId", "msdynci_customerid")
        found = profile_rows(tables, chosen, names, numbers=state.switches.numbers)
        own = _lookup_and_choice(columns, annotated=annotated)
        rows = _with_system_columns(state, found, columns, "msdynci_customerprofileid")
        secured, unsent = state.faults.secured, state.faults.unsent
        return [
            {key: None if key in secured else row[key] for key in row if key not in unsent}
            for row in ({**row, **own} for row in rows)
        ]

    return _page(state, request, "msdynci_customerprofiles", rows, render)


def _memberships(state: CustomerInsights, request: Request) -> Response:
    tables = state.tables
    rows = _filtered(tables, tables.in_segments, request.query_params.get("$filter"))
    known = [*_MEMBERSHIP_COLUMNS, "msdynci_segmentmembershipid"]
    columns = _selected(state, request, known, "msdynci_segmentmembership")

    def render(chosen: NDArray[np.int64]) -> list[dict[str, Any]]:
        ids = tables.profiles.column("CustomerId").take(chosen).to_pylist()
        found = [
            {
                "msdynci_customerid": customer,
                "msdynci_segments": _list_text(state.switches.list_shape, names),
                "msdynci_segmentprovider": "Audience insights",
                "msdynci_segmentmembershiptype": "Customer",
                "msdynci_identifier": f"{customer}|Audience insights|Customer|",
            }
            for customer, names in zip(ids, tables.segments_of(chosen), strict=True)
        ]
        found = [{key: row[key] for key in row if key in columns} for row in found]
        return _with_system_columns(state, found, columns, "msdynci_segmentmembershipid")

    return _page(state, request, "msdynci_segmentmemberships", rows, render)


def _attributes(state: CustomerInsights, request: Request) -> Response:
    if not state.switches.metadata:
        raise odata_error(403, "0x80040220", "The user lacks privileges on EntityMetadata.")
    table = request.path_params["table"]
    if table == "msdynci_customerprofile":
        columns = [(LOGICAL[one.name], _TYPES[one.data_type], one.name) for one in ATTRIBUTES]
    elif table == "msdynci_segmentmembership":
        columns = [(logical, "String", label) for logical, label in _MEMBERSHIP_COLUMNS.items()]
    else:
        raise odata_error(404, "0x80060888", f"Could not find an entity with name {table}.")
    columns += [("modifiedon", "DateTime", "Modified On"), (f"{table}id", "Uniqueidentifier", table)]
    columns += [(LOOKUP, "Owner", "Owner"), (LOOKUP_NAME, "String", LOOKUP_NAME), (STATE, "State", "Status")]
    return json_response(
        {
            "value": [
                {
                    "LogicalName": logical,
                    "AttributeType": kind,
                    "AttributeTypeName": {"Value": f"{kind}Type"},
                    "AttributeOf": LOOKUP if logical == LOOKUP_NAME else None,
                    "IsValidForRead": True,
                    "DisplayName": {"UserLocalizedLabel": _label(state, label)},
                }
                for logical, kind, label in columns
            ]
        }
    )


def _lookup_and_choice(columns: list[str], *, annotated: bool) -> dict[str, Any]:
    """Return the values of the lookup, which has none under its plain name, and of the choice."""
    own: dict[str, Any] = {f"_{LOOKUP}_value": OWNER} if f"_{LOOKUP}_value" in columns else {}
    if STATE in columns:
        own |= {STATE: 0} | ({f"{STATE}@{_FORMATTED}": STATE_LABEL} if annotated else {})
    return own


def _label(state: CustomerInsights, label: str) -> dict[str, Any] | None:
    return {"Label": label, "LanguageCode": 1033} if state.switches.labels else None


def _list_text(shape: ListShape, names: list[str]) -> str:
    return orjson.dumps({"Segments": names} if shape is ListShape.OBJECT else names).decode()


def _with_system_columns(
    state: CustomerInsights, rows: list[dict[str, Any]], columns: list[str], key: str
) -> list[dict[str, Any]]:
    system = {"modifiedon": iso(state.marked_at)} if "modifiedon" in columns else {}
    return [{"@odata.etag": f'W/"{state.snapshot}"', **row, **system, key: row.get(key)} for row in rows]


def _selected(state: CustomerInsights, request: Request, known: list[str], table: str) -> list[str]:
    known = [*known, "modifiedon"] if state.switches.time_marks else known
    wanted = request.query_params.get("$select")
    columns = known if wanted is None else wanted.split(",")
    asked = [
        *columns,
        *(part.split()[0] for part in request.query_params.get("$orderby", "").split(",") if part),
    ]
    for column in asked:
        if column not in known:
            message = f"Could not find a property named '{column}' on type 'Microsoft.Dynamics.CRM.{table}'."
            raise odata_error(400, "0x80060888", message)
    return columns


def _filtered(tables: Tables, rows: NDArray[np.int64], condition: str | None) -> NDArray[np.int64]:
    if not condition:
        return rows
    key = f"{len(rows)} {condition}"
    if key not in tables.found:
        tables.found[key] = _matching(tables, rows, condition)
    return tables.found[key]


def _matching(tables: Tables, rows: NDArray[np.int64], condition: str) -> NDArray[np.int64]:
    for part in condition.split(" and "):
        if match := _CONTAINS.fullmatch(part):
            rows = np.intersect1d(rows, tables.members.get(match[1], np.empty(0, np.int64)))
        elif match := _COMPARES.fullmatch(part):
            ids = tables.profiles.column("CustomerId").take(rows).to_numpy()
            compare = {"eq": np.equal, "ge": np.greater_equal, "lt": np.less}[match[1]]
            rows = rows[compare(ids, match[2]).astype(bool)]
        else:
            raise odata_error(400, "0x80060888", "The filter is not understood.")
    return rows


def _page(
    state: CustomerInsights,
    request: Request,
    table: str,
    rows: NDArray[np.int64],
    render: Callable[[NDArray[np.int64]], list[dict[str, Any]]],
) -> Response:
    query = dict(request.query_params)
    if "$skip" in query:
        raise odata_error(400, "0x80060888", "The query parameter $skip is not supported.")
    preferred = _PAGE_SIZE.search(request.headers.get("Prefer", ""))
    size = min(int(preferred[1]) if preferred else LARGEST_PAGE, LARGEST_PAGE)
    if "$top" in query and not preferred:
        rows = rows[: int(query["$top"])]
    start = int(query.pop("$skiptoken", "0"))
    body: dict[str, Any] = {
        "@odata.context": f"{request.base_url}api/data/v9.2/$metadata#{table}",
        "value": render(rows[start : start + size]),
    }
    end = start + size
    number = start // size + 1
    if state.faults.repeat_page is not None and number > state.faults.repeat_page:
        again = (state.faults.repeat_page - 1) * size
        body["value"] = render(rows[again : again + size])
    if end < len(rows) or (state.faults.repeat_page is not None and number > state.faults.repeat_page):
        base = str(request.base_url).rstrip("/")
        if state.faults.foreign_link_after == number:
            base = "http://attacker.example"
        body["@odata.nextLink"] = f"{base}{ROOT}/{table}?{urlencode({**query, '$skiptoken': str(end)})}"
    if "$top" not in query:
        state.count_page()
    return json_response(body)
