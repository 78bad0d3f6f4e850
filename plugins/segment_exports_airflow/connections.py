"""Airflow's connections: found, and held against the type that is wanted. No value of a field is told."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from segment_exports.settings.connection_fields import label, label_and_key
from segment_exports.settings.given_fields import GivenFields, fields_of_json
from segment_exports.settings.names import connection_variable
from segment_exports.sieve.secrets_in_use import keep_secret
from segment_exports_airflow.connection_forms import FORMS, KNOWN_FIELDS
from segment_exports_airflow.connections_under_test import name_under_test

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Connection

    from segment_exports.errors import SegmentExportError
    from segment_exports.settings.connection_fields import Naming


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
    keep_secret(connection.password)
    connection.conn_id = name_under_test(connection_id)
    return connection


def type_of_connection(connection_id: str, wanted: Sequence[str], refusal: type[SegmentExportError]) -> str:
    """Return the type of a connection.

    :param wanted: the types of which it must have one.
    :param refusal: error to raise where there is no such connection, or it is of another type.
    """
    types = " or ".join(wanted)
    try:
        found = BaseHook.get_connection(connection_id).conn_type
    except AirflowNotFoundException:
        raise refusal(why_not_found(connection_id, f"of type {types}")) from None
    if found not in wanted:
        raise refusal(
            f"the connection {connection_id} is of type {found or 'none'}; wanted is one of type {types}"
        )
    return str(found)


def why_not_found(connection_id: str, wanted: str) -> str:
    """Say what is to be done about a connection that Airflow doesn't know, or can't read."""
    variable = connection_variable(connection_id)
    if variable in os.environ:
        return (
            f"the connection {connection_id} can't be read: {variable} is set, but is no JSON of a "
            f"connection; wanted is one {wanted}"
        )
    return (
        f"there is no connection {connection_id}; make one {wanted} under Admin > Connections, or set "
        f"{variable}"
    )


def fields_of(connection: Connection, refusal: type[SegmentExportError]) -> GivenFields:
    """Return a connection's extra fields; those of its type's form are all that there are.

    :param refusal: error to raise where they are no JSON object, or one of them isn't known.
    """
    where = f"connection {connection.conn_id}"
    try:
        given = fields_of_json(connection.extra)
    except ValueError:
        raise refusal(f"the extra of {where} must be a JSON object, each name in it once") from None
    return GivenFields(given, KNOWN_FIELDS[str(connection.conn_type)], where, refusal, naming_of(connection))


def naming_of(connection: Connection) -> Naming:
    """Return what messages call the fields of a connection: whoever wrote it as JSON needs their keys."""
    return label_and_key if connection_variable(connection.conn_id) in os.environ else label


def url_of(connection: Connection, refusal: type[SegmentExportError]) -> str:
    """Return the URL that a connection leads to; empty where it names none. It isn't judged.

    :param refusal: error to raise where it isn't clear, since the port stands beside a URL of its own.
    """
    host = (connection.host or "").strip()
    if not host:
        return ""
    if "://" in host:
        if connection.port or connection.schema:
            field = FORMS[str(connection.conn_type)]["ui-field-behaviour"]["relabeling"]["host"]
            raise refusal(
                f"connection {connection.conn_id} has a port or schema beside the URL in its {field}; put "
                f"all of it into the {field}, and leave them empty"
            )
        return host.rstrip("/")
    port = f":{connection.port}" if connection.port else ""
    path = f"/{connection.schema}" if connection.schema else ""
    return f"https://{host.rstrip('/')}{port}{path}"
