"""Customer Insights' REST API below ``/v1``: constructed from Microsoft's client library 1.0.8."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np
from starlette.applications import Starlette
from starlette.routing import Route

from segment_emulators.customer_insights.answering import (
    RefusedError,
    endpoint,
    json_response,
    odata_error,
)
from segment_emulators.customer_insights.rows import profile_rows
from segment_emulators.customer_insights.state import NextPage
from segment_emulators.tenant import ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from starlette.requests import Request
    from starlette.responses import Response

    from segment_emulators.customer_insights.state import CustomerInsights

SERVICE = "ci_api"
DEFAULT_PAGE = 100
ODATA_NAMES = {attribute.name: attribute.name.replace(" ", "_") for attribute in ATTRIBUTES}
"""Attribute → name in OData, which allows no blank; that it becomes ``_`` is a guess."""

_IN_SEGMENT = re.compile(r"IsMemberOfSegment\('([^']*)'\)")


def application(state: CustomerInsights, scope: Callable[[], str]) -> Starlette:
    """Return the API of one instance."""
    root = f"/v1/instances/{state.instance_id}"
    operations = {
        "/manage/segments": _segments,
        "/manage/entities/Customer": _entity,
        "/data/Customer": _members,
        "/workflows/main/jobs": _jobs,
        "/manage/workflows/main/jobs": _jobs,
    }
    return Starlette(
        routes=[
            Route(root + path, endpoint(state, SERVICE, scope, partial(_with_key, state, operation)))
            for path, operation in operations.items()
        ]
    )


def _with_key(
    state: CustomerInsights, operation: Callable[[CustomerInsights, Request], Response], request: Request
) -> Response:
    if request.headers.get("Ocp-Apim-Subscription-Key") != state.subscription_key:
        message = "Access denied due to invalid subscription key."
        raise RefusedError(401, {"statusCode": 401, "message": message})
    return operation(state, request)


def _segments(state: CustomerInsights, _request: Request) -> Response:
    return json_response(
        [
            {
                "kind": "default",
                "name": name,
                "friendlyName": name,
                "state": "inactive" if name in state.inactive else "active",
                "evaluationStatus": state.evaluation(name),
                "instanceId": state.instance_id,
            }
            for name in state.tenant.segments
        ]
    )


def _entity(state: CustomerInsights, _request: Request) -> Response:
    return json_response(
        {
            "name": "Customer",
            "attributes": [
                {
                    "name": ODATA_NAMES[one.name],
                    "friendlyName": one.name,
                    "dataType": one.data_type,
                    "semanticType": one.semantic_type if state.switches.semantic_types else None,
                }
                for one in ATTRIBUTES
            ],
        }
    )


def _jobs(state: CustomerInsights, request: Request) -> Response:
    if state.switches.job_route is None or not request.url.path.endswith(
        f"{state.instance_id}/{state.switches.job_route}"
    ):
        raise RefusedError(404, {"httpStatusCode": 404, "errorCode": "NotFound", "message": "Not found."})
    return json_response(state.jobs[: int(request.query_params.get("top", "10"))])


def _members(state: CustomerInsights, request: Request) -> Response:
    query = dict(request.query_params)
    match = _IN_SEGMENT.fullmatch(query.get("$filter", ""))
    if not match:
        raise odata_error(400, "BadRequest", "The filter is not understood.")
    tables = state.tables
    if match[1] not in tables.members:
        raise odata_error(400, "BadRequest", "The segment was not found.")
    public = {odata: name for name, odata in ODATA_NAMES.items()}
    columns = query["$select"].split(",") if "$select" in query else list(public)
    for column in columns:
        if column not in public:
            raise odata_error(400, "BadRequest", f"Could not find a property named '{column}'.")
    names = {public[column]: column for column in columns}
    rows = tables.members[match[1]]
    if not state.switches.stable_order:
        rows = np.random.default_rng(state.pages).permutation(rows)
    size = min(int(query.get("$top", DEFAULT_PAGE)), state.switches.largest_page)
    start = int(query.get("$skiptoken", query.get("$skip", "0")))
    body = _page(state, request, query, rows, start, size)
    shown: NDArray[np.int64] = body.pop("rows")
    state.count_page()
    value = profile_rows(tables, shown, names, numbers=state.switches.numbers)
    return json_response({"@odata.context": "$metadata#Customer", "value": value, **body})


def _page(
    state: CustomerInsights,
    request: Request,
    query: dict[str, str],
    rows: NDArray[np.int64],
    start: int,
    size: int,
) -> dict[str, Any]:
    """Return which rows to show, and how the paging goes on."""
    number = start // size + 1
    repeats = state.faults.repeat_page is not None and number > state.faults.repeat_page
    shown_start = (state.faults.repeat_page - 1) * size if repeats and state.faults.repeat_page else start
    body: dict[str, Any] = {"rows": rows[shown_start : shown_start + size]}
    if start + size >= len(rows) and not repeats:
        return body
    onward = {key: value for key, value in query.items() if key not in ("$skip", "$skiptoken")}
    if state.switches.next_page is NextPage.LINK:
        base = str(request.base_url).rstrip("/")
        if state.faults.foreign_link_after == number:
            base = "http://attacker.example"
        onward["$skiptoken"] = str(start + size)
        body["@odata.nextLink"] = f"{base}{request.url.path}?{urlencode(onward)}"
    elif state.switches.next_page is NextPage.TOKEN:
        body["@odata.skipToken"] = str(start + size)
    return body
