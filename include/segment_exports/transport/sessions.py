"""A ``requests`` session that carries credentials: it asks known places alone, and follows no redirect.

Of the environment it takes proxies and CAs. Not ``~/.netrc``: requests would send what stands there for a
host (or for any, ``default``) beside the credential that is meant, or instead of it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import requests
from requests.utils import get_environ_proxies

from segment_exports.sieve.quiet_clients import quiet_clients
from segment_exports.sieve.secrets_in_use import keep_passwords_of_proxies
from segment_exports.transport.places import Place, UrlError, place_of_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_exports.errors import SegmentExportError


class JudgedSession(requests.Session):
    """What is asked is judged as it goes out, when requests has made its own of the URL.

    :param url: of the service.
    :param service: its name, for messages.
    :param credential: what must not go elsewhere, for messages.
    :param wanted: what the service gives URLs for, such as "more rows", for messages.
    :param refusal: error to raise where something else is to be asked; nothing was sent then.
    :param ca_bundle: file of CAs to trust; without one REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, or certifi's.
        Certificates are always checked.
    :param knows: tells of another place than the URL's whether it is one of the service too.
    """

    def __init__(
        self,
        url: str,
        service: str,
        credential: str,
        wanted: str,
        refusal: type[SegmentExportError],
        *,
        ca_bundle: str | None = None,
        knows: Callable[[Place], bool] = lambda _: False,
    ) -> None:
        super().__init__()
        quiet_clients()
        keep_passwords_of_proxies()
        try:
            self.place = place_of_url(url)
        except UrlError as error:
            raise refusal(f"The URL of {service} {error}") from None
        self._service, self._credential, self._wanted = service, credential, wanted
        self._refusal, self._knows = refusal, knows
        self.trust_env = False
        # By way of a proxy, what is in clear text to this machine would leave it.
        self.proxies = {} if self.place.is_this_machine else dict(get_environ_proxies(url))
        named = (os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
        self.verify = ca_bundle or next(filter(None, named), True)

    def require_known(self, url: str) -> None:
        """Make sure that a URL leads to the service.

        :raises SegmentExportError: (``refusal``) it leads elsewhere, or readers may differ about where.
        """
        kept = f"{self._credential} is not sent there"
        try:
            place = place_of_url(url)
        except UrlError as error:
            raise self._refusal(
                f"{self._service} gives a URL for {self._wanted} that can't be asked: it {error}; {kept}"
            ) from None
        if place != self.place and not self._knows(place):
            raise self._refusal(
                f"{self._service} points to {place} for {self._wanted}, but the connection is to "
                f"{self.place}; {kept}"
            )

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request to the service, and to nowhere else.

        :raises SegmentExportError: (``refusal``) as :meth:`require_known`.
        """
        self.require_known(str(request.url))
        return super().send(request, **{**kwargs, "allow_redirects": False})
