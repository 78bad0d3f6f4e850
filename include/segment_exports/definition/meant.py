"""What a wrong value was meant for, as the end of a sentence; empty where nobody can tell.

A value is not repeated: only what it should have been is told, where that is a time, a zone, a number's form.
"""

from __future__ import annotations

import difflib
import itertools
import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Iterable

_TIME = re.compile(
    r"(?P<hour>\d{1,2})([:.hH]?(?P<minute>\d{2})([:.]?\d{2})?)? ?(?P<half>[AaPp])?\.?([Mm]\.?)?[hHzZ]?"
    r"( ?Uhr)?"
)
_ZONES_OF_OTHERS = {
    # Abbreviations, which IANA has no zone of that keeps summer time.
    "aedt": "Australia/Sydney",
    "aest": "Australia/Sydney",
    "brt": "America/Sao_Paulo",
    "bst": "Europe/London",
    "cdt": "America/Chicago",
    "cest": "Europe/Berlin",
    "edt": "America/New_York",
    "ist": "Asia/Kolkata",
    "jst": "Asia/Tokyo",
    "mdt": "America/Denver",
    "mesz": "Europe/Berlin",
    "mez": "Europe/Berlin",
    "pdt": "America/Los_Angeles",
    "pst": "America/Los_Angeles",
    # Windows' names, which Microsoft's own pages show.
    "aus eastern standard time": "Australia/Sydney",
    "central europe standard time": "Europe/Budapest",
    "central european standard time": "Europe/Warsaw",
    "central standard time": "America/Chicago",
    "china standard time": "Asia/Shanghai",
    "e. south america standard time": "America/Sao_Paulo",
    "eastern standard time": "America/New_York",
    "fle standard time": "Europe/Kyiv",
    "gmt standard time": "Europe/London",
    "gtb standard time": "Europe/Bucharest",
    "india standard time": "Asia/Kolkata",
    "mountain standard time": "America/Denver",
    "new zealand standard time": "Pacific/Auckland",
    "pacific standard time": "America/Los_Angeles",
    "romance standard time": "Europe/Paris",
    "singapore standard time": "Asia/Singapore",
    "tokyo standard time": "Asia/Tokyo",
    "w. europe standard time": "Europe/Berlin",
}
_BEGINNING = 2
"""Letters of a name, at least, that tells a longer one: ``tu`` for ``tue``, ``mon`` in ``monday``."""
_YES, _NO = {"yes", "y", "on", "true", "1"}, {"no", "n", "off", "false", "0"}


def near(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean X?" if a known name is close, else nothing."""
    found = meant_key(name, known)
    return f" Did you mean {found}?" if found else ""


def meant_key(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is closest to another, or that begins like it; None where none does."""
    if len(name) > bounds.NAME_CHARACTERS:
        return None
    some = itertools.islice((one for one in known if len(one) <= bounds.NAME_CHARACTERS), bounds.NEAR_NAMES)
    by_lower = {one.lower(): one for one in some}
    lower = name.lower()
    if found := difflib.get_close_matches(lower, by_lower, n=1, cutoff=0.7):
        return by_lower[found[0]]
    if len(lower) < _BEGINNING:
        return None
    beginning = [
        one for one in by_lower if len(one) >= _BEGINNING and (one.startswith(lower) or lower.startswith(one))
    ]
    return by_lower[beginning[0]] if len(beginning) == 1 else None


def time_meant(value: object) -> str:
    """Return the time of day that a text or number seems to mean: `` Did you mean "05:00"?``."""
    text = " ".join(str(value).split())
    if isinstance(value, int) and value >= 100:
        text = f"{value:04d}"
    elif isinstance(value, float):
        text = f"{value:.2f}"
    found = _TIME.fullmatch(text) if len(text) <= bounds.IDENTIFIER_CHARACTERS else None
    if found is None:
        return ""
    hour, minute, half = int(found["hour"]), int(found["minute"] or 0), (found["half"] or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return f' Did you mean "{hour % 24:02d}:{minute:02d}"?' if hour <= 24 and minute < 60 else ""


def zone_meant(text: str) -> str:
    """Return the time zone that a text seems to mean: `` Did you mean Europe/Berlin?``."""
    plain = _plain(text)
    if plain in (zones := _zones()):
        return f" Did you mean {zones[plain]}?"
    return near(text, sorted(available_timezones()))


def kind_meant(wanted: str, value: Any) -> str:
    """Return what to do about a value of another kind than is wanted: ``; write true``."""
    if wanted == "a list":
        return _list_meant(value)
    if isinstance(value, list | tuple):
        return (
            "; take the hyphens (-) or brackets away"
            if wanted == "a mapping of keys"
            else "; write one value, without hyphen and brackets"
        )
    if wanted == "a mapping of keys":
        return "; write its keys below it, indented by two blanks, with a blank after each colon"
    if wanted == "text" and isinstance(value, bool | int | float):
        return "; put it in quotes"
    if not isinstance(value, str):
        return ""
    if wanted == "true or false":
        meant = "true" if value.lower() in _YES else "false" if value.lower() in _NO else ""
        return f"; write {meant}, without quotes" if meant else ""
    return _number_meant(wanted, value) if wanted in ("a number", "a whole number") else ""


def share_meant(value: Any, most: Any) -> str:
    """Return the share that a percentage stands for: ``; 5 % is 0.05``."""
    is_percentage = most == 1 and isinstance(value, int | float) and 1 < value <= 100
    return f"; {value:g} % is {value / 100:g}" if is_percentage else ""


def _list_meant(value: Any) -> str:
    if isinstance(value, str) and value.startswith(("-", "\u2013", "\u2014", "*", "\u2022")):
        return "; begin each item with a hyphen and a blank: - item"
    if isinstance(value, dict) or value is None:
        return "; write each item on a line of its own below it, after a hyphen and a blank (- item)"
    return "; put it in square brackets, with a comma between two values: [one, two]"


def _number_meant(wanted: str, value: str) -> str:
    digits = value.strip().rstrip("%").strip()
    if value.strip().endswith("%") and re.fullmatch(r"\d{1,3}([.,]\d+)?", digits):
        return (
            f"; write {float(digits.replace(',', '.')) / 100:g}"
            if wanted == "a number"
            else "; leave the % away"
        )
    if re.fullmatch(r"[-+]?\d+(\.\d+)?", value):
        return "; take the quotes away"
    if re.fullmatch(r"\d+,\d+", value) and wanted == "a number":
        return "; write a point before the decimals, as 0.05"
    return "; write digits alone, as 100000" if re.fullmatch(r"\d+([.,_' \u00a0]\d+)*", value) else ""


@cache
def _zones() -> dict[str, str]:
    """Return zones by what people call them: the city alone, in whatever case."""
    zones = sorted(available_timezones(), key=lambda zone: (zone.count("/"), zone))
    cities = {_plain(zone.rpartition("/")[2]): zone for zone in reversed(zones) if "/" in zone}
    return cities | {_plain(zone): zone for zone in zones} | _ZONES_OF_OTHERS


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text[: bounds.NAME_CHARACTERS])
    return " ".join(
        "".join(one for one in letters if not unicodedata.combining(one)).lower().replace("_", " ").split()
    )
