"""Keep keys and personal data out of whatever is logged, raised or written down."""

from __future__ import annotations

import re

_APART = r"\s\"'<>(){}\[\],;:=/"
# Tried only where a word begins, so that long texts without an address cost no more than their length.
_ADDRESS = re.compile(rf"(?<![^{_APART}])[^{_APART}@]+(?:@|%40)[^{_APART}]+")
_LONGEST = 200


def redact(text: str, *secrets: str) -> str:
    """Return a text of the destination without secrets and addresses, on one line, cut to 200 characters."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return cut(" ".join(_ADDRESS.sub("<address>", text).split()))


def cut(text: str) -> str:
    """Return a text of at most 200 characters."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
