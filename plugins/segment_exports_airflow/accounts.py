"""The account behind a connection: what Airflow's connection says of it, and what is known of it.

Light on purpose: most steps need no more than this, and importing the hook costs a second.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from segment_exports.errors import ConnectionDisabledError, ConnectionFieldError, DestinationError
from segment_exports.settings import bounds
from segment_exports.sieve.foreign import error_told
from segment_exports_airflow.connections import (
    connection_of,
    fields_of,
    naming_of,
    type_of_connection,
    url_of,
)
from segment_exports_airflow.staging_root import staging_root

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from segment_exports.destinations.check_destination import AccountConnection
    from segment_exports.destinations.opening import Destination
    from segment_exports.records.staging import Store
    from segment_exports.settings.given_fields import GivenFields

log = logging.getLogger(__name__)

AGREEMENT_FILE = "agreement.json"


def account_of(connection_id: str, destination_type: str) -> AccountConnection:
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


def open_account(connection_id: str) -> tuple[Destination, AccountConnection]:
    """Return the destination and the account of a connection, whatever destination it is of.

    :raises ConnectionDisabledError: there is no such connection, or it is of no type of destination.
    :raises ConnectionFieldError: a field of it is malformed.
    """
    from segment_exports.destinations.opening import destination_types, open_destination

    wanted = tuple(destination_types())
    destination_type = type_of_connection(connection_id, wanted, ConnectionDisabledError)
    return open_destination(destination_type), account_of(connection_id, destination_type)


def account_connection(connection: Connection, destination: Destination) -> AccountConnection:
    """Return the account that a connection describes; nothing of ``extra`` ever becomes a header.

    :param destination: whose account it is, for what the connection leaves out.
    :raises ConnectionFieldError: a field of it is malformed.
    """
    from segment_exports.destinations.agreement import Agreement
    from segment_exports.destinations.check_destination import AccountConnection

    given = fields_of(connection, ConnectionFieldError)
    return AccountConnection(
        connection_id=connection.conn_id,
        service=destination.name,
        base_url=_base_url(connection, given, destination),
        api_key=connection.password or "",
        requests_per_second=given.number(
            "requests_per_second",
            destination.default_requests_per_second,
            least=bounds.LEAST_RATE,
            most=bounds.MOST_RATE,
        ),
        requests_per_minute=given.number(
            "requests_per_minute", None, least=60 * bounds.LEAST_RATE, most=60 * bounds.MOST_RATE
        ),
        enabled=given.switch("enabled", default=True),
        agreement=Agreement.of(given.given),
        ca_bundle=given.text("ca_bundle") or None,
        allow_clear_text=given.switch("allow_clear_text", default=False),
        named=naming_of(connection),
    )


def _base_url(connection: Connection, given: GivenFields, destination: Destination) -> str:
    """Return where an account is asked: at the URL of the connection, or in its region.

    :raises ConnectionFieldError: there is no such region, or it stands beside a URL.
    """
    region = given.choice("region", destination.regions)
    url = url_of(connection, ConnectionFieldError)
    if not region:
        return url or destination.default_base_url
    if url and url != destination.regions[region] != destination.default_base_url:
        raise ConnectionFieldError(
            f"connection {connection.conn_id} names the region {region} beside a Base URL; leave one of the "
            f"two empty"
        )
    return url or destination.regions[region]


def account_folder(connection_id: str) -> Store:
    """Return where things are kept that hold for all exports of an account."""
    staging = staging_root()
    return staging.sub(staging.named("_accounts", connection_id))


def reason_to_stop(connection_id: str, destination_type: str) -> str | None:
    """Return why a running upload must stop now: its connection was removed, disabled or not agreed to."""
    try:
        return account_of(connection_id, destination_type).reason_to_refuse()
    except DestinationError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a secrets backend may raise anything
        # It may be out for a moment; that is no reason to stop.
        log.warning("Connection %s can't be looked up just now: %s", connection_id, error_told(error))
        return None


def told_of_account(connection_id: str, destination_type: str) -> list[str]:
    """Return what a person should know of an account before a run does; nothing is asked of it.

    :raises DestinationError: a run would stop before it reads anything.
    """
    from segment_exports.destinations.opening import open_destination

    account = account_of(connection_id, destination_type)
    account.require_usable()
    return list(open_destination(destination_type).client(account).warnings)


def recorded_agreement(run: Store) -> dict[str, str] | None:
    """Return the agreement under which a run's data were read; None where it did not get so far."""
    from segment_exports.records.storing.damage import ASIDE

    if not run.exists(AGREEMENT_FILE):
        return None
    return run.read_model(AGREEMENT_FILE, dict[str, str], advice=ASIDE)
