"""The last net: any text of ours once more, whatever names of others stand in it.

It finds what has the shape of an address or a secret. What has none, a person's name, is kept out before:
the words of a server are sifted (:mod:`.sifting`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from segment_exports.sieve.secrets_in_use import MASK, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 200
"""Characters of another's text that are told."""

_NAMES = 40
_APART = r"\s\"'<>(){}\[\],;:=/"
_AT = r"(?:@|%(?:25)*40|&\#0*64;|&\#x0*40;|&commat;|\\u0040|\\x40|\uff20|\ufe6b)"
# Tried only where a word begins, so that long texts without an address cost no more than their length.
_ADDRESS = re.compile(rf"(?<![^{_APART}])(?:(?!{_AT})[^{_APART}])+{_AT}[^{_APART}]+", re.IGNORECASE)
_HAS_AT = re.compile(_AT, re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{12,}", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}")
_SIGNED = re.compile(
    r"\b(sig|signature|code|token|access_token|client_secret|secret|password|pwd|api[-_]?key|accountkey)"
    r"(=|%3D)[^\s&;,\"'<>]+",
    re.IGNORECASE,
)
_LINES = re.compile("[\r\x0b\x0c\x85\u2028\u2029]+")
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


def netted(text: str) -> str:
    """Return a text without addresses, secrets, and characters that nobody sees; it keeps its lines."""
    text = _UNSEEN.sub("", _LINES.sub(" ", text))
    text = without_secrets(text)
    text = _JWT.sub(MASK, _SIGNED.sub(rf"\1\2{MASK}", _BEARER.sub(rf"\1 {MASK}", text)))
    return _ADDRESS.sub("<address>", text) if _HAS_AT.search(text) else text


def name_told(name: object) -> str:
    """Return a name that others gave (of a segment, a column, a file, a list) on one line, and cut."""
    return cut(" ".join(netted(str(name)[: 10 * LONGEST]).split()))


def names_told(names: Iterable[object]) -> str:
    """Return names of others for a message, sorted, the first 40."""
    known = sorted(map(name_told, names))
    more = f" and {len(known) - _NAMES} more" if len(known) > _NAMES else ""
    return (", ".join(known[:_NAMES]) or "none") + more


def cut(text: str) -> str:
    """Return a text of at most 200 characters."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
