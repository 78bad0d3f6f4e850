r"""Which addresses a text that is none may mean.

Somebody refuses under it, so it is read generously: a wrong guess leaves out an address that nobody has, a
missed one is mail to a person who said No. Taken are

- the spellings of it: as it stands, with web and mail escapes resolved (``%40``, ``&#64;``, ``=40``,
  ``\u0040``), plain letters for ambiguous ones, without what can't be seen, without quotation marks and
  comments in brackets, with *at* and *dot* written out, without blanks;
- at each ``@`` of a spelling what may stand before and behind it: all up to the next character that no
  address has, and what is left where it is cut at one that addresses hardly have (``E-Mail=a@x.com``,
  ``a@x.com|b@x.com``).

Only what speaks against somebody is read so: where it is no address, or one that hardly is
(:func:`may_mean_others`). What is made of one text is bounded.
"""

from __future__ import annotations

import html
import re
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.mapping.address_folding import (
    DOTTED_I,
    SIGMA_OF_BOTH,
    SMALL_SIGMA,
    plain_letters,
    without_invisible,
)
from segment_exports.mapping.email_address import judge_emails
from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_LONGEST_PART = 254
_MOST_CUTS = 12

_PLAIN_I = str.maketrans({"\u0131": "i", "\u0130": "i"})
_LAST_SIGMA = re.compile(r"Σ(?!\w)")

_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|=([2-7][0-9a-fA-F])")
_ESCAPED_BLANK = re.compile(r"\\[nrtv]")
_BLANKS = re.compile(r"\s+")
_DOUBLE_QUOTES = re.compile(r'["„‟«»“”]')
_ALL_QUOTES = re.compile('["„‟«»“”\u2018\u2019\u201a\u201b\u2039\u203a]')
_COMMENT = re.compile(r"\([^()@]*\)")
_AT = re.compile(r"\s?(?:[(\[{<]\s?(?:at|arroba|@)\s?[)\]}>]|@[\s@]*)\s?")
_AT_IN_WORDS = re.compile(r"(?<![\W_])[\W_]+(?:at|arroba)[\W_]+")
_DOT_WORDS = "(?:dot|punkt|ponto|punto)"
_DOT_IN_WORDS = re.compile(rf"\s?[(\[{{]\s?(?:{_DOT_WORDS}|\.)\s?[)\]}}]\s?|\s{_DOT_WORDS}\s")
_DOTS = re.compile(r"\.{2,}")

_BEFORE_AT = re.compile(r"[^\s<>()\[\]\\:;,]+\Z")
_NO_LOCAL_PART_ENDS_SO = " <>()[]\\:;,"
_HARDLY_LOCAL = re.compile(r"[!#$%&*/=?^`{|}~]+")
_NO_WORD = re.compile(r"[^\w']+|_+")
_NO_NAME = "\x00-,/:-@\\[-`{-\x7f"
_BEHIND_AT = re.compile(rf"[{_NO_NAME}.-]*([^{_NO_NAME}]*)(?:[ ,;:_]+([^{_NO_NAME}]+))?")


def may_mean_others(emails: pa.StringArray) -> pa.BooleanArray:
    """Tell of normalised addresses which have a mark before the @ that addresses allow and hardly have.

    ``e-mail=a@x.com`` is an address, and ``r&d@x.com`` may well be somebody's, so & is no such mark.
    """
    return pc.match_substring_regex(emails, r"[!#$%*/=?^`{|}~][^@]*@")


def meant_addresses(texts: pa.StringArray) -> pa.ListArray:
    """Return per text the distinct normalised addresses that it may mean; null where it is null.

    Each text is read and judged once, however often it stands there.
    """
    encoded = texts.dictionary_encode()
    meant = pa.array(
        [sorted(meant_texts(text)) for text in encoded.dictionary.to_pylist()], pa.list_(pa.string())
    )
    judged = judge_emails(pc.list_flatten(meant))
    pairs = zip(pc.list_parent_indices(meant).to_pylist(), judged.emails.to_pylist(), strict=True)
    found: list[set[str]] = [set() for _ in range(len(meant))]
    for place, address in pairs:
        if address is not None:
            found[place].add(address)
    return pa.array([sorted(one) for one in found], meant.type).take(encoded.indices)


