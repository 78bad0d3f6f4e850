"""Entra's token endpoint for client credentials: constructed from the documented shapes.

OpenID discovery and ``POST /{tenant}/oauth2/v2.0/token``; errors carry Entra's codes (``error``,
``error_description`` that starts with ``AADSTS``). Tokens are opaque and good for one scope.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs
from uuid import uuid4

from starlette.applications import Starlette
from starlette.routing import Route

from segment_emulators.customer_insights.answering import json_response
from segment_emulators.customer_insights.state import Arrival

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from segment_emulators.customer_insights.state import CustomerInsights

SERVICE = "entra"


def application(state: CustomerInsights, scopes: set[str]) -> Starlette:
    """Return the authority; it gives tokens for these scopes."""

    def discovery(request: Request) -> Response:
        tenant = request.path_params["tenant"]
        if tenant != state.tenant_id:
            return _refusal(400, "invalid_tenant", "AADSTS90002: Tenant was not found.")
        base = str(request.base_url).rstrip("/")
        return json_response(
            {
                "issuer": f"{base}/{tenant}/v2.0",
                "authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/{tenant}/oauth2/v2.0/token",
            }
        )

    async def token(request: Request) -> Response:
        form = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        answer = _token(state, scopes, request.path_params["tenant"], form)
        state.arrivals.append(Arrival(SERVICE, request.url.path, {}, answer.status_code))
        return answer

    return Starlette(
        routes=[
            Route("/{tenant}/v2.0/.well-known/openid-configuration", discovery),
            Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
        ]
    )


def _token(state: CustomerInsights, scopes: set[str], tenant: str, form: dict[str, str]) -> Response:
    if tenant != state.tenant_id:
        return _refusal(400, "invalid_request", "AADSTS90002: Tenant was not found.")
    if form.get("grant_type") != "client_credentials":
        return _refusal(400, "unsupported_grant_type", "AADSTS70003: Unsupported grant type.")
    if form.get("client_id") != state.client_id:
        return _refusal(400, "unauthorized_client", "AADSTS700016: Application was not found.")
    if form.get("client_secret") != state.client_secret:
        return _refusal(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
    if form.get("scope") not in scopes:
        return _refusal(400, "invalid_resource", "AADSTS500011: The resource principal was not found.")
    value = uuid4().hex
    with state.lock:
        state.tokens[value] = (form["scope"], state.now() + timedelta(seconds=state.token_seconds))
        state.tokens_given += 1
    return json_response({"token_type": "Bearer", "expires_in": state.token_seconds, "access_token": value})


def _refusal(status: int, code: str, description: str) -> Response:
    return json_response({"error": code, "error_description": description}, status)
