"""Which addresses are one: how their letters fold, and which letters can't be folded.

Two addresses are the same where they differ

- in the normal form of Unicode alone (``é`` as one character or as two), or
- in the case of letters that fold *one to one*: a capital with one small letter whose capital it is
  (``A`` and ``a``, ``Ö`` and ``ö``, ``Д`` and ``д``).

Every other letter with a case is *ambiguous*: to fold it would make an address that nobody wrote, or join
two people's. That is so where the small form is several characters (capital I with dot), where another
letter has the same capital (the dotless i; of the two small Greek sigmas both are kept, the capital is
ambiguous), where the small form belongs to another capital (the Kelvin sign, the capital sharp s), and
where a character stands for plain ones (ligatures, full-width letters, superscripts: Unicode's
compatibility forms of ASCII or of letters with a case). An address with such a letter is refused by
:mod:`.email_address`, and :func:`meant_texts` says what it may have been.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_DOTLESS, _CAPITAL_DOTTED = "\u0131", "\u0130"
_SMALL_SIGMA, _SIGMA_OF_BOTH = "\u03c3", "\u03a3"
_DOTTED = "i\u0307"
"""What ``İ`` becomes where a program puts it into small letters without knowing Turkish."""

_PLAIN_I = str.maketrans({_DOTLESS: "i", _CAPITAL_DOTTED: "i"})

_NOT_PLAIN_ASCII = re.compile(r"[^\x00-\x7f]")
_AT = re.compile(r"\s*(?:@|[(\[]\s*at\s*[)\]])\s*")
_QUOTES = re.compile(r'["“”„«»]')
_ADDRESS = re.compile(r"[^\s<>()\[\]:;,@]+@[^\s<>()\[\]:;,@]+")
_LAST_SIGMA = re.compile(r"Σ(?!\w)")
_DOTS = re.compile(r"\.{2,}")
_LONGEST_TEXT = 4096


def fold(text: str) -> str:
    """Return a text with its letters folded one to one, in the composed normal form (NFC); idempotent.

    Letters that :func:`ambiguous_letter` finds stay as they are.
    """
    composed = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", "".join(_folded(letter) or letter for letter in composed))


def ambiguous_letter(text: str) -> str | None:
    """Return the first letter of a text that has no one folded form; None where all have one."""
    if not _NOT_PLAIN_ASCII.search(text):
        return None
    # The Kelvin sign is another letter before it is composed, İ may be one only afterwards.
    composed = unicodedata.normalize("NFC", text)
    found: str | None = next((one for one in (*text, *composed) if _folded(one) is None), None)
    return _DOTTED[1] if found is None and _DOTTED in fold(composed) else found


def named(letter: str) -> str:
    """Return a character as messages show it: ``U+0130 LATIN CAPITAL LETTER I WITH DOT ABOVE``."""
    return f"U+{ord(letter):04X} {unicodedata.name(letter, 'without a name')}"


def meant_texts(text: str) -> frozenset[str]:
    """Return the addresses, unjudged and in small letters, that a refused text may have meant.

    They are read from it as a person would: plain letters for ambiguous ones, without invisible characters
    and quotation marks, from between angle brackets, several where it holds several.
    """
    visible = "".join(letter for letter in text[:_LONGEST_TEXT] if unicodedata.category(letter) != "Cf")
    plain = unicodedata.normalize("NFKC", visible).translate(_PLAIN_I)
    sigmas = {plain.replace(_SIGMA_OF_BOTH, _SMALL_SIGMA), _LAST_SIGMA.sub("ς", plain)}
    small = {one.lower().replace(_DOTTED, "i") for one in sigmas}
    spelled = small | {one.replace("ß", "ss") for one in small}
    found = (one for told in spelled for one in _ADDRESS.findall(_AT.sub("@", _QUOTES.sub("", told))))
    return frozenset(told for one in found for told in (one, _without_stray_marks(one)))


def _without_stray_marks(address: str) -> str:
    local, _, domain = _DOTS.sub(".", address).partition("@")
    return f"{local.strip(chr(39) + '.')}@{domain.strip(chr(39) + '.')}"


@lru_cache(maxsize=65_536)
def _folded(letter: str) -> str | None:
    """Return the folded form of one character, None where it is ambiguous."""
    if letter.isascii():
        return letter.lower()
    if _stands_for_plain_ones(letter):
        return None
    small, capital = letter.lower(), letter.upper()
    if small != letter:
        one_to_one = len(small) == 1 and small.upper() == letter and letter != _SIGMA_OF_BOTH
        return small if one_to_one else None
    shares_capital = len(capital) == 1 and capital.lower() not in (letter, _SMALL_SIGMA)
    return None if shares_capital else letter


def _stands_for_plain_ones(letter: str) -> bool:
    meant = unicodedata.normalize("NFKC", letter)
    if meant == unicodedata.normalize("NFC", letter):
        return False
    return any(one.isascii() or one.lower() != one.upper() for one in meant)
