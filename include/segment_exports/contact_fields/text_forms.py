"""How a source may write dates and numbers where it doesn't write ISO 8601 and a decimal point.

A date's form is written as .NET and Excel write it (``M/d/yyyy h:mm:ss tt``), a number's as the number one
thousand two hundred and thirty-four and a half is written (``1.234,5``). Both become regular expressions of
RE2, for Arrow; those of dates have named groups.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DATE_PARTS = ("year", "month", "day", "hour", "minute", "second", "fraction", "half")
_TOKENS = {
    "yyyy": r"(?P<year>[0-9]{4})",
    "MM": r"(?P<month>0?[1-9]|1[0-2])",
    "dd": r"(?P<day>0?[1-9]|[12][0-9]|3[01])",
    "HH": r"(?P<hour>[0-9]{1,2})",
    "hh": r"(?P<hour>[0-9]{1,2})",
    "mm": r"(?P<minute>[0-9]{1,2})",
    "ss": r"(?P<second>[0-9]{1,2})",
    "f": r"(?P<fraction>[0-9]{1,9})",
    "tt": r"(?P<half>[AaPp])\.?[Mm]\.?",
}
_SHORT = {"M": "MM", "d": "dd", "H": "HH", "h": "hh", "m": "mm", "s": "ss", "t": "tt"}
_PIECES = re.compile(r"yyyy|MM?|dd?|HH?|hh?|mm?|ss?|f+|tt?|'[^']*'|[^A-Za-z']|.", re.DOTALL)
_COUNTRY_CODE = re.compile(r"\+[1-9][0-9]{0,2}")
_BLANK = r"[\s\x{a0}\x{202f}]+"
_NUMBER = re.compile(r"1(?P<group>[.,' ]?)234(?P<decimal>[.,])[0-9]+")
_GROUPS = {"": "", " ": r"[ \x{a0}\x{202f}]", "'": r"['\x{2019}]"}


@dataclass(frozen=True)
class DateForm:
    """A form of dates; ``regex`` has the groups :data:`DATE_PARTS`."""

    regex: str

    @classmethod
    def of(cls, pattern: str) -> DateForm:
        """Read a form such as ``dd.MM.yyyy HH:mm``.

        :raises ValueError: it is none; the text continues the name of its key.
        """
        used: list[str] = []
        regex = ""
        for piece in _PIECES.findall(pattern.strip()):
            token = "f" if piece[0] == "f" else _SHORT.get(piece, piece)
            if token in _TOKENS:
                used.append(token)
                regex += _TOKENS[token]
            elif piece[0].isalpha():
                raise ValueError(
                    f"has {piece!r}, which is no part of a date; parts are yyyy, M, d, H or h, m, s, fff and "
                    f"tt, and plain text stands in single quotes"
                )
            else:
                regex += _BLANK if piece.isspace() else re.escape(piece.strip("'"))
        if len(set(used)) < len(used) or not {"yyyy", "MM", "dd"} <= set(used):
            raise ValueError("must have year, month and day once each, as in M/d/yyyy h:mm:ss tt")
        if ("hh" in used) != ("tt" in used) or {"hh", "HH"} <= set(used):
            raise ValueError("must have h with tt, or H without it")
        return cls(_with_every_part(regex))

    @classmethod
    def in_order(cls, order: tuple[str, str, str]) -> DateForm:
        """Return the form of dates with year, month and day in an order, with or without a time of day.

        The three stand between slashes, points, hyphens or blanks. Nobody writes points behind a month that
        comes first: such dates have the day there, whatever the order is said to be.
        """
        parts = {"year": _TOKENS["yyyy"], "month": _TOKENS["MM"], "day": _TOKENS["dd"]}
        between = r"[/ -]\s?" if order[0] == "month" else r"[/. -]\s?"
        date = between.join(parts[one] for one in order)
        second = rf"(?::{_TOKENS['ss']}(?:[.,]{_TOKENS['f']})?)?"
        half = rf"(?:{_BLANK}?{_TOKENS['tt']})?".replace("+?", "*")
        return cls(rf"\A{date}\.?(?:,?{_BLANK}{_TOKENS['HH']}:{_TOKENS['mm']}{second}{half})?\z")


@dataclass(frozen=True)
class NumberForm:
    """A form of numbers: the decimal mark, and the mark between groups of three digits (or none)."""

    decimal: str
    group: str

    @classmethod
    def of(cls, sample: str) -> NumberForm:
        """Read a form such as ``1.234,56``.

        :raises ValueError: it is none; the text continues the name of its key.
        """
        found = _NUMBER.fullmatch(sample.strip())
        if not found or found["group"] == found["decimal"]:
            raise ValueError(
                "must be the number 1234.56 as the source writes it: 1.234,56 or 1234,56 or 1,234.56"
            )
        return cls(found["decimal"], found["group"])

    @property
    def regex(self) -> str:
        """What such a number looks like, with or without groups."""
        group = _GROUPS.get(self.group, re.escape(self.group))
        whole = rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]+" if group else "[0-9]+"
        return (
            rf"\A[+-]?(?:(?:{whole})(?:{re.escape(self.decimal)}[0-9]*)?|{re.escape(self.decimal)}[0-9]+)\z"
        )

    @property
    def group_regex(self) -> str:
        """The mark between groups, to be taken away; empty for none."""
        return _GROUPS.get(self.group, re.escape(self.group))


def checked_country_code(code: str) -> str:
    """Return the country code of phone numbers, as ``+61``.

    :raises ValueError: it is none; the text continues the name of its key.
    """
    if not _COUNTRY_CODE.fullmatch(code):
        raise ValueError("must be a country code such as +61")
    return code


def _with_every_part(regex: str) -> str:
    """Add empty groups for the parts that a form doesn't have: Arrow wants to know all of them."""
    lacking = "".join(f"(?P<{part}>)" for part in DATE_PARTS if f"<{part}>" not in regex)
    return rf"\A{regex}{lacking}\z"
