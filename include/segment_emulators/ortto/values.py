"""Whether a value can be stored in a field, and as what.

Forms and limits are the vendor's; the words of a refusal are the emulator's own where none was recorded.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import orjson

from segment_emulators.account_api.addresses import is_bad_address
from segment_emulators.ortto.config import Case, EmptyText, LongText, Switches, UnknownOption
from segment_emulators.ortto.fields import EMAIL

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_emulators.ortto.fields import Field

LONGEST_TEXT, LONGEST_LARGE_TEXT, LONGEST_OBJECT = 255, 4000, 15_000
_TEXTS = {
    "text": LONGEST_TEXT, "email": LONGEST_TEXT, "link": LONGEST_TEXT, "url": LONGEST_TEXT,
    "single_select": LONGEST_TEXT, "large_text": LONGEST_LARGE_TEXT,
}  # fmt: skip
"""Types of texts, and the most characters of each."""
_DIGITS = re.compile(r"[0-9]{2,15}")
_COUNTRY_CODES = ("1", "7", "27", "30", "31", "33", "34", "39", "44", "49", "55", "61", "64", "81", "351")
_PLACES = {"melbourne": (7839805, -37_813_628, 144_963_058), "brazil": (76, -14_235_004, -51_925_280)}
"""Places that are recognised: id, latitude and longitude in millionths of a degree."""


class BadPersonError(Exception):
    """A person can't be stored. The text is the item's ``error``."""


class Unset:
    """The value that clears a field."""


UNSET = Unset()


def stored(found: Field, value: Any, switches: Switches) -> Any:
    """Return what a field stores for a value that was sent; :data:`UNSET` where that clears it.

    :raises BadPersonError: it can't be stored.
    """
    if value is None:
        return UNSET
    if found.field_id == EMAIL:
        return _email(value, switches)
    if found.display_type in _TEXTS:
        text = _text(found, value, switches)
        return _option(found, text, switches) if found.display_type == "single_select" else text
    if found.display_type == "multi_select":
        return _options(found, value, switches)
    return _FORMS.get(found.display_type, _object)(found, value)


def same_address(one: str, other: str, switches: Switches) -> bool:
    """Tell whether two addresses are one."""
    return one == other if switches.email_case is Case.EXACT else one.lower() == other.lower()


def _wrong(found: Field, value: Any) -> BadPersonError:
    kind = type(value).__name__
    told = f"failed to validate field {found.field_id}: {kind} is not a valid {found.display_type}"
    return BadPersonError(told)


def _email(value: Any, switches: Switches) -> str:
    if is_bad_address(switches, value) or len(value.strip()) > LONGEST_TEXT:
        raise BadPersonError("Email is invalid")
    address: str = value.strip()
    return address


def _text(found: Field, value: Any, switches: Switches) -> Any:
    longest = _TEXTS[found.display_type]
    if not isinstance(value, str):
        raise _wrong(found, value)
    if not value and switches.empty_text is EmptyText.CLEARS:
        return UNSET
    if len(value) > longest:
        if switches.long_text is LongText.REFUSED:
            raise BadPersonError(f"failed to validate field {found.field_id}: longer than {longest}")
        if switches.long_text is LongText.CUT:
            return value[:longest]
    return value


def _option(found: Field, value: Any, switches: Switches) -> Any:
    known = not found.values or value in found.values or value is UNSET or not value
    if not known and switches.unknown_option is UnknownOption.REFUSED:
        raise BadPersonError(f"failed to validate field {found.field_id}: not one of its values")
    return value


def _options(found: Field, value: Any, switches: Switches) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _wrong(found, value)
    return [_option(found, one, switches) for one in value]


def _integer(found: Field, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise _wrong(found, value)
    return value


def _bool(found: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(found, value)
    return value


def _date(found: Field, value: Any) -> Any:
    parts = ("year", "month", "day")
    if not isinstance(value, dict) or set(value) - {*parts, "timezone"}:
        raise _wrong(found, value)
    if all(value.get(part) is None for part in parts):
        return UNSET
    try:
        date(*(_integer(found, value.get(part)) for part in parts))
    except (ValueError, OverflowError) as error:
        raise _wrong(found, value) from error
    return {key: one for key, one in value.items() if one is not None}


def _time(found: Field, value: Any) -> str:
    try:
        if datetime.fromisoformat(str(value)).tzinfo is None:
            raise _wrong(found, value)
    except ValueError as error:
        raise _wrong(found, value) from error
    return str(value)


def _phone(found: Field, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _wrong(found, value)
    if value.get("parse_with_country_code") is True:
        digits = str(value.get("phone", "")).removeprefix("+")
        if not _DIGITS.fullmatch(digits):
            raise _wrong(found, value)
        code = max((one for one in _COUNTRY_CODES if digits.startswith(one)), key=len, default=digits[:2])
        number = digits.removeprefix(code)
    else:
        code, number = value.get("c"), value.get("n")
        if set(value) != {"c", "n"} or not isinstance(code, str) or not isinstance(number, str):
            raise _wrong(found, value)
    if not re.fullmatch(r"[1-9][0-9]{0,2}", code) or not _DIGITS.fullmatch(number):
        raise _wrong(found, value)
    return {"c": code, "n": number}


def _geo(found: Field, value: Any) -> Any:
    name = value.get("name") if isinstance(value, dict) else value
    if not isinstance(value, dict) or not (name is None or isinstance(name, str)):
        raise _wrong(found, value)
    if name is None:
        return UNSET
    place, latitude, longitude = _PLACES.get(name.strip().lower(), (0, 0, 0))
    return {"name": name, "id": place, "lat": latitude, "lng": longitude}


def _object(found: Field, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or len(orjson.dumps(value)) > LONGEST_OBJECT:
        raise _wrong(found, value)
    return value


_FORMS: dict[str, Callable[[Field, Any], Any]] = {
    "integer": _integer, "decimal": _integer, "currency": _integer, "bool": _bool, "date": _date,
    "time": _time, "phone": _phone, "geo": _geo,
}  # fmt: skip
