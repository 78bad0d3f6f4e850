"""The way to a destination: a proxy, certificates; and what is wrong with it, in words.

An error is told of what it happened at: where a proxy failed, that one is named, not the server behind it.
No text holds a user or a password.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from segment_exports.errors import ConnectionFieldError, DestinationError
from segment_exports.sieve.secrets_in_use import keep_password_of
from segment_exports.transport.places import is_host, place_of_url

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_PROXY_SAYS = {
    407: "it wants a user and password, or others",
    403: "it does not let this host through",
    502: "it can't reach this host",
    503: "it can't reach this host",
    504: "it can't reach this host",
}
_NO_TLS = "is the Base URL one with http://, or a proxy in between"
_NOT_YET_VALID = 9
_EXPIRED = 10


@dataclass(frozen=True)
class Proxy:
    """A proxy of the environment, and the variable that names it; ``url`` may hold a password."""

    url: str = field(repr=False)
    variable: str

    def __str__(self) -> str:
        return f"{place_of(urlsplit(self.url))} ({self.variable})"


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy that the environment names for this address, as curl would take it.

    None for this machine itself: by way of a proxy, what is in clear text would leave it.

    :raises DestinationError: what it names is no address of one.
    """
    parts = urlsplit(url)
    if place_of_url(url).is_this_machine or proxy_bypass(parts.hostname or ""):
        return None
    known = getproxies()
    for scheme in (parts.scheme, "all"):
        if known.get(scheme):
            return _proxy(known[scheme], _variable(scheme))
    return None


def ssl_context(ca_bundle: str | None, whose: str) -> ssl.SSLContext | bool:
    """Return what certificates are held against: these CAs, or those of the system (``SSL_CERT_FILE``).

    :param whose: what messages call the connection.
    :raises ConnectionFieldError: the file is not there, or holds no certificates.
    """
    if ca_bundle is None:
        return True
    if not Path(ca_bundle).is_file():
        raise ConnectionFieldError(f"the CA bundle of {whose}, {ca_bundle}, is not a file on this worker")
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except (ssl.SSLError, OSError) as error:
        raise ConnectionFieldError(
            f"the CA bundle of {whose}, {ca_bundle}, can't be read as PEM certificates: "
            f"{type(error).__name__}"
        ) from None


def why_unreachable(error: Exception, url: str, proxy: Proxy | None) -> str:
    """Say what is wrong on the way, and at what.

    :param error: aiohttp's, or the system's, before anything of the request was sent.
    """
    import aiohttp

    host = place_of(urlsplit(url))
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"no connection to {host}: {proxy_answered(proxy, error.status)}"
    at_proxy = proxy is not None and _happened_at(error, proxy)
    target = f"the proxy {proxy}" if at_proxy else host
    by = f" (by the proxy {proxy})" if proxy is not None and not at_proxy else ""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        what = _tls_reason(error, "is the proxy one with http://" if at_proxy else _NO_TLS)
    elif isinstance(error, aiohttp.ClientConnectorDNSError):
        what = "its name can't be resolved"
    elif isinstance(error, TimeoutError):
        what = "it does not answer"
    elif isinstance(error, aiohttp.ServerDisconnectedError):
        what = "it was broken off without an answer"
    elif isinstance(error, aiohttp.ClientResponseError):
        what = "what answers speaks no HTTP"
    else:
        inner = getattr(error, "os_error", error)
        number = inner.errno if isinstance(inner, OSError) else None
        what = os.strerror(number) if number else type(inner).__name__
    return f"no connection to {target}{by}: {what}"


def why_unanswered(error: Exception, url: str, proxy: Proxy | None, timeout: float) -> str:
    """Say what came instead of an answer after sending; ``timeout`` in seconds."""
    what = f"no answer in {timeout:g} s" if isinstance(error, TimeoutError) else "connection broken"
    by = f" by the proxy {proxy}" if proxy is not None else ""
    return f"{what} after sending to {place_of(urlsplit(url))}{by}; it may have been done"


def _happened_at(error: Exception, proxy: Proxy) -> bool:
    """Tell whether it is the proxy that can't be reached, or what is behind it."""
    import aiohttp

    first = aiohttp.ClientProxyConnectionError | aiohttp.ClientConnectorDNSError | TimeoutError
    place = getattr(error, "host", None), getattr(error, "port", None)
    return isinstance(error, first) or place == _address_of(urlsplit(proxy.url))


def _address_of(parts: SplitResult) -> tuple[str | None, int]:
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def proxy_answered(proxy: Proxy | None, status: int) -> str:
    """Say what a proxy's answer to us means."""
    name = f"the proxy {proxy}" if proxy is not None else "a proxy on the way"
    says = _PROXY_SAYS.get(status)
    return f"{name} answered {status}" + (f": {says}" if says else "")


def of_proxy(error: DestinationError, status: int, proxy: Proxy | None) -> DestinationError:
    """Return what an answer stands for, with who gave it where that was a proxy (407)."""
    if status != 407:
        return error
    text = f"{error}; {proxy_answered(proxy, status)}"
    return type(error)(text, status=error.status, answer=error.answer)


def place_of(parts: SplitResult) -> str:
    """Return host and port of a URL, without the user and password that may stand before them."""
    return parts.netloc.rpartition("@")[2]


def _proxy(text: str, variable: str) -> Proxy:
    url = text.strip() if "://" in text else f"http://{text.strip()}"
    try:
        parts = urlsplit(url)
        is_whole = not (parts.path.strip("/") or parts.query or parts.fragment)
        is_usable = is_host(parts.hostname or "") and (parts.port or 1) > 0 and is_whole
    except ValueError:
        parts, is_usable = None, False
    if parts is not None and parts.scheme not in ("http", "https"):
        raise DestinationError(
            f"{variable} names a proxy of the kind {parts.scheme}://; it must be an http:// or https:// one"
        )
    if not is_usable:
        raise DestinationError(
            f"{variable} names no proxy; it must be [http://][user:password@]host[:port], or unset. In a "
            "password / ? # and @ are written %2F %3F %23 and %40"
        )
    keep_password_of(url)
    return Proxy(url, variable)


def _variable(scheme: str) -> str:
    """Return the name of the variable that is taken for a scheme: in lower case before any other."""
    wanted = f"{scheme}_proxy"
    named = sorted((one for one in os.environ if one.lower() == wanted), reverse=True)
    return named[0] if named else "the system's settings"


def _tls_reason(error: Exception, no_tls: str) -> str:
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    if not isinstance(inner, ssl.SSLCertVerificationError):
        return f"it speaks no TLS, or breaks it off; {no_tls}?"
    told = f"its TLS certificate is not trusted ({inner.verify_message})"
    if inner.verify_code in (_NOT_YET_VALID, _EXPIRED):
        return f"{told}; is the clock of this machine right?"
    return (
        f"{told}. If a proxy opens TLS, or the certificate is of a CA of your own, name the file of that CA "
        f"as CA bundle of the connection, or in SSL_CERT_FILE"
    )
