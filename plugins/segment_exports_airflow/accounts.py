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

    from segment_exports.destinations.autopilot.client import AutopilotClient
    from segment_exports.destinations.check_destination import AccountConnection
    from segment_exports.records.staging import Store

log = logging.getLogger(__name__)

AGREEMENT_FILE = "agreement.json"
_LEAST_RATE = 0.1
_FALSE = {"false", "0", "no", "off"}


def account_of(connection_id: str) -> AccountConnection:
    """Return what a connection of type ``autopilot`` says, as it is now.

    :raises ConnectionDisabledError: there is no such connection, or it is of another type.
    :raises ConnectionFieldError: a field of it is malformed.
    """
    connection = connection_of(
        connection_id, conn_type="autopilot", name="Autopilot", refusal=ConnectionDisabledError
    )
    return account_connection(connection)


def account_connection(connection: Connection) -> AccountConnection:
    """Return the account that a connection describes; nothing of ``extra`` ever becomes a header.

    :raises ConnectionFieldError: a field of it is malformed.
    """
    from segment_exports.destinations.agreement import Agreement
    from segment_exports.destinations.check_destination import DEFAULT_REQUESTS_PER_SECOND, AccountConnection

    extra = extra_of(connection, ConnectionFieldError)
    return AccountConnection(
        connection_id=connection.conn_id,
        base_url=_base_url(connection),
        api_key=connection.password or "",
        requests_per_second=_rate(
            connection.conn_id, extra.get("requests_per_second"), DEFAULT_REQUESTS_PER_SECOND
        ),
        enabled=str(extra.get("enabled", True)).strip().lower() not in _FALSE,
        agreement=Agreement.of(extra),
    )


def client_of(account: AccountConnection) -> AutopilotClient:
    """Return a client with the account's key, paced to its rate.

    :raises DestinationError: the base URL is none.
    :raises CredentialsRefusedError: the key is empty or can't be sent in a header.
    """
    from segment_exports.destinations.autopilot.client import AutopilotClient
    from segment_exports.transport.pacing import Pacer

    return AutopilotClient(account.base_url, account.api_key, pacer=Pacer(account.requests_per_second))


def account_folder(connection_id: str) -> Store:
    """Return where things are kept that hold for all exports of an account."""
    from segment_exports.records.staging import folder_name

    return staging_root().sub(f"_accounts/{folder_name(connection_id)}")


def known_lists(connection_id: str) -> dict[str, str]:
    """Return the ids of the lists that we made in an account, by title."""
    from segment_exports.destinations.autopilot.lists import ListRegistry

    return ListRegistry(account_folder(connection_id)).ids()


def reason_to_stop(connection_id: str) -> str | None:
    """Return why a running upload must stop now: its connection was removed, disabled or not agreed to."""
    try:
        return account_of(connection_id).reason_to_refuse()
    except DestinationError as error:
        return str(error)
    except Exception:
        # The secrets backend may be out for a moment; that is no reason to stop.
        log.warning("Connection %s can't be looked up just now", connection_id, exc_info=True)
        return None


def recorded_agreement(run: Store) -> dict[str, str] | None:
    """Return the agreement under which a run's data were read; None where it did not get so far."""
    if not run.exists(AGREEMENT_FILE):
        return None
    agreement: dict[str, str] = run.read_json(AGREEMENT_FILE)
    return agreement


def _base_url(connection: Connection) -> str:
    from segment_exports.destinations.autopilot.client import DEFAULT_BASE_URL

    host = (connection.host or "").strip()
    if not host:
        return DEFAULT_BASE_URL
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
