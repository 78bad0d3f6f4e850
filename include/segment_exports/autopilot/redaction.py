"""Keep keys and personal data out of whatever is logged, raised or written down."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

_APART = r"\s\"'<>(){}\[\],;:=/"
# Tried only where a word begins, so that long texts without an address cost no more than their length.
_ADDRESS = re.compile(rf"(?<![^{_APART}])[^{_APART}@]+(?:@|%40)[^{_APART}]+")
_LONGEST = 200
_SHORTEST_VALUE = 2


def redact(text: str, *secrets: str) -> str:
    """Return a text of the destination without secrets and addresses, on one line, cut to 200 characters."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = " ".join(_ADDRESS.sub("<address>", text).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def redact_values(text: str, contact: bytes) -> str:
    """Return a text without any value of a contact (its JSON object): servers like to quote them."""
    values = sorted(set(_strings(orjson.loads(contact))), key=len, reverse=True)
    for value in values:
        if len(value) >= _SHORTEST_VALUE:
            text = re.sub(re.escape(value), "<value>", text, flags=re.IGNORECASE)
    return text


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
