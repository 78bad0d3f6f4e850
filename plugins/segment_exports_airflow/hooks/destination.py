"""What is the same in the connections to all destinations: an account, its key, and the way to it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.http.hooks.http import HttpHook
from airflow.sdk.exceptions import AirflowException

from segment_exports.destinations.opening import open_destination
from segment_exports.errors import (
    ConnectionDisabledError,
    DestinationError,
)
from segment_exports.transport.sessions import JudgedSession
from segment_exports_airflow.accounts import account_of
from segment_exports_airflow.hooks.answers import BRIEF, answer_of

if TYPE_CHECKING:
    from requests import Response, Session

    from segment_exports.destinations.check_destination import AccountConnection, DestinationCheck
    from segment_exports.transport.retrying import RetrySettings
    from segment_exports.transport.transport import Transport


class DestinationHook(HttpHook):
    """Resolves a connection to an account and hands its key and rate to the client of the core.

    HttpHook's own methods work too, for a single call from a DAG of your own. They are not paced.

    HttpHook sends what it finds in a connection's ``extra`` as headers; this one sends the key, and nothing
    of ``extra``. It asks the account alone, checks certificates whatever its caller says, and asks nothing
    of a connection that is switched off.

    :param connection_id: Airflow connection of the account, of the hook's type.
    :param method: HTTP method of :meth:`run`.
    """

    conn_type: str

    def __init__(self, connection_id: str, method: str = "POST", **kwargs: Any) -> None:
        super().__init__(method=method, http_conn_id=connection_id, **kwargs)
        self.connection_id = connection_id

    @property
    def account(self) -> AccountConnection:
        """What the connection says, as it is now.

        :raises ConnectionDisabledError: there is no such connection, or it is of another type.
        :raises ConnectionFieldError: a field of it is malformed.
        """
        return account_of(self.connection_id, self.conn_type)

    def client(self) -> Transport:
        """Return a client of the account, paced to its rate; use it as an asynchronous context manager.

        :raises AgreementMissingError: nobody agreed to the transfer.
        :raises ConnectionDisabledError: the connection is switched off.
        """
        account = self.account
        account.require_usable()
        return self._client(account)

    def check(self, retry: RetrySettings | None = None) -> DestinationCheck:
        """Make one cheap authenticated call.

        :param retry: how often and how long to ask; as a delivery does by default.
        :raises DestinationError: the connection must not be used, or the account doesn't answer as it should.
        """
        account = self.account if retry is None else replace(self.account, retry=retry)
        account.require_usable()
        return asyncio.run(open_destination(self.conn_type).check(account))

    def test_connection(self) -> tuple[bool, str]:
        """Tell whether the account can be used, and if not why: key, host, agreement or something else."""
        return answer_of(lambda: self.check(BRIEF).message)

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> Session:
        """Return a session with the key, which asks the account alone.

        Redirects are not followed, whoever asks for it: they would carry the key to wherever they lead.

        :raises ConnectionDisabledError: the connection is switched off.
        :raises ConnectionFieldError: a field of it is malformed.
        """
        options = {**(extra_options or {}), "allow_redirects": False}
        self._set_base_url()
        account = self.account
        session = JudgedSession(
            self.base_url,
            account.service,
            "the key",
            "what was asked",
            DestinationError,
            ca_bundle=account.ca_bundle,
        )
        session.cert, session.stream = options.get("cert"), bool(options.get("stream"))
        key_header = self._client(account).key_header
        session.headers.update({key_header: account.api_key.strip(), **(headers or {})})
        self.merged_extra = options
        return self._configure_session_from_mount_adapters(session)

    def check_response(self, response: Response) -> None:
        """Refuse an answer other than 2xx and 3xx. HttpHook would log its text and its reason phrase.

        :raises AirflowException: with the status alone: the answer may quote people, or the key.
        """
        if response.status_code >= 400:
            raise AirflowException(
                f"{self.connection_id} answered {response.status_code}; its words may quote data or the "
                "key, so they are not repeated"
            )

    def _client(self, account: AccountConnection) -> Transport:
        return open_destination(self.conn_type).client(account)

    def _set_base_url(self, _connection: object = None) -> None:
        account = self.account
        if not account.enabled:
            raise ConnectionDisabledError(str(account.reason_to_refuse()))
        self.base_url = self._client(account).base_url
        self._base_url_initialized = True
