"""Sentences of a server: what is left of them is known to be harmless.

A server may quote what was sent, what it has stored, or parts of either, in any form. So nothing of its
answer is repeated but names that are ours, and words of a closed list.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from segment_exports.sieve.harmless_words import ALSO_NAMES, JOINING, OF_SERVICES, TELLING
from segment_exports.sieve.net import cut
from segment_exports.sieve.secrets_in_use import MASK, without_secrets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_GAP = "…"
_QUOTED = r"""(?<!\w)'.*?(?:'(?!\w)|\Z)|".*?(?:"|\Z)|`.*?(?:`|\Z)"""
_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb", '\'\'"""""')
_APART = r"\s,;:!?()<>\[\]{}=\"`/\\|" + _GAP
_WORD = rf"(?:[^{_APART}.']|[.'](?=[^{_APART}.']))+"
_TOKEN = re.compile(
    rf"(?P<quoted>{_QUOTED})|(?P<word>{_WORD}|{_GAP})|(?P<mark>[.,;:!?()])|(?P<between>.)", re.DOTALL
)
_ACRONYMS = frozenset({"API", "HTTP", "HTTPS", "ID", "JSON", "SQL", "URI", "URL"})
_ENDS = (".", "!", "?")
_GAPS = re.compile(rf"{_GAP}(?:[\s,;:]*{_GAP})+")


def sift(
    text: str, *, values: Iterable[str] = (), names: Collection[str] = (), of_service: bool = False
) -> str:
    """Return a server's text with a gap for all that may be somebody's value; nothing if it tells nothing.

    One line of at most 200 characters, without control characters.

    :param values: what was sent of people; also words of the list go where they are one of these.
    :param names: names of ours, in lower case, which are kept: fields, columns.
    :param of_service: the request was about nobody, so words of services (query, scope, storage) are kept
        too.
    """
    text = _plain(without_secrets(text)).replace(MASK, _GAP)
    text = _without(text, {form for value in values for form in _forms(value)})
    known = TELLING | OF_SERVICES if of_service else TELLING
    kept, is_telling, begins = [], False, True
    for token in _TOKEN.finditer(text):
        part, kind = token[0], token.lastgroup
        if part.lower() in names or (kind == "quoted" and part[1:-1].lower() in names):
            kind = "name"
        words = _harmless(part, known, begins=begins) if kind == "word" else frozenset()
        is_telling |= kind == "name" or not known.isdisjoint(words)
        if kind in ("quoted", "word") and not words:
            part = _GAP
        kept.append(" " if kind == "between" else part)
        begins = part in _ENDS or (begins and kind in ("mark", "between"))
    return cut(" ".join(_GAPS.sub(_GAP, "".join(kept)).split())) if is_telling else ""


def _harmless(token: str, known: frozenset[str], *, begins: bool) -> frozenset[str]:
    """Return the words of a token such as ``invalid`` or ``EMAIL_INVALID`` if all are of the list.

    :param begins: a sentence begins with it. Elsewhere a capital letter makes it a name.
    """
    words = frozenset(re.split("[_-]", token.lower()))
    is_code = len(words) > 1
    is_plain = token.islower() or token in _ACRONYMS
    is_name = not is_plain and not ((begins or is_code) and ALSO_NAMES.isdisjoint(words))
    return words if words <= JOINING | known and not is_name else frozenset()


def _without(text: str, forms: Iterable[str]) -> str:
    folded = text.casefold()
    for form in sorted(forms, key=len, reverse=True):
        if form.casefold() in folded:
            text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", _GAP, text, flags=re.IGNORECASE)
    return text


def _plain(text: str) -> str:
    """Return a text on one line, with single blanks and straight quotes."""
    return " ".join(text.translate(_QUOTES).split())


def _forms(value: str) -> Iterator[str]:
    """Yield a value as servers quote it: as it is, and escaped for JSON in either way."""
    for form in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        if form := _plain(form):
            yield form
