"""What is the same in the connections to all of Microsoft's services: the app registration."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from segment_exports.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Connection

    from segment_exports.settings.given_fields import GivenFields
    from segment_exports.sources.web.connections import AppRegistration


def app_registration(connection: Connection, given: GivenFields) -> AppRegistration:
    """Return the app registration of a connection: login, password and extra fields.

    :raises SourceError: a part is missing or malformed.
    """
    from segment_exports.sources.web.connections import PUBLIC_AUTHORITY, AppRegistration

    return AppRegistration(
        tenant=given.text("tenant"),
        client_id=connection.login or "",
        client_secret=(connection.password or "").strip(),
        authority=given.text("authority") or PUBLIC_AUTHORITY,
        ca_bundle=given.text("ca_bundle") or None,
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
