"""The part of a connection that is the same for all of Microsoft's services: the app registration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from segment_exports.errors import SourceError

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from segment_exports.sources.connections import AppRegistration


def app_registration(connection: Connection) -> AppRegistration:
    """Return the app registration of a connection: login, password and extra.

    :raises SourceError: a part is missing or malformed.
    """
    from segment_exports.sources.connections import PUBLIC_AUTHORITY, AppRegistration

    extra = extra_of(connection)
    return AppRegistration(
        tenant=str(extra.get("tenant") or ""),
        client_id=connection.login or "",
        client_secret=connection.password or "",
        authority=str(extra.get("authority") or PUBLIC_AUTHORITY),
        ca_bundle=str(extra["ca_bundle"]) if extra.get("ca_bundle") else None,
    )


def extra_of(connection: Connection) -> dict[str, Any]:
    """Return a connection's extra fields.

    :raises SourceError: extra isn't a JSON object.
    """
    if not connection.extra:
        return {}
    try:
        value = json.loads(connection.extra)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise SourceError(f"The extra of connection {connection.conn_id} must be a JSON object")
    return value
