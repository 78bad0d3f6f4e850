"""What messages call a field of a connection: what Airflow's form does, and its key where JSON is written."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Naming: TypeAlias = Callable[[str], str]
"""From a field's key in ``extra`` to what a message calls it."""

THE_CONNECTION = "the connection"
"""What messages call a connection whose name isn't known."""

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "agreed_text": "Data privacy and compliance",
        "agreed_by": "Agreed by",
        "agreed_at": "Agreed on",
        "allow_clear_text": "Allow clear text",
        "authority": "Authority",
        "ca_bundle": "CA bundle",
        "enabled": "Enabled",
        "instance_id": "Instance ID",
        "region": "Region",
        "requests_per_minute": "Requests per minute",
        "requests_per_second": "Requests per second",
        "scope": "Token scope",
        "subscription_api_key": "Subscription key",
        "tenant": "Tenant",
    }
)
"""What the form writes at each field of ``extra``."""


def label(key: str) -> str:
    """Return what the form calls a field; a key that it doesn't have stays."""
    return LABELS.get(key, key)


def label_and_key(key: str) -> str:
    """Return what the form calls a field, and its key where that is in other words, for who writes JSON."""
    called = label(key)
    is_same = called.lower().replace(" ", "_") == key
    return called if is_same else f"{called} ({key})"
