"""Organizations, which the API calls accounts: this account has none, and they are only read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_emulators.ortto.routing import RefusedError, answered, error, route

if TYPE_CHECKING:
    from segment_emulators.account_api.answers import Answer
    from segment_emulators.ortto.routing import Call


@route("POST", "/accounts/get", reads=True)
def get_organizations(call: Call) -> Answer:
    """List organizations. Unlike ``contacts``, ``accounts`` was recorded as an empty array, not null."""
    if call.body.get("type") == "archived":
        raise RefusedError(error(400, "One or more attributes is invalid"))
    counted = ("total_contacts", "total_organizations", "total_matches", "total_subscribers")
    return answered(
        {
            "accounts": [],
            "meta": dict.fromkeys(counted, 0),
            "offset": 0,
            "next_offset": 0,
            "cursor_id": f"10{next(call.account.arrivals):022x}",
            "has_more": False,
        }
    )


@route("POST", "/accounts/custom-field/get", reads=True)
def get_organization_fields(call: Call) -> Answer:  # noqa: ARG001 every operation takes the call
    """Read the custom fields of organizations; null where there is none, as of people's."""
    return answered({"fields": None})
