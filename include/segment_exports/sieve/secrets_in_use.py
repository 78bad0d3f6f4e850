"""The secrets that this process holds, so that none is told in whatever form a server quotes it.

Who takes a key, a client secret, a token or a password in hand says so here. They stay in memory alone.
"""

from __future__ import annotations

import html
import json
import re
import threading
from base64 import b64encode, urlsafe_b64encode
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote, urlsplit
from urllib.request import getproxies

from segment_exports.sieve.harmless_words import OF_SERVICES, TELLING

if TYPE_CHECKING:
    from collections.abc import Iterator

MASK = "***"

_LEAST = 6
_WORD_BELOW = 12
_LEAST_CODED = 8

_known: dict[str, None] = {}
_lock = threading.Lock()


def keep_secret(*secrets: str | None) -> None:
    """Take note of secrets that are in use from now on.

    Texts of less than 6 characters are none, nor are words that our own messages are made of.
    """
    new = {one.strip() for one in secrets if one} - _known.keys()
    new = {one for one in new if len(one) >= _LEAST and one.lower() not in TELLING | OF_SERVICES}
    if new:
        with _lock:
            _known.update(dict.fromkeys(new))
            _pattern.cache_clear()


def keep_password_of(url: str) -> None:
    """Take note of the user's password in the URL of a proxy."""
    try:
        password = urlsplit(url).password or ""
    except ValueError:  # no URL; then its text is told nowhere
        return
    keep_secret(password, unquote(password))


def keep_passwords_of_proxies() -> None:
    """Take note of the passwords in the proxies that the environment names: requests takes them by itself."""
    for url in getproxies().values():
        keep_password_of(url)


def without_secrets(text: str) -> str:
    """Return a text with ``***`` where a secret stands in it, in capitals or not, and coded or not."""
    pattern = _pattern()
    return text if pattern is None else pattern.sub(MASK, text)


@cache
def _pattern() -> re.Pattern[str] | None:
    forms = {form for secret in list(_known) for form in _forms(secret)}
    if not forms:
        return None
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(_found, longest_first)), re.IGNORECASE)


def _found(form: str) -> str:
    """Return the pattern of a form; a short secret may be a word, which counts only alone."""
    is_word = form in _known and len(form) < _WORD_BELOW
    return rf"(?<!\w){re.escape(form)}(?!\w)" if is_word else re.escape(form)


def _forms(secret: str) -> Iterator[str]:
    yield secret
    once = quote(secret, safe="")
    yield from (once, quote(once, safe=""), quote(secret), quote_plus(secret))
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
    yield from (html.escape(secret), repr(secret)[1:-1])
    data = secret.encode()
    if len(data) < _LEAST_CODED:
        return
    yield data.hex()
    for before in range(3):  # whatever stands before it, as the user in a header of Basic
        padded = bytes(before) + data
        whole = padded[: len(padded) - len(padded) % 3]
        first = -(-before * 8 // 6)
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(whole).decode()[first:]
