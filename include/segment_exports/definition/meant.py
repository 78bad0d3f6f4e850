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
    r"( ?Uhr)?(?P<zone> [A-Za-z][A-Za-z/_]*)?"
)
_TIMES = {"midday": "12:00", "midnight": "00:00", "mittag": "12:00", "mitternacht": "00:00", "noon": "12:00"}
_OFFSET = re.compile(r"\(?(UTC|GMT)? ?[-+\u2212]? ?\d{1,2}(:?\d{2})?\)?", re.IGNORECASE)
_ALIKE = 0.75
"""How much of the letters of a city must be right, of 1: below it, others than the one meant are near too."""
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_NAMES = (
    "mon monday mo montag lun lundi lunes lunedi maandag segunda segunda-feira",
    "tue tues tuesday di dienstag mar mardi martes martedi dinsdag terca terca-feira",
    "wed weds wednesday mi mittwoch mer mercredi mie miercoles mercoledi woensdag quarta quarta-feira",
    "thu thur thurs thursday do donnerstag jeu jeudi jue jueves gio giovedi donderdag quinta quinta-feira",
    "fri friday fr freitag ven vendredi vie viernes venerdi vrijdag sexta sexta-feira",
    "sat saturday sa samstag sonnabend sam samedi sab sabado sabato zaterdag",
    "sun sunday so sonntag dim dimanche dom domingo domenica zondag",
)
_DAYS = {name: _WEEK[number] for number, names in enumerate(_DAY_NAMES) for name in names.split()}
_LONG_NAMES = [name for name in _DAYS if name.endswith(("day", "tag"))]
_ENDS = 2
_SOME_DAYS = {
    **dict.fromkeys(("all", "daily", "every day", "everyday", "taglich", "*"), _WEEK),
    **dict.fromkeys(("weekdays", "workdays", "business days", "werktags"), _WEEK[:5]),
    **dict.fromkeys(("weekend", "weekends"), _WEEK[5:]),
}
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
    if text.lower() in _TIMES:
        return f' Did you mean "{_TIMES[text.lower()]}"?'
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
    zone = ", and its zone for timezone" if found["zone"] else ""
    return f' Did you mean "{hour % 24:02d}:{minute:02d}"{zone}?' if hour <= 24 and minute < 60 else ""


def days_meant(text: str) -> tuple[str, ...]:
    """Return the days of the week that a text means, in whatever language: ``mon-fri``, ``lundi``."""
    plain = _plain(text)
    if plain in _SOME_DAYS:
        return _SOME_DAYS[plain]
    days = list[str]()
    for part in re.split(r" ?[,;/&+|] ?| and | und | et | y ", plain.rstrip(".")):
        ends = [part] if part in _DAYS else re.split(r" ?(?:\.\.+|[-\u2013\u2014]| to | bis | a ) ?", part)
        named = [_DAYS.get(end) or _DAYS.get(meant_key(end, _LONG_NAMES) or "") for end in ends[:3]]
        if len(named) > _ENDS or None in named:
            return ()
        begin, end = (_WEEK.index(str(one)) for one in (named[0], named[-1]))
        days += (_WEEK * 2)[begin : begin + (end - begin) % 7 + 1]
    return tuple(dict.fromkeys(days))


def zone_meant(text: str) -> str:
    """Return the time zone that a text seems to mean: `` Did you mean Europe/Berlin?``."""
    if _OFFSET.fullmatch(text.strip()):
        return " An offset knows no summer time: write the zone of a city"
    plain, zones = _plain(text), _zones()
    parts = [plain, *(part.strip() for part in re.split(r"[/,()]", plain))]
    found = next((zones[part] for part in parts if part in zones and len(part) > _BEGINNING), None)
    if found is None:
        alike = difflib.get_close_matches(parts[-1], zones, n=1, cutoff=_ALIKE)
        found = zones[alike[0]] if alike and len(parts[-1]) > _BEGINNING + 1 else None
    return f" Did you mean {found}?" if found else ""


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
    if wanted == "text" and isinstance(value, dict):
        return "; put it in quotes if a colon or { belongs to it"
    if wanted == "a whole number" and isinstance(value, float):
        return "; write digits alone, as 100000"
    if wanted == "true or false" and not isinstance(value, bool) and value in (0, 1):
        return f"; write {'true' if value else 'false'}"
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
    text, is_whole = " ".join(value.split()).lower(), wanted == "a whole number"
    if share := re.fullmatch(r"([0-9]{1,3}|[0-9]{0,3}[.,][0-9]+) ?(%|percent|per cent|pct|prozent)", text):
        hundredth = float(share[1].replace(",", ".")) / 100
        if is_whole:
            return "; leave the % away"
        return f"; write {hundredth:g}" if hundredth <= 1 else ""
    if re.fullmatch(r"[-+]?(0|[1-9][0-9]{0,17})" + r"(\.[0-9]+)?" * (not is_whole), text):
        return "; take the quotes away"
    if re.fullmatch(r"[0-9]+,[0-9]+", text) and not is_whole:
        return "; write a point before the decimals, as 0.05"
    if is_whole and re.fullmatch(r"[1-9]\d*([.,_' ]\d+)+", text):
        return "; write digits alone, as 100000"
    if re.fullmatch(r"0\d+", text):
        return "; take the zeros before it away"
    if not re.search(r"\d", text):
        return ""
    return "; write digits alone, without a unit" if re.search("[a-z]", text) else "; write digits alone"


@cache
def _zones() -> dict[str, str]:
    """Return zones by what people call them: the city alone, in whatever case."""
    # What else lies in the system's folder of zones is none of the IANA, and not on every machine.
    known = available_timezones() - {"localtime", "posixrules", "Factory"}
    zones = sorted(known, key=lambda zone: (zone.count("/"), zone))
    cities = {_plain(zone.rpartition("/")[2]): zone for zone in reversed(zones) if "/" in zone}
    return cities | {_plain(zone): zone for zone in zones} | _ZONES_OF_OTHERS


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text[: bounds.NAME_CHARACTERS])
    return " ".join(
        "".join(one for one in letters if not unicodedata.combining(one)).lower().replace("_", " ").split()
    )
