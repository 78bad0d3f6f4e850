"""Airflow's connections: found, and held against the type that is wanted. No value of a field is told."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from segment_exports.errors import SegmentExportError


def connection_of(
    connection_id: str, *, conn_type: str, name: str, refusal: type[SegmentExportError]
) -> Connection:
    """Return a connection as it is now.

    :param conn_type: the type that it must have.
    :param name: of that type in Airflow's form.
    :param refusal: error to raise where there is no such connection, or it is of another type.
    """
    wanted = f"of type {conn_type} ({name} in Airflow's form)"
    try:
        connection = BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        raise refusal(why_not_found(connection_id, wanted)) from None
    if connection.conn_type != conn_type:
        raise refusal(
            f"the connection {connection_id} is of type {connection.conn_type or 'none'}; wanted is one "
            f"{wanted}"
        )
    return connection


def why_not_found(connection_id: str, wanted: str) -> str:
    """Say what is to be done about a connection that Airflow doesn't know, or can't read."""
    variable = f"AIRFLOW_CONN_{connection_id.upper()}"
    if variable in os.environ:
        return (
            f"the connection {connection_id} can't be read: {variable} is set, but is no JSON of a "
            f"connection; wanted is one {wanted}"
        )
    return (
        f"there is no connection {connection_id}; make one {wanted} under Admin > Connections, or set "
        f"{variable}"
    )


def extra_of(connection: Connection, refusal: type[SegmentExportError]) -> dict[str, Any]:
    """Return a connection's extra fields.

    :param refusal: error to raise where they are no JSON object.
    """
    try:
        value = json.loads(connection.extra or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise refusal(f"the extra of connection {connection.conn_id} must be a JSON object")
    return value
