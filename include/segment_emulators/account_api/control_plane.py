"""The emulator's own pages below ``/_emulator``, for tests and people in another process.

The real services have nothing of the kind. They need no key: serve them where only you can reach them.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Body, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, ValidationError

from segment_emulators.account_api.faults import Fault  # noqa: TC001 FastAPI reads it at run time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_emulators.account_api.emulator import AccountEmulator

    StaffActions = Mapping[str, tuple[str, ...]]
    """Methods of the account's staff and their arguments, in their order."""


class NotThereError(Exception):
    """What is asked for isn't in the account."""


class NewKey(BaseModel):
    """A key to rotate to."""

    key: str


class NewContact(BaseModel):
    """A contact that staff add."""

    model_config = ConfigDict(extra="forbid")

    email: str | None
    lists: tuple[str, ...] = ()
    unsubscribed: bool | None = None
    custom: dict[str, Any] | None = None
    fields: dict[str, Any] = {}


def control_plane(emulator: AccountEmulator, actions: StaffActions, *more: APIRouter) -> FastAPI:
    """Return the application with the control plane's routes, and an emulator's own beside them."""
    application = FastAPI(
        title=f"{emulator.title} emulator",
        docs_url="/_emulator/docs",
        openapi_url="/_emulator/openapi.json",
    )
    parts = (_state_routes, _log_routes, _behaviour_routes)
    for routes in (*(part(emulator) for part in parts), _staff_routes(emulator, actions), *more):
        application.include_router(routes, prefix="/_emulator")
    application.add_exception_handler(NotThereError, _not_found)
    return application


async def _not_found(_request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": type(error).__name__}, status_code=404)


@contextmanager
def _wrong_is_told() -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        raise HTTPException(422, error.errors(include_url=False, include_context=False)) from error


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


def _state_routes(emulator: AccountEmulator) -> APIRouter:
    routes = APIRouter(tags=["state"])
    account = emulator.account

    @routes.get("/health")
    async def health() -> dict[str, str]:
        """Tell that it is up."""
        return {"status": "ok"}

    @routes.get("/state")
    async def state() -> Response:
        """Count what the account holds."""
        return _json(
            {
                "contacts": len(account.contacts),
                "lists": [
                    {"list_id": item.list_id, "title": item.title, "members": len(item.members)}
                    for item in account.lists.values()
                ],
                "unsubscribed": len(account.unsubscribed()),
                "requests": len(emulator.log),
            }
        )

    @routes.get("/contacts")
    async def contacts() -> Response:
        """Return every contact by address."""
        return _json(account.contacts_by_email())

    @routes.get("/lists")
    async def lists() -> Response:
        """Return every list with its members' addresses."""
        return _json(
            [
                {
                    "list_id": item.list_id,
                    "title": item.title,
                    "members": sorted(account.members(item.list_id)),
                }
                for item in account.lists.values()
            ]
        )

    @routes.get("/unsubscribed")
    async def unsubscribed() -> Response:
        """Return the addresses of those who are unsubscribed."""
        return _json(sorted(account.unsubscribed()))

    @routes.post("/reset", status_code=204)
    async def reset() -> None:
        """Empty the account and the log; back to the first switches, faults and key."""
        emulator.reset()

    return routes


def _log_routes(emulator: AccountEmulator) -> APIRouter:
    routes = APIRouter(tags=["log"])

    @routes.get("/log")
    async def log(
        endpoint: Annotated[list[str], Query()] = [],  # noqa: B006 FastAPI copies it
        method: str | None = None,
        status: int | None = None,
        since: int = 0,
        limit: int = 10_000,
    ) -> Response:
        """Return arrivals after number ``since``, oldest first."""
        found = emulator.log.select(*endpoint, method=method, status=status, since=since)
        return _json([entry.to_json() for entry in found[:limit]])

    @routes.get("/log/totals")
    async def totals() -> Response:
        """Count the finished requests by endpoint and status, and the busiest second."""
        counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for (endpoint, status), count in emulator.log.totals.items():
            counts[endpoint][str(status)] = count
        return _json(
            {
                "requests": len(emulator.log),
                "by_endpoint": counts,
                "busiest_second": emulator.log.busiest_second(),
            }
        )

    @routes.delete("/log", status_code=204)
    async def clear_log() -> None:
        """Empty the log."""
        emulator.log.clear()

    return routes


def _behaviour_routes(emulator: AccountEmulator) -> APIRouter:
    routes = APIRouter(tags=["behaviour"])

    @routes.get("/switches")
    async def switches() -> dict[str, Any]:
        """Return the switches."""
        return emulator.switches.model_dump(mode="json")

    @routes.put("/switches")
    async def put_switches(switches: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        """Set all switches; those that aren't named get their default."""
        with _wrong_is_told():
            emulator.switches = type(emulator.switches).model_validate(switches)
        return emulator.switches.model_dump(mode="json")

    @routes.patch("/switches")
    async def patch_switches(changes: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        """Set the named switches."""
        with _wrong_is_told():
            emulator.switch(**changes)
        return emulator.switches.model_dump(mode="json")

    @routes.get("/faults")
    async def faults() -> list[dict[str, Any]]:
        """Return the faults in force and how often each has hit."""
        return [{"fault": fault, "hit": hit} for fault, hit in emulator.faults.counts()]

    @routes.put("/faults", status_code=204)
    async def put_faults(faults: list[Fault]) -> None:
        """Put these faults in force, instead of those before."""
        emulator.inject(*faults)

    @routes.put("/key", status_code=204)
    async def rotate_key(new: NewKey) -> None:
        """Rotate the key."""
        emulator.rotate_key(new.key)

    @routes.delete("/key", status_code=204)
    async def revoke_key() -> None:
        """Revoke the key."""
        emulator.revoke_key()

    return routes


def _staff_routes(emulator: AccountEmulator, actions: StaffActions) -> APIRouter:
    routes = APIRouter(tags=["staff"], prefix="/staff")
    staff = emulator.staff

    @routes.post("/contacts", status_code=201)
    async def add_contact(new: NewContact) -> dict[str, str]:
        """Add a contact, with no trace in the log."""
        contact_id = staff.add_contact(
            new.email, lists=new.lists, unsubscribed=new.unsubscribed, custom=new.custom, **new.fields
        )
        return {"contact_id": contact_id}

    @routes.post("/actions")
    async def act(asked: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        """Do what staff can do in the account's own pages: ``action`` and what it needs."""
        action = asked.pop("action", None)
        if action not in actions or set(asked) - set(actions[action]):
            raise HTTPException(422, {"actions": actions})
        return {"result": getattr(staff, action)(*(asked.get(name, "") for name in actions[action]))}

    return routes
