"""Why a contact was refused, in words that are fit to be kept.

A server may quote what was sent, what it has stored, or parts of either, in any form. So nothing of its
answer is repeated but what is known to be harmless: names of fields, and words of a closed list.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import orjson

from segment_exports.contact_fields.fields import STANDARD_FIELDS
from segment_exports.settings import bounds
from segment_exports.transport.harmless_words import ALSO_NAMES, JOINING, TELLING
from segment_exports.transport.redaction import cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from segment_exports.errors import DestinationError

_GAP = "…"
_QUOTED = r"""(?<!\w)'.*?(?:'(?!\w)|\Z)|".*?(?:"|\Z)|`.*?(?:`|\Z)"""
_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb", '\'\'"""""')
_APART = r"\s,;:!?()<>\[\]{}=\"`/\\|" + _GAP
_WORD = rf"(?:[^{_APART}.']|[.'](?=[^{_APART}.']))+"
_TOKEN = re.compile(
    rf"(?P<quoted>{_QUOTED})|(?P<word>{_WORD}|{_GAP})|(?P<mark>[.,;:!?()])|(?P<between>.)", re.DOTALL
)
_ENDS = (".", "!", "?")
_STANDARD_FIELDS = frozenset(name.lower() for name in STANDARD_FIELDS)
_GAPS = re.compile(rf"{_GAP}(?:[\s,;:]*{_GAP})+")


def reason_of(error: DestinationError, contacts: Sequence[bytes]) -> str:
    """Return the harmless part of what the destination said, or our own words where that tells nothing.

    :param contacts: the JSON objects that the request was about; what is known of their values.
    """
    answer = error.answer
    return (sift(answer.text, contacts) if answer is not None else "") or str(error)


def sift(text: str, contacts: Sequence[bytes] = ()) -> str:
    """Return a server's text with a gap for all that may be somebody's value; nothing if it tells nothing.

    Also words of the list go where they are a value of these contacts, or stand in quotes.
    """
    if len(text) > bounds.REASON_CHARACTERS:
        return ""
    known = [orjson.loads(contact) for contact in contacts]
    text = _without(_plain(text), {form for value in _values(known) for form in _forms(value)})
    fields = _STANDARD_FIELDS.union(*map(_names_of, known))
    kept, is_telling, begins = [], False, True
    for token in _TOKEN.finditer(text):
        part, kind = token[0], token.lastgroup
        if part.lower() in fields or (kind == "quoted" and part[1:-1].lower() in fields):
            kind = "field"
        words = _harmless(part, begins=begins) if kind == "word" else frozenset()
        is_telling |= kind == "field" or not TELLING.isdisjoint(words)
        if kind in ("quoted", "word") and not words:
            part = _GAP
        kept.append(" " if kind == "between" else part)
        begins = part in _ENDS or (begins and kind in ("mark", "between"))
    return cut(" ".join(_GAPS.sub(_GAP, "".join(kept)).split())) if is_telling else ""


def _harmless(token: str, *, begins: bool) -> frozenset[str]:
    """Return the words of a token such as ``invalid`` or ``EMAIL_INVALID`` if all are of the list.

    :param begins: a sentence begins with it. Elsewhere a capital letter makes it a name.
    """
    words = frozenset(re.split("[_-]", token.lower()))
    is_code = len(words) > 1
    is_name = not token.islower() and not ((begins or is_code) and ALSO_NAMES.isdisjoint(words))
    return words if words <= JOINING | TELLING and not is_name else frozenset()


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


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _values(inner)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _names_of(contact: dict[str, Any]) -> Iterator[str]:
    """Yield the names of a contact's fields, those of custom ones also as people see them, and by word."""
    for name in (*contact, *contact.get("custom", ())):
        label = name.partition("--")[2].replace("--", " ")
        yield from (one.lower() for one in (name, label, *label.split()) if one)
