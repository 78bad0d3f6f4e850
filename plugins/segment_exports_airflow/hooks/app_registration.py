"""What is the same in the connections to all of Microsoft's services: the app registration."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from segment_exports.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow.sdk import Connection

    from segment_exports.sources.web.connections import AppRegistration


def app_registration(connection: Connection, extra: Mapping[str, Any]) -> AppRegistration:
    """Return the app registration of a connection: login, password and extra.

    :raises SourceError: a part is missing or malformed.
    """
    from segment_exports.sources.web.connections import PUBLIC_AUTHORITY, AppRegistration

    return AppRegistration(
        tenant=str(extra.get("tenant") or ""),
        client_id=connection.login or "",
        client_secret=(connection.password or "").strip(),
        authority=str(extra.get("authority") or PUBLIC_AUTHORITY),
        ca_bundle=str(extra["ca_bundle"]) if extra.get("ca_bundle") else None,
    )


@contextmanager
def named_in_errors(connection: Connection) -> Iterator[None]:
    """Put the connection's id and type before what is wrong with its fields."""
    try:
        yield
    except SourceError as error:
        raise SourceError(
            f"Connection {connection.conn_id} of type {connection.conn_type}: {error}"
        ) from error
