from __future__ import annotations

import pytest

from segment_exports.errors import SourceError
from segment_exports.sources.web.connections import AppRegistration, CiApiConnection, DataverseConnection

APP = AppRegistration("contoso.example", "11111111-2222-4333-8444-555555555555", "s3cret-value")


def test_secrets_do_not_show() -> None:
    both = (
        DataverseConnection(APP, "https://contoso.crm4.dynamics.com"),
        CiApiConnection(APP, "3f6c2a90-5d1e-4b7a-9c42-0e8d1b7f6a55", "a-subscription-key"),
    )

    assert "s3cret-value" not in repr(both)
    assert "a-subscription-key" not in repr(both)


def test_the_scope_follows_the_service() -> None:
    dataverse = DataverseConnection(APP, "https://contoso.crm4.dynamics.com/")

    assert dataverse.scope == "https://contoso.crm4.dynamics.com/.default"
    assert dataverse.service_root == "https://contoso.crm4.dynamics.com/api/data/v9.2"
    assert CiApiConnection(APP, "id", "key").scope == "https://api.ci.ai.microsoft.com/.default"
    assert CiApiConnection(APP, "id", "key", scope="https://other/.default").scope == "https://other/.default"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("contoso.crm4.dynamics.com", "must look like https://host"),
        ("http://contoso.crm4.dynamics.com", "must start with https://"),
        ("https://user:pw@contoso.crm4.dynamics.com", "must not hold a user"),
        ("https://:pw@contoso.crm4.dynamics.com", "must not hold a user"),
        ("ftp://user:pw@contoso.crm4.dynamics.com", "must not hold a user"),
        ("user:pw@contoso.crm4.dynamics.com", "must not hold a user"),
        ("https://contoso..dynamics.com", "must look like"),
        (f"https://{'a' * 64}.dynamics.com", "must look like"),
        ("https://contoso.crm4.dynamics.com:port", "must look like"),
        ("https://contoso.crm4.dynamics.com?x=1", "must not hold"),
        ("", "must look like"),
    ],
)
def test_a_token_never_goes_where_it_should_not(url: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        DataverseConnection(APP, url)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (("", "client", "secret"), "Tenant of the connection is empty"),
        (("a/b", "client", "secret"), "Tenant of the connection is a text of 3 characters"),
        (("tenant", "", "secret"), "Client ID of the connection is empty"),
        (("tenant", "client", ""), "no Client secret"),
        (("tenant", "client", "secret", "http://login.example"), "must start with https"),
        (("tenant", "client", "secret", "https://login.example", "/no/such/file"), "is not a file"),
    ],
)
def test_an_app_registration_says_what_it_lacks(fields: tuple[str, ...], told: str) -> None:
    with pytest.raises(SourceError, match=told):
        AppRegistration(*fields)


@pytest.mark.parametrize(
    ("instance", "key", "told"),
    [
        ("", "key", "Instance ID of the connection is empty"),
        ("../x", "key", "Instance ID"),
        ("id", "", "Subscription key"),
    ],
)
def test_an_api_connection_says_what_it_lacks(instance: str, key: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        CiApiConnection(APP, instance, key)
