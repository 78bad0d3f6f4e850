"""Access tokens by client credentials, through msal: cached, renewed before they end."""

from __future__ import annotations

import functools
import logging
import threading
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import msal
import requests
from msal.authority import WELL_KNOWN_AUTHORITY_HOSTS

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from segment_exports.sources.web.connections import AppRegistration

log = logging.getLogger(__name__)

_MEANING = {
    "invalid_client": "the client secret is wrong or has ended; make a new one in Entra and put it into the "
    "connection's password field",
    "unauthorized_client": "no app registration with this client id is in this tenant",
    "invalid_scope": "the scope is not known; look at the connection's scope field",
    "invalid_resource": "the scope's resource is not known in this tenant; see the connection's scope",
    "invalid_request": "the tenant is not known, or a field of the connection is malformed",
}


class TokenSource(Protocol):
    """Gives the bearer token of a service."""

    def token(self) -> str:
        """Return a token that is good for some minutes more.

        :raises SourceError: none can be had; the text says what to do.
        """

    def forget(self) -> None:
        """Drop the cached token, because the service refused it."""


def _http_client(ca_bundle: str | None) -> requests.Session:
    """Return msal's client; told per request, a CA bundle stands above REQUESTS_CA_BUNDLE of the worker."""
    session = requests.Session()
    session.mount("https://", requests.adapters.HTTPAdapter(max_retries=1))
    session.request = functools.partial(  # type: ignore[method-assign]
        session.request, verify=ca_bundle or True, timeout=bounds.TOKEN_SECONDS
    )
    return session


class EntraTokens:
    """Tokens of one app registration for one scope.

    msal keeps a token until five minutes before its end. Nothing is asked over the network before
    the first token is needed. Safe to share between threads.
    """

    def __init__(self, app: AppRegistration, scope: str) -> None:
        self._app = app
        self._scope = scope
        self._lock = threading.Lock()
        self._client: msal.ConfidentialClientApplication | None = None

    def token(self) -> str:
        """Return a bearer token.

        :raises SourceNotReadyError: Entra doesn't answer now.
        :raises SourceError: Entra refuses; the text names its error code and what to look at.
        """
        with self._lock:
            answer = self._ask(lambda: self._msal().acquire_token_for_client([self._scope]))
        token = answer.get("access_token")
        if not isinstance(token, str):
            raise SourceError(self._refusal(answer))
        return token

    def forget(self) -> None:
        """Drop the cached token, because the service refused it."""
        with self._lock:
            self._ask(lambda: self._msal().remove_tokens_for_client() or {})

    def _msal(self) -> msal.ConfidentialClientApplication:
        if self._client is None:
            host = urlsplit(self._app.authority).hostname
            self._client = msal.ConfidentialClientApplication(
                self._app.client_id,
                client_credential=self._app.client_secret,
                authority=self._app.authority_url,
                # An authority of one's own is not on Microsoft's list, which lies on a public host.
                instance_discovery=None if host in WELL_KNOWN_AUTHORITY_HOSTS else False,
                http_client=_http_client(self._app.ca_bundle),
            )
        return self._client

    def _ask(self, call: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        host = urlsplit(self._app.authority).netloc
        try:
            return call()
        except requests.exceptions.SSLError as error:
            raise SourceError(
                f"The certificate of the authority {host} is not trusted here; "
                "name the right CA file in the connection's CA bundle field"
            ) from error
        except (requests.RequestException, OSError) as error:
            raise SourceNotReadyError(
                f"The authority {host} can't be reached: {type(error).__name__}"
            ) from error
        except ValueError as error:
            raise SourceError(
                f"The authority {host} doesn't know the tenant {self._app.tenant}, or what answers there "
                "is not Entra"
            ) from error
        except msal.exceptions.MsalServiceError as error:
            raise SourceNotReadyError(f"The authority {host} has trouble at the moment") from error

    def _refusal(self, answer: Mapping[str, Any]) -> str:
        code = str(answer.get("error", "no error code"))
        # Entra's description starts with AADSTS and a number; the rest repeats ids and times.
        detail = str(answer.get("error_description", "")).split(":", 1)[0][:20]
        meaning = _MEANING.get(code, "look it up under this code in Microsoft's list of AADSTS errors")
        return (
            f"Entra gives no token to client {self._app.client_id} of tenant {self._app.tenant} "
            f"for the scope {self._scope}: {code} {detail}: {meaning}"
        )
