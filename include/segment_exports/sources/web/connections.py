"""What it takes to reach Dataverse and the Customer Insights API: plain values, checked once.

Airflow's connections are turned into these by the hooks; the core knows no Airflow. Secrets never
show in ``repr``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from segment_exports.errors import SourceError
from segment_exports.sieve.secrets_in_use import keep_secret
from segment_exports.transport.places import UrlError, place_of_url, service_url

PUBLIC_AUTHORITY = "https://login.microsoftonline.com"
CI_API_URL = "https://api.ci.ai.dynamics.com/v1"
CI_API_SCOPE = "https://api.ci.ai.microsoft.com/.default"
"""Scope of Microsoft's own server-to-server sample (2021). Others use ``https://api.ci.ai.dynamics.com/
.default`` or the resource id ``0bfc4568-a4ba-4c58-bd3e-5d3e76bd7fff/.default``: so it can be set."""

_INSTANCE = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")


@dataclass(frozen=True)
class AppRegistration:
    """An app registration in Microsoft Entra and where its tokens come from.

    :param tenant: directory (tenant) id or its domain.
    :param authority: where tokens are issued, and the client secret is sent; other clouds have other hosts.
        Never in clear text.
    :param ca_bundle: file of CA certificates to trust instead of the system's, for a proxy that
        breaks TLS open, or for the emulators.
    """

    tenant: str
    client_id: str
    client_secret: str = field(repr=False)
    authority: str = PUBLIC_AUTHORITY
    ca_bundle: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("Tenant", self.tenant), ("Client ID", self.client_id)):
            if not value or not re.fullmatch(r"[0-9A-Za-z._-]+", value):
                raise SourceError(
                    f"The {name} of the connection is {_shape(value)}; it must be a GUID or a domain"
                )
        if not self.client_secret:
            raise SourceError("The connection has no Client secret; make one in Entra and put it there")
        keep_secret(self.client_secret)
        authority = check_service_url("Authority", self.authority)
        if place_of_url(authority).scheme != "https":
            raise SourceError("the connection's Authority must start with https://, on this machine too")
        object.__setattr__(self, "authority", authority)
        _check_file(self.ca_bundle)

    @property
    def authority_url(self) -> str:
        """The authority with the tenant, as token libraries want it."""
        return f"{self.authority}/{self.tenant}"


@dataclass(frozen=True)
class DataverseConnection:
    """A Dataverse environment that Customer Insights writes to.

    :param environment_url: ``https://<org>.crm<n>.dynamics.com``.
    :param allow_clear_text: whether it may lead to another machine over ``http://``.
    :param scope: of the token; by default the environment's own ``/.default``.
    """

    app: AppRegistration
    environment_url: str
    scope: str = ""
    allow_clear_text: bool = False

    def __post_init__(self) -> None:
        url = check_service_url(
            "Environment URL", self.environment_url, allow_clear_text=self.allow_clear_text
        )
        object.__setattr__(self, "environment_url", url)
        if not self.scope:
            object.__setattr__(self, "scope", f"{url}/.default")

    @property
    def service_root(self) -> str:
        """Root of the Web API."""
        return f"{self.environment_url}/api/data/v9.2"


@dataclass(frozen=True)
class CiApiConnection:
    """One instance behind Customer Insights' REST API.

    :param allow_clear_text: whether the base URL may lead to another machine over ``http://``.
    """

    app: AppRegistration
    instance_id: str
    subscription_key: str = field(repr=False)
    base_url: str = CI_API_URL
    scope: str = CI_API_SCOPE
    allow_clear_text: bool = False

    def __post_init__(self) -> None:
        url = check_service_url("Base URL", self.base_url, allow_clear_text=self.allow_clear_text)
        object.__setattr__(self, "base_url", url)
        if not _INSTANCE.fullmatch(self.instance_id):
            raise SourceError(
                f"The Instance ID of the connection is {_shape(self.instance_id)}; it must be the GUID that "
                "Customer Insights shows under Settings > System > General"
            )
        if not self.subscription_key:
            raise SourceError(
                "The connection has no Subscription key; take it from Customer Insights, "
                "Settings > Permissions > APIs"
            )
        keep_secret(self.subscription_key)
        if not self.scope:
            object.__setattr__(self, "scope", CI_API_SCOPE)

    @property
    def service_root(self) -> str:
        """Root of this instance's routes."""
        return f"{self.base_url}/instances/{self.instance_id}"


def check_service_url(name: str, url: str, *, allow_clear_text: bool = False) -> str:
    """Return the URL of a service, which gets the token and nothing else of the connection.

    :raises SourceError: readers may differ about where it leads, it holds more than a place, or the token
        would go in clear text to another machine, unless that is allowed. Nothing of the URL is told.
    """
    try:
        return service_url(url, f"the connection's {name}", "https://host", allow_clear_text=allow_clear_text)
    except UrlError as error:
        raise SourceError(str(error)) from None


def _check_file(path: str | None) -> None:
    if path is not None and not Path(path).is_file():
        raise SourceError(f"The CA bundle {path!r} of the connection is not a file on this worker")


def _shape(value: str) -> str:
    return "empty" if not value else f"a text of {len(value)} characters"
