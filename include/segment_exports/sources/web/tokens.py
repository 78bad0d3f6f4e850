"""Access tokens by client credentials, through msal: cached, renewed before they end."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import msal
import requests
from msal.authority import WELL_KNOWN_AUTHORITY_HOSTS

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.settings import bounds
from segment_exports.sieve.foreign import error_told
from segment_exports.sieve.secrets_in_use import keep_secret
from segment_exports.sieve.signs import code_told, request_id_told
from segment_exports.sources.web.bounded_http import AnswerLimits, within_bounds
from segment_exports.transport.places import Place, place_of_url
from segment_exports.transport.sessions import JudgedSession
from segment_exports.transport.unpacking import TooMuchError, UnusableBodyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from segment_exports.sources.web.connections import AppRegistration

_AADSTS = re.compile(r"AADSTS[0-9]{4,8}")

_MEANING = {
    "invalid_client": "the Client secret is wrong or has ended; make a new one in Entra and put it into the "
    "connection",
    "unauthorized_client": "no app registration with this Client ID is in this tenant",
    "invalid_scope": "the scope is not known; look at the connection's Token scope",
    "invalid_resource": "the scope's resource is not known in this tenant; see the connection's Token scope, "
    "or, where that is empty, its URL",
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


class _Answer(NamedTuple):
    """What came back, as msal reads it."""

    status_code: int
    headers: Mapping[str, str]
    text: str


class _HttpClient:
    """msal's client: it follows no redirect, which would carry the client secret along.

    Where a token is asked for, the authority itself tells (``token_endpoint``). It has to be the authority's
    own place; Microsoft's own hosts may name each other.
    """

    def __init__(self, app: AppRegistration) -> None:
        is_microsoft = _is_of_microsoft(place_of_url(app.authority))
        session = JudgedSession(
            app.authority,
            "The authority",
            "the client secret",
            "tokens",
            SourceError,
            ca_bundle=app.ca_bundle,
            knows=lambda place: is_microsoft and _is_of_microsoft(place),
        )
        self._session = within_bounds(
            session, lambda: AnswerLimits(bounds.TOKEN_BYTES, bounds.TOKEN_SECONDS), tries=2
        )

    def get(self, url: str, **options: Any) -> _Answer:
        """Return what an address answers."""
        return self._ask("GET", url, **options)

    def post(self, url: str, **options: Any) -> _Answer:
        """Return what an address answers to a form."""
        return self._ask("POST", url, **options)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _ask(self, method: str, url: str, **options: Any) -> _Answer:
        self._session.require_known(url)
        with self._session.request(method, url, **options, timeout=bounds.TOKEN_SECONDS) as response:
            if 300 <= response.status_code < 400:
                raise SourceError(
                    f"The authority {self._session.place} redirects ({response.status_code}); the client "
                    "secret is sent nowhere else. Look at the connection's Authority"
                )
            return _Answer(response.status_code, response.headers, response.content.decode(errors="replace"))


def _is_of_microsoft(place: Place) -> bool:
    """Tell whether a place is one that Microsoft issues tokens at, or such a one of a region."""
    names = {place.host, place.host.partition(".")[2]}
    return (place.scheme, place.port) == ("https", 443) and not names.isdisjoint(WELL_KNOWN_AUTHORITY_HOSTS)


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
        keep_secret(token)
        return token

    def forget(self) -> None:
        """Drop the cached token, because the service refused it."""
        with self._lock:
            self._ask(lambda: self._msal().remove_tokens_for_client() or {})

    def _msal(self) -> msal.ConfidentialClientApplication:
        if self._client is None:
            host = place_of_url(self._app.authority).host
            self._client = msal.ConfidentialClientApplication(
                self._app.client_id,
                client_credential=self._app.client_secret,
                authority=self._app.authority_url,
                # An authority of one's own is not on Microsoft's list, which lies on a public host.
                instance_discovery=None if host in WELL_KNOWN_AUTHORITY_HOSTS else False,
                http_client=_HttpClient(self._app),
            )
        return self._client

    def _ask(self, call: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        host = urlsplit(self._app.authority).netloc
        try:
            return call()
        except requests.exceptions.SSLError:
            raise SourceError(
                f"The certificate of the authority {host} is not trusted here; "
                "name the right file as the connection's CA bundle"
            ) from None
        except (requests.RequestException, OSError) as error:
            raise SourceNotReadyError(f"The authority {host} can't be reached: {error_told(error)}") from None
        except TooMuchError as error:
            raise SourceError(
                f"The authority {host} answered with {error}; what answers there is not Entra"
            ) from None
        except UnusableBodyError as error:
            raise SourceNotReadyError(f"The authority {host} answered with {error}") from None
        except (ValueError, LookupError, TypeError, AttributeError, RuntimeError):
            # msal takes whatever is answered for Entra's JSON.
            raise SourceError(
                f"The authority {host} doesn't know the tenant {self._app.tenant}, or what answers there "
                "is not Entra"
            ) from None
        except msal.exceptions.MsalServiceError:
            raise SourceNotReadyError(f"The authority {host} has trouble at the moment") from None

    def _refusal(self, answer: Mapping[str, Any]) -> str:
        code = code_told(answer.get("error"))
        # Entra's description starts with AADSTS and a number; the rest may quote what was sent.
        number = _AADSTS.match(str(answer.get("error_description", "")))
        told = f"{code} {number[0]}" if number else code
        meaning = _MEANING.get(code, "look it up under this code in Microsoft's list of AADSTS errors")
        return (
            f"Entra gives no token to client {self._app.client_id} of tenant {self._app.tenant} "
            f"for the scope {self._scope}: {told}{request_id_told(answer.get('trace_id'))}: {meaning}"
        )
