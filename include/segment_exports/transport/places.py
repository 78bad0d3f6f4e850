r"""Where a URL leads, judged so that no client reads another place out of it; for both ends.

Two readers of one URL may differ: ``https://a\@b/`` leads to b for ``urllib.parse`` and to a for urllib3. So
what is taken here is so plain that they can't: ASCII names or addresses, no user, backslash or blank.
What is refused is never told: a URL may hold a password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import unquote

from segment_exports.settings import bounds

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from yarl import URL

_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535
_PARTS = re.compile(r"(?P<scheme>[^:/?#]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<more>.*)")
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?P<colon>:(?P<port>.*))?")
_LABEL = re.compile(r"[0-9A-Za-z_]([0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
"""Some readers take a name whose last label is one for an IPv4 address (``2130706433``, ``0x7f.1``)."""

_SHAPE = "must be http(s)://host[:port][/path]"
_MORE = f"{_SHAPE}; it must not hold a query or a fragment"
_USER = "holds a user or a password, and it must not hold a user: whoever reads the URL would read them"
_BLANK = f"{_SHAPE}; it must not hold blanks, backslashes or control characters"
_CLIMBS = "must not hold a path with . or .. in it"
_HOST = (
    "names a host that can't be one: each part between two dots has 1 to 63 ASCII letters, digits and "
    f"hyphens, all of them {bounds.HOST_CHARACTERS} at most and no dot at the end; an address is written "
    "192.0.2.1 or [2001:db8::1], a name in other letters in its ASCII form (xn--…)"
)
_CLEAR_TEXT = (
    "leads to another machine over http://, so credentials and data would go there in clear text; it must "
    "start with https://. Only where that is meant, as for an emulator in another container, switch "
    "on Allow clear text in the connection"
)


class UrlError(ValueError):
    """A URL is refused; the text says what is wrong with it, after its name, and tells nothing of it."""


@dataclass(frozen=True)
class Place:
    """Scheme, host (in its one form) and port that a URL leads to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def is_this_machine(self) -> bool:
        """Whether it is the loopback one, by an address or the name that is given to no other machine."""
        address = _address(self.host)
        if address is None:
            return self.host == "localhost"
        return address.is_loopback and getattr(address, "ipv4_mapped", None) is None

    @property
    def is_clear_text(self) -> bool:
        """Whether what goes there can be read on the way."""
        return self.scheme == "http" and not self.is_this_machine

    @property
    def clear_text_told(self) -> str:
        """What to tell of a way that is in clear text."""
        return (
            f"{self} is asked in clear text (its connection allows it): whoever is on the way can "
            f"read credentials and data, and change answers"
        )


def place_of_url(url: str) -> Place:
    """Return where a URL leads, whoever reads it.

    :raises UrlError: readers may differ about it, or it holds a user, a fragment or a path that climbs.
    """
    if "\\" in url or " " in url or not url.isprintable():
        raise UrlError(_BLANK)
    parts = _PARTS.fullmatch(url)
    scheme = parts["scheme"].lower() if parts else ""
    if parts is None or scheme not in _PORTS:
        raise UrlError(_SHAPE)
    if "@" in parts["authority"]:
        raise UrlError(_USER)
    authority = _AUTHORITY.fullmatch(parts["authority"])
    if authority is None or not authority["host"]:
        raise UrlError(_SHAPE)
    port = _port(authority["port"]) if authority["colon"] else _PORTS[scheme]
    if not _is_host_of_url(authority["host"]):
        raise UrlError(_HOST)
    if "#" in parts["more"]:
        raise UrlError(_MORE)
    if climbs(parts["path"]):
        raise UrlError(_CLIMBS)
    address = _address(authority["host"])
    host = authority["host"].lower() if address is None else str(address)
    return Place(scheme, f"[{host}]" if address is not None and address.version == 6 else host, port)


def service_url(text: str, name: str, example: str, *, allow_clear_text: bool = False) -> str:
    """Return the URL of a service as a connection gives it, without white space and slashes at its end.

    :param name: of the field and its connection, for messages.
    :param allow_clear_text: whether ``http://`` may lead to another machine than this one.
    :raises UrlError: it holds more than a place and a path, or what goes there could be read on the way. The
        text begins with the name.
    """
    url = text.strip()
    if fault := _fault(url, allow_clear_text=allow_clear_text):
        raise UrlError(f"{name} {fault}. It must look like {example}")
    return url.rstrip("/")


def url_below(base_url: str, path: str) -> URL:
    """Return the URL of a path of a service.

    :param path: as it is sent, with its slash and its query.
    :raises UrlError: it would lead elsewhere, or readers may differ about where.
    """
    from yarl import URL

    url = URL(f"{base_url}{path}", encoded=True)
    if not place_of_url(base_url) == place_of_url(f"{base_url}{path}") == place_of_url(str(url)):
        raise UrlError("leads to another place than the service's")
    return url


def _fault(url: str, *, allow_clear_text: bool) -> str | None:
    if "@" in url:
        return _USER
    try:
        place = place_of_url(url)
    except UrlError as error:
        return str(error)
    if "?" in url:
        return _MORE
    return _CLEAR_TEXT if place.is_clear_text and not allow_clear_text else None


def is_absolute(url: str) -> bool:
    """Tell whether a link names a scheme, or a host (``//host``)."""
    return url.lstrip().startswith(("//", "\\\\", "/\\", "\\/")) or bool(
        re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", url.lstrip())
    )


def climbs(path: str) -> bool:
    """Tell whether a path holds ``.`` or ``..``, in whatever form: who resolves them asks elsewhere."""
    return not {".", ".."}.isdisjoint(unquote(path).replace("\\", "/").split("/"))


def is_host(name: str) -> bool:
    """Tell whether a name is that of a host for every reader: an address, or labels as DNS takes them.

    (RFC 1035, and the underscore that containers' names have. Without brackets or a zone of IPv6, and without
    a dot at the end, which some readers count to the name.)
    """
    if _address(name) is not None:
        return "%" not in name
    labels = name.split(".")
    return (
        len(name) <= bounds.HOST_CHARACTERS
        and all(_LABEL.fullmatch(label) for label in labels)
        and not _NUMBER.fullmatch(labels[-1])
    )


def _is_host_of_url(text: str) -> bool:
    """Tell of a host as it stands in a URL, an address of IPv6 in brackets."""
    if text.startswith("["):
        return ":" in text and is_host(text[1:-1])
    return is_host(text)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None


def _port(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,5}", text) and 0 < int(text) <= _LAST_PORT:
        return int(text)
    raise UrlError(f"{_SHAPE}, with a port from 1 to {_LAST_PORT}")
