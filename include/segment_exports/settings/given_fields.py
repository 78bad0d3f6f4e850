"""Values that people give outside the definitions, read strictly: what isn't understood stops.

A connection's JSON is written by hand, by a form, by a secrets backend or as a URI, whose values are all
text. So a switch may be text too; but never is one that can't be read taken for on, or for off.
"""

from __future__ import annotations

import json
import math
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from segment_exports.settings.connection_fields import label

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from segment_exports.errors import SegmentExportError
    from segment_exports.settings.connection_fields import Naming

_SWITCH: dict[str, bool] = dict.fromkeys(("true", "yes", "1", "on"), True) | dict.fromkeys(
    ("false", "no", "0", "off"), False
)
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
_AS_CLOSE_AS_A_SLIP = 0.6

N = TypeVar("N", float, None)


class GivenFields:
    """Fields of one thing that is set outside the definitions, such as a connection's ``extra``.

    A field that may be left out may be null or blank too, but for a switch. No value is told in a message.

    :param given: the fields as they were given.
    :param known: the names that there are; another one is refused, since a mistyped switch would not switch.
    :param where: what they are fields of, for messages: "connection autopilot_default".
    :param refusal: error to raise.
    :param named: what a message calls a field.
    """

    def __init__(
        self,
        given: Mapping[str, object],
        known: Collection[str],
        where: str,
        refusal: type[SegmentExportError],
        named: Naming = label,
    ) -> None:
        """Take the fields.

        :raises SegmentExportError: (``refusal``) a name isn't known.
        """
        self.given, self._where, self._refusal, self._named = given, where, refusal, named
        if unknown := [name for name in given if name not in known]:
            told = " ".join(f"{shown(name)} isn't known.{_near(name, known)}" for name in unknown)
            raise refusal(f"the extra of {where}: {told} It may hold {', '.join(sorted(known))}")

    def switch(self, name: str, *, default: bool) -> bool:
        """Return a switch; the default only where it isn't given at all.

        :raises SegmentExportError: (``refusal``) it is neither on nor off.
        """
        value = self.given.get(name, default)
        if isinstance(value, bool):
            return value
        known = str(value).strip().lower() if isinstance(value, str | int) else ""
        if known not in _SWITCH:
            raise self._refusal(
                f"{self._field(name)} is {form_of(value)}; it must be true or false (yes, on, 1 and no, off, "
                f"0 are taken too)"
            )
        return _SWITCH[known]

    def number(self, name: str, default: N, *, least: float, most: float) -> float | N:
        """Return a number within bounds; the default where there is none.

        :raises SegmentExportError: (``refusal``) it is none, or not within them.
        """
        value = self.given.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            return default
        number = math.nan
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            number = float(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value) if abs(value) <= most else math.inf
        if not least <= number <= most:
            raise self._refusal(
                f"{self._field(name)} must be a number of at least {least:g} and at most {most:,.0f}"
            )
        return number

    def choice(self, name: str, choices: Collection[str]) -> str:
        """Return one of some words, in any case; empty where there is none.

        :raises SegmentExportError: (``refusal``) it is another.
        """
        chosen = self.text(name).lower()
        if chosen and chosen not in choices:
            raise self._refusal(
                f"{self._field(name)} must be one of {', '.join(choices)}.{_near(chosen, choices)}"
            )
        return chosen

    def text(self, name: str) -> str:
        """Return a text without white space around it; empty where there is none.

        :raises SegmentExportError: (``refusal``) it is something else than text.
        """
        value = self.given.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._refusal(f"{self._field(name)} is {form_of(value)}; it must be text")
        return value.strip()

    def _field(self, name: str) -> str:
        return f"{self._named(name)} of {self._where}"


def fields_of_json(text: str | None) -> dict[str, Any]:
    """Return the fields of a JSON object; none of an empty text.

    :raises ValueError: it is no JSON object, or a name stands twice in it: the last would count unseen.
    """
    if not (text or "").strip():
        return {}
    value = json.loads(text or "", object_pairs_hook=_each_once)
    if not isinstance(value, dict):
        raise ValueError("no object")  # noqa: TRY004 - like all else that is no JSON object
    return value


def form_of(value: object) -> str:
    """Say what form a value has, and nothing of what it holds."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"text of {len(value)} characters" if value.strip() else "blank"
    if isinstance(value, bool):
        return "true or false"
    return "a number" if isinstance(value, int | float) else "a list or an object"


def shown(name: str) -> str:
    """Return the name of a field for a message: no longer than a name, and without what a terminal obeys."""
    return "".join(one if one.isprintable() else "?" for one in name[:40])


def _near(name: str, known: Collection[str]) -> str:
    lowered = {one.lower(): one for one in known}
    meant = get_close_matches(name.strip().lower(), lowered, 1, _AS_CLOSE_AS_A_SLIP)
    return "".join(f" Did you mean {lowered[one]}?" for one in meant)


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found
