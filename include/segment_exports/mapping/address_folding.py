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
compatibility forms of ASCII or of letters with a case; the quotes and dashes that word processors make of
``'`` and ``-``). An address with such a letter is refused by :mod:`.email_address`, as is one with a
character that can't be seen: without it, it would be another one. :mod:`.meant_addresses` says what it may
have been.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

SMALL_SIGMA, SIGMA_OF_BOTH = "\u03c3", "\u03a3"
DOTTED_I = "i\u0307"
"""What ``İ`` becomes where a program puts it into small letters without knowing Turkish."""

_APOSTROPHES = "\u2018\u2019\u201a\u201b\u2039\u203a\u02bb\u02bc\u02bd\u2032\u2035\u00b4"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_FULL_STOPS = "\u3002\uff61"
_PLAIN_SIGNS = str.maketrans(
    {
        **dict.fromkeys(_APOSTROPHES, "'"),
        **dict.fromkeys(_DASHES, "-"),
        **dict.fromkeys(_FULL_STOPS, "."),
    }
)

_SHOWS_NOTHING = (
    r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U00016fe4\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Characters that show nothing, inside the brackets of a pattern: controls but white space, Unicode's
Default_Ignorable_Code_Point, and the few others without a mark of ink."""

_INVISIBLE = re.compile(f"[{_SHOWS_NOTHING}]")
_EDGE = re.compile(rf"\A[{_SHOWS_NOTHING}\s]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NOT_PLAIN_ASCII = re.compile(r"[^\x00-\x7f]")


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
    return DOTTED_I[1] if found is None and DOTTED_I in fold(composed) else found


def named(letter: str) -> str:
    """Return a character as messages show it: ``U+0130 LATIN CAPITAL LETTER I WITH DOT ABOVE``."""
    unnamed = "CONTROL CHARACTER" if unicodedata.category(letter) == "Cc" else "without a name"
    return f"U+{ord(letter):04X} {unicodedata.name(letter, unnamed)}"


def plain_letters(text: str) -> str:
    """Return a text with plain letters and signs for those that stand for them, and blanks for other signs.

    ASCII stays as it is, and so do letters, marks and digits of all scripts.
    """
    if text.isascii():
        return text
    plain = "".join(_plain(one) for one in text.translate(_PLAIN_SIGNS))
    return unicodedata.normalize("NFC", plain)


def is_sign(letter: str) -> bool:
    """Tell whether a character is of no script: neither ASCII, nor a letter, a mark or a digit."""
    return not letter.isascii() and unicodedata.category(letter)[0] not in "LMN"


def invisible_letter(text: str) -> str | None:
    """Return the first character of a text that shows nothing; None where there is none."""
    found = _INVISIBLE.search(text)
    return found.group() if found else None


def trimmed(text: str) -> str:
    """Return a text without the white space around it, and without what shows nothing there."""
    return _EDGE.sub("", _EDGE.sub("", text)[::-1])[::-1]


def without_invisible(text: str, *, stand_in: str = "") -> str:
    """Return a text without what shows nothing; ``stand_in`` for controls, which may part two words."""
    return _INVISIBLE.sub("", _CONTROL.sub(stand_in, text) if stand_in else text)


@lru_cache(maxsize=65_536)
def _plain(letter: str) -> str:
    if letter.isascii():
        return letter
    if _stands_for_plain_ones(letter):
        return unicodedata.normalize("NFKC", letter).translate(_PLAIN_SIGNS)
    return " " if is_sign(letter) else letter


@lru_cache(maxsize=65_536)
def _folded(letter: str) -> str | None:
    """Return the folded form of one character, None where it is ambiguous."""
    if letter.isascii():
        return letter.lower()
    if _stands_for_plain_ones(letter):
        return None
    small, capital = letter.lower(), letter.upper()
    if small != letter:
        one_to_one = len(small) == 1 and small.upper() == letter and letter != SIGMA_OF_BOTH
        return small if one_to_one else None
    shares_capital = len(capital) == 1 and capital.lower() not in (letter, SMALL_SIGMA)
    return None if shares_capital else letter


def _stands_for_plain_ones(letter: str) -> bool:
    if letter in _APOSTROPHES + _DASHES or unicodedata.category(letter) in ("Pd", "Pi", "Pf"):
        return True
    meant = unicodedata.normalize("NFKC", letter)
    if meant == unicodedata.normalize("NFC", letter):
        return False
    return any(one.isascii() or one.lower() != one.upper() for one in meant)