def meant_texts(text: str) -> frozenset[str]:
    """Return the addresses, unjudged and in small letters, that a refused text may mean."""
    found: dict[str, None] = {}
    for spelling in _spellings(text[: bounds.MEANT_CHARACTERS]):
        for address in _addresses(spelling):
            found[address] = None
            if len(found) == bounds.MEANT_ADDRESSES:
                return frozenset(found)
    return frozenset(found)


def _spellings(text: str) -> Iterable[str]:
    """Return the ways to read a text, the plainest first."""
    readings: Iterable[str] = [text]
    for read in (_unescaped, _seen, _unquoted, _in_small_letters, _told_aloud, _closed_up):
        readings = dict.fromkeys(chain.from_iterable(map(read, readings)))
    return readings


def _unescaped(text: str) -> Iterator[str]:
    yield text
    yield unquote(html.unescape(_ESCAPED.sub(_resolved, _ESCAPED_BLANK.sub(" ", text))))


def _resolved(escape: re.Match[str]) -> str:
    return chr(int(next(filter(None, escape.groups())), 16))


def _seen(text: str) -> Iterator[str]:
    for stand_in in ("", " "):
        yield _BLANKS.sub(" ", without_invisible(text, stand_in=stand_in))


def _unquoted(text: str) -> Iterator[str]:
    yield plain_letters(_DOUBLE_QUOTES.sub("", text))
    yield plain_letters(_ALL_QUOTES.sub(" ", text))


def _in_small_letters(text: str) -> Iterator[str]:
    plain = text.translate(_PLAIN_I)
    for sigma in (plain.replace(SIGMA_OF_BOTH, SMALL_SIGMA), _LAST_SIGMA.sub("ς", plain)):
        small = sigma.lower().replace(DOTTED_I, "i")
        yield small
        yield small.replace("ß", "ss")


def _told_aloud(text: str) -> Iterator[str]:
    """Give a text with the signs for its words, and that without comments in brackets."""
    for one in (text, _COMMENT.sub("", text)):
        signs = _DOT_IN_WORDS.sub(".", _AT.sub("@", one))
        yield signs
        yield _AT_IN_WORDS.sub("@", signs)


def _closed_up(text: str) -> Iterator[str]:
    """Give a text, and where it is one address, that as if its blanks and commas were slips."""
    if "@" in text:
        yield text
        if text.count("@") == 1:
            yield text.replace(" ", "").replace(",", ".")


def _addresses(spelling: str) -> Iterator[str]:
    """Give what stands around each @; a piece between two is the end of one address and begins the next."""
    pieces = spelling.split("@")
    last = len(pieces) - 2
    for number, (before, behind) in enumerate(pairwise(pieces)):
        domains = _bounded(_domains(behind, is_between=number < last))
        if domains:
            for local in _bounded(_local_parts(before, is_between=number > 0)):
                yield from (f"{local}@{domain}" for domain in domains)


def _bounded(found: Iterator[str]) -> Sequence[str]:
    return list(islice(dict.fromkeys(filter(None, found)), _MOST_CUTS))


def _local_parts(before: str, *, is_between: bool) -> Iterator[str]:
    found = _BEFORE_AT.search(before[-_LONGEST_PART:].rstrip(_NO_LOCAL_PART_ENDS_SO))
    if found is None:
        return
    run = found.group()
    cuts = [one.end() for one in _HARDLY_LOCAL.finditer(run)]
    if is_between and not cuts and found.start() == 0:
        cuts = [one.end() for one in _NO_WORD.finditer(run)]
    for start in (0, *reversed(cuts)):
        part = _DOTS.sub(".", run[start:]).strip(".")
        yield part
        # A quotation mark, a bullet, a mark of emphasis: what stands around words, and in few addresses.
        yield part.strip("'")
        yield part.lstrip("'._-+*").rstrip("'.!#$%&*/=?^`{|}~_")


def _domains(behind: str, *, is_between: bool) -> Iterator[str]:
    found = _BEHIND_AT.match(behind)
    if found is None:
        return
    name, following = found.groups()
    if following and "." not in name.strip("."):
        name = f"{name}.{following}"
    name = _DOTS.sub(".", name).strip(".-")
    if "." in name:
        yield name
    ends = [one.start() for one in re.finditer(r"[.-]" if is_between else "-", name)]
    yield from (part for end in ends if "." in (part := name[:end].strip(".-")))
