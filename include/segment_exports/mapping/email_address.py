"""Judge and normalise email addresses.

The address is the key of a contact, so what two sources write differently must come out alike:
trimmed, folded by :mod:`.address_folding` (small letters where that is one to one, Unicode in its composed
form), the domain as it is shown (``müller.de``, not ``xn--mller-kva.de``). An address whose letters can't be
folded is refused, and never becomes another one; so is one with a character inside that can't be seen, and
one that begins with the mark by which Excel keeps a text a text (``'a@x.com``, ``=a@x.com``) or with a sign
of no script (a bullet, an envelope): all would pass for people of their own. An apostrophe inside stays
(``o'neil@x.com``), and so do other marks of ASCII, with which addresses may begin (``_``, ``+``, ``#``).
Syntax is judged by the ``email-validator`` library without DNS; since it takes some 60 µs an address, plain
ASCII addresses pass by one regular expression that accepts nothing which the library refuses (a property
test holds the two together).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import email_validator
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.mapping.address_folding import (
    ambiguous_letter,
    fold,
    invisible_letter,
    is_sign,
    named,
    trimmed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

MAXIMUM_LENGTH = 254
"""Bytes of an address in UTF-8 (RFC 5321 4.5.3.1.3 with errata 1690 of RFC 3696)."""

_PLAIN_LENGTH = 64
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN = rf"\A[a-z0-9!#$%&*+/?^_`{{|}}~-]{_ATOM[:-1]}*(?:\.{_ATOM})*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]+\z"
"""Lower-case dot-atom at a host name without double hyphens (Punycode goes to the library); at most 64
bytes in all, so that no label of the name is longer than 63."""

_RESERVED = tuple(name for name in email_validator.SPECIAL_USE_DOMAIN_NAMES if name != "test")
_PLAIN_RESERVED = rf"[.@](?:{'|'.join(map(re.escape, _RESERVED))})\z"

_LEFT_BY_EXCEL = ("'", "=")

_BROKEN = "\ufffd"
"""Stands where a reader found no whole character: whose address it was can't be known."""


class EmailRefusal(StrEnum):
    """Why an address is refused. The texts are stable: they stand in reports and ``refused.csv``."""

    MISSING = "missing"
    TOO_LONG = "too_long"
    NO_AT_SIGN = "no_at_sign"
    SEVERAL_AT_SIGNS = "several_at_signs"
    DISPLAY_NAME = "display_name"
    BAD_LOCAL_PART = "bad_local_part"
    BAD_DOMAIN = "bad_domain"
    RESERVED_DOMAIN = "reserved_domain"
    AMBIGUOUS_LETTER = "ambiguous_letter"
    INVISIBLE_CHARACTER = "invisible_character"
    LEADING_MARK = "leading_mark"
    BROKEN_CHARACTER = "broken_character"


@dataclass(frozen=True)
class JudgedEmails:
    """Two string columns, one row per value judged: exactly one of the two is null.

    A refusal is the text of an :class:`EmailRefusal`. Where one character is the reason, it is named behind:
    ``ambiguous_letter: U+0130 LATIN CAPITAL LETTER I WITH DOT ABOVE``.
    """

    emails: pa.StringArray
    refusals: pa.StringArray


def judge_emails(values: pa.StringArray) -> JudgedEmails:
    """Return the normalised addresses of a column, or why they are refused."""
    lowered = pc.ascii_lower(pc.ascii_trim_whitespace(values.fill_null("")))
    plain = _is_plain(lowered)
    if pc.all(plain).as_py():
        return JudgedEmails(lowered, pa.nulls(len(values), pa.string()))
    others = pc.dictionary_encode(pc.filter(lowered, pc.invert(plain)))
    judged = [judge_email(text) for text in others.dictionary.to_pylist()]
    accepted = _pick(others, (None if isinstance(one, EmailRefusal) else one for one in judged))
    told = zip(judged, others.dictionary.to_pylist(), strict=True)
    refused = _pick(
        others, (_told(one, text) if isinstance(one, EmailRefusal) else None for one, text in told)
    )
    other = pc.invert(plain)
    return JudgedEmails(
        pc.replace_with_mask(lowered, other, accepted),
        pc.replace_with_mask(pa.nulls(len(values), pa.string()), other, refused),
    )


