"""What every route of the data services does before and after its own work: sign-in, faults, log."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from segment_emulators.customer_insights.state import Arrival

if TYPE_CHECKING:
    from starlette.requests import Request

    from segment_emulators.customer_insights.state import CustomerInsights

Operation = Callable[["Request"], Response]

_FIRST_NAME = re.compile(rb'"(?:msdynci_firstname|FirstName)":"[^"\\]+')
_PAGE = b"<html><body><h1>Sign in to your network</h1></body></html>"


class RefusedError(Exception):
    """A request that the service refuses."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.answer = json_response(body, status, headers)


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    return Response(
        orjson.dumps(value), status, headers, media_type="application/json; odata.metadata=minimal"
    )


def odata_error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> RefusedError:
    """Return OData's one shape of an error."""
    return RefusedError(status, {"error": {"code": code, "message": message}}, headers)


def endpoint(
    state: CustomerInsights, service: str, scope: Callable[[], str], operation: Operation
) -> Callable[[Request], Awaitable[Response]]:
    """Return a route's endpoint: in a thread, since pages take time to write."""

    def work(request: Request) -> Response:
        try:
            _refuse(state, request, scope())
            answer = _spoil(state, operation(request))
        except RefusedError as refused:
            answer = refused.answer
        query = dict(request.query_params)
        state.arrivals.append(Arrival(service, request.url.path, query, answer.status_code))
        return answer

    async def answer(request: Request) -> Response:
        return await run_in_threadpool(work, request)

    return answer


def _refuse(state: CustomerInsights, request: Request, scope: str) -> None:
    faults = state.faults
    with state.lock:
        state.data_requests += 1
        if faults.expire_tokens_after is not None and state.data_requests > faults.expire_tokens_after:
            faults.expire_tokens_after = None
            state.tokens.clear()
        if faults.throttle_every and state.data_requests % faults.throttle_every == 0:
            headers = {"Retry-After": faults.retry_after} if faults.retry_after is not None else {}
            message = "Number of requests exceeded the limit of 6000 over a time window of 300 seconds."
            raise odata_error(429, faults.protection_code, message, headers)
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    wanted, until = state.tokens.get(token, ("", state.now()))
    if wanted != scope or until <= state.now():
        raise RefusedError(401, {"error": {"code": "0x80072560", "message": "The token is not valid."}})


def _spoil(state: CustomerInsights, answer: Response) -> Response:
    faults = state.faults
    with state.lock:
        if faults.html:
            faults.html -= 1
            return Response(_PAGE, 200, media_type="text/html")
        if faults.busy:
            faults.busy -= 1
            headers = {"Retry-After": faults.retry_after} if faults.retry_after is not None else {}
            return Response(b'{"error":{"code":"0x0","message":"busy"}}', 503, headers)
        if faults.half_emoji and (found := _FIRST_NAME.search(bytes(answer.body))):
            faults.half_emoji -= 1
            whole = bytes(answer.body)
            return Response(
                whole[: found.end()] + rb" \ud83d" + whole[found.end() :], 200, media_type="application/json"
            )
        if faults.refused:
            faults.refused -= 1
            return odata_error(faults.refused_with, "0x80040216", "The request is not valid.").answer
        if faults.errors:
            faults.errors -= 1
            return Response(b'{"error":{"code":"0x80040216","message":"An unexpected error."}}', 500)
        if faults.cut:
            faults.cut -= 1
            return Response(
                bytes(answer.body)[: len(bytes(answer.body)) // 2], 200, media_type="application/json"
            )
    return answer
