"""The emulator's own pages below ``/_emulator``, for tests and people in another process.

Autopilot has nothing of the kind. They need no key: serve them where only you can reach them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Body, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, ValidationError

from segment_emulators.autopilot.account import ContactNotFoundError, ListNotFoundError
from segment_emulators.autopilot.config import Switches  # noqa: TC001 FastAPI reads it at run time
from segment_emulators.autopilot.faults import Fault  # noqa: TC001 FastAPI reads it at run time

if TYPE_CHECKING:
    from segment_emulators.autopilot.emulator import AutopilotEmulator


_ACTIONS = {
    "unsubscribe": ("contact",),
    "delete_contact": ("contact",),
    "change_email": ("contact", "email"),
    "add_list": ("title",),
    "rename_list": ("list_id", "title"),
    "delete_list": ("list_id",),
    "add_to_list": ("list_id", "contact"),
    "remove_from_list": ("list_id", "contact"),
}
"""Methods of :class:`Staff` and their arguments."""


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


class StaffAction(BaseModel):
    """Something else that staff do; which of the other keys it needs depends on it."""

    model_config = ConfigDict(extra="forbid")

    action: Literal[tuple(_ACTIONS)]  # type: ignore[valid-type]
    contact: str = ""
    email: str = ""
    list_id: str = ""
    title: str = ""


def control_plane(emulator: AutopilotEmulator) -> FastAPI:
    """Return the application with the control plane's routes."""
    application = FastAPI(
        title="Autopilot emulator", docs_url="/_emulator/docs", openapi_url="/_emulator/openapi.json"
    )
    for part in (_state_routes, _log_routes, _behaviour_routes, _staff_routes):
        application.include_router(part(emulator), prefix="/_emulator")
    application.add_exception_handler(ContactNotFoundError, _not_found)
    application.add_exception_handler(ListNotFoundError, _not_found)
    return application


async def _not_found(_request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": type(error).__name__}, status_code=404)


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


def _state_routes(emulator: AutopilotEmulator) -> APIRouter:
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


def _log_routes(emulator: AutopilotEmulator) -> APIRouter:
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


def _behaviour_routes(emulator: AutopilotEmulator) -> APIRouter:
    routes = APIRouter(tags=["behaviour"])

    @routes.get("/switches")
    async def switches() -> Switches:
        """Return the switches."""
        return emulator.switches

    @routes.put("/switches")
    async def put_switches(switches: Switches) -> Switches:
        """Set all switches; those that aren't named get their default."""
        emulator.switches = switches
        return emulator.switches

    @routes.patch("/switches")
    async def patch_switches(changes: Annotated[dict[str, Any], Body()]) -> Switches:
        """Set the named switches."""
        try:
            emulator.switch(**changes)
        except ValidationError as error:
            raise HTTPException(422, error.errors(include_url=False, include_context=False)) from error
        return emulator.switches

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


def _staff_routes(emulator: AutopilotEmulator) -> APIRouter:
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
    async def act(asked: StaffAction) -> dict[str, Any]:
        """Do what staff can do in Autopilot's own pages."""
        arguments = [getattr(asked, name) for name in _ACTIONS[asked.action]]
        return {"result": getattr(staff, asked.action)(*arguments)}

    return routes