def judge_email(text: str) -> str | EmailRefusal:
    """Return one address normalised, or why it is refused.

    Judging a normalised address gives it again.
    """
    given = trimmed(text)
    address = fold(given)
    if not address:
        return EmailRefusal.MISSING
    if len(address.encode()) > MAXIMUM_LENGTH:
        return EmailRefusal.TOO_LONG
    if "@" not in address:
        return EmailRefusal.NO_AT_SIGN
    if _BROKEN in address:
        return EmailRefusal.BROKEN_CHARACTER
    if invisible_letter(given):
        return EmailRefusal.INVISIBLE_CHARACTER
    normalised = _validated(address)
    if normalised is None:
        return _why_refused(address)
    # A domain in Punycode shows its letters only now.
    if ambiguous_letter(given) or ambiguous_letter(normalised):
        return EmailRefusal.AMBIGUOUS_LETTER
    if normalised.startswith(_LEFT_BY_EXCEL) or is_sign(normalised[0]):
        return EmailRefusal.LEADING_MARK
    return normalised


def same_address(one: str, other: str) -> bool:
    """Tell whether two texts are one address, as far as they are addresses at all.

    Blanks around it, case, the normal form of Unicode and Punycode make no other address.
    """
    judged = judge_email(one)
    return one == other or (not isinstance(judged, EmailRefusal) and judged == judge_email(other))


def mask_email(text: str | None) -> str | None:
    """Return an address as reports may show it: ``j***@e***.com``; None where there is nothing to show."""
    address = trimmed(text or "")
    if not address:
        return None
    local, at, domain = address.rpartition("@")
    if not at:
        return f"{address[0]}***"
    suffix = re.search(r"\.[A-Za-z]{2,10}\Z", domain)
    return f"{local[:1]}***@{domain[:1]}***{suffix.group() if suffix else ''}"


def _is_plain(lowered: pa.StringArray) -> pa.BooleanArray:
    fits = pc.and_(
        pc.match_substring_regex(lowered, _PLAIN), pc.less_equal(pc.binary_length(lowered), _PLAIN_LENGTH)
    )
    return pc.and_not(fits, pc.match_substring_regex(lowered, _PLAIN_RESERVED))


def _pick(encoded: pa.DictionaryArray, answers: Iterable[str | None]) -> pa.StringArray:
    return pa.array(answers, pa.string()).take(encoded.indices)


def _told(refusal: EmailRefusal, text: str) -> str:
    given = trimmed(text)
    match refusal:
        case EmailRefusal.AMBIGUOUS_LETTER:
            letter = ambiguous_letter(given) or ambiguous_letter(_validated(fold(given)) or "")
        case EmailRefusal.INVISIBLE_CHARACTER:
            letter = invisible_letter(given)
        case EmailRefusal.LEADING_MARK:
            letter = given[0]
        case _:
            return refusal.value
    return f"{refusal.value}: {named(letter or '?')}"


def _validated(address: str) -> str | None:
    # ``.test`` passes, so that test systems work; a name without a dot never does.
    try:
        found = email_validator.validate_email(address, check_deliverability=False, test_environment=True)
    except email_validator.EmailNotValidError:
        return None
    return found.normalized if "." in found.domain else None


def _why_refused(address: str) -> EmailRefusal:
    local, _, domain = address.rpartition("@")
    if address.endswith(">") and "<" in address:
        return EmailRefusal.DISPLAY_NAME
    if "@" in local and not local.startswith('"'):
        return EmailRefusal.SEVERAL_AT_SIGNS
    if _validated(f"{local}@example.com") is None:
        return EmailRefusal.BAD_LOCAL_PART
    if domain.endswith(_RESERVED) and _validated(f"{local}@{domain}.com") is not None:
        return EmailRefusal.RESERVED_DOMAIN
    if _validated(f"a@{domain}") is not None:
        return EmailRefusal.TOO_LONG
    return EmailRefusal.BAD_DOMAIN
