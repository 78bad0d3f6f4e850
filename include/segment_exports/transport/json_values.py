"""How many values a JSON text has, told before it is read: each takes up to a hundred times its own bytes."""

from __future__ import annotations

import re

_APART = (b",", b"{", b"[")
_TEXT_OR_APART = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|([,{\[])', re.DOTALL)


def has_more_values(text: bytes, most: int) -> bool:
    """Tell whether a JSON text may have more values than so many, lists and objects among them.

    Commas and opening brackets are counted; one by one outside of strings only where there are many at all.
    """
    if sum(map(text.count, _APART)) < most:
        return False
    found = 0
    for part in _TEXT_OR_APART.finditer(text):
        found += part.lastindex is not None
        if found >= most:
            return True
    return False
