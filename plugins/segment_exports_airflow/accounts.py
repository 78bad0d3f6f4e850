"""The account behind a connection: what Airflow's connection says of it, and what is known of it.

Light on purpose: most steps need no more than this, and importing the hook costs a second.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

from segment_exports.errors import ConnectionDisabledError, ConnectionFieldError, DestinationError
from segment_exports_airflow.connections import connection_of, extra_of
from segment_exports_airflow.staging_root import staging_root

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from segment_exports.destinations.check_destination import AccountConnection
    from segment_exports.destinations.opening import Destination
    from segment_exports.records.staging import Store

log = logging.getLogger(__name__)

AGREEMENT_FILE = "agreement.json"
DEFAULT_TYPE = "autopilot"
"""What a definition means that names no ``destination.type``."""
_LEAST_RATE = 0.1
_FALSE = {"false", "0", "no", "off"}


def account_of(connection_id: str, destination_type: str = DEFAULT_TYPE) -> AccountConnection:
    """Return what the connection of an account says, as it is now.

    :param destination_type: the type of destination, which the type of the connection has to be.
    :raises ConnectionDisabledError: there is no such connection, or it is of another type.
    :raises ConnectionFieldError: a field of it is malformed.
    """
    from segment_exports.destinations.opening import open_destination

    destination = open_destination(destination_type)
    connection = connection_of(
        connection_id, conn_type=destination_type, name=destination.name, refusal=ConnectionDisabledError
    )
    return account_connection(connection, destination)


def account_connection(connection: Connection, destination: Destination) -> AccountConnection:
    """Return the account that a connection describes; nothing of ``extra`` ever becomes a header.

    :param destination: whose account it is, for what the connection leaves out.
    :raises ConnectionFieldError: a field of it is malformed.
    """
    from segment_exports.destinations.agreement import Agreement
    from segment_exports.destinations.check_destination import AccountConnection

    extra = extra_of(connection, ConnectionFieldError)
    return AccountConnection(
        connection_id=connection.conn_id,
        base_url=_base_url(connection) or destination.default_base_url,
        api_key=connection.password or "",
        requests_per_second=_rate(
            connection.conn_id, extra.get("requests_per_second"), destination.default_requests_per_second
        ),
        enabled=str(extra.get("enabled", True)).strip().lower() not in _FALSE,
        agreement=Agreement.of(extra),
        ca_bundle=str(extra.get("ca_bundle") or "").strip() or None,
    )


def account_folder(connection_id: str) -> Store:
    """Return where things are kept that hold for all exports of an account."""
    staging = staging_root()
    return staging.sub(staging.named("_accounts", connection_id))


def reason_to_stop(connection_id: str, destination_type: str = DEFAULT_TYPE) -> str | None:
    """Return why a running upload must stop now: its connection was removed, disabled or not agreed to."""
    try:
        return account_of(connection_id, destination_type).reason_to_refuse()
    except DestinationError as error:
        return str(error)
    except Exception:
        # The secrets backend may be out for a moment; that is no reason to stop.
        log.warning("Connection %s can't be looked up just now", connection_id, exc_info=True)
        return None


def recorded_agreement(run: Store) -> dict[str, str] | None:
    """Return the agreement under which a run's data were read; None where it did not get so far."""
    from segment_exports.records.storing.damage import ASIDE

    if not run.exists(AGREEMENT_FILE):
        return None
    return run.read_model(AGREEMENT_FILE, dict[str, str], advice=ASIDE)


def _base_url(connection: Connection) -> str:
    host = (connection.host or "").strip()
    if not host:
        return ""
    if "://" in host:
        return host.rstrip("/")
    port = f":{connection.port}" if connection.port else ""
    path = f"/{connection.schema}" if connection.schema else ""
    return f"https://{host.rstrip('/')}{port}{path}"


def _rate(connection_id: str, value: Any, default: float) -> float:
    if value in (None, ""):
        return default
    try:
        rate = float(value)
    except (TypeError, ValueError):
        rate = math.nan
    if not _LEAST_RATE <= rate < math.inf:
        raise ConnectionFieldError(
            f"requests_per_second of connection {connection_id} must be a number of at least {_LEAST_RATE}"
        )
    return rate
