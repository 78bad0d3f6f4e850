"""Who a filter of a listing names.

The operators are some of the vendor's page (no comparison of dates, nor of sets and lists of texts), and
``$u4s::is`` of a recorded audience.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from segment_emulators.ortto.config import Case
from segment_emulators.ortto.fields import EMAIL, PERMISSION, SMS_PERMISSION, TAGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Test = Callable[[Mapping[str, Any], Iterable[int]], bool]
    """Tells of a person's fields and tags whether they are meant."""

_DEEPEST = 8
_MOST_CONDITIONS = 50


class FilterError(Exception):
    """A filter that can't be read. The text is the emulator's but for *Unknown operation*."""


class Fields(Protocol):
    """Knows which fields there are."""

    def find(self, field_id: str) -> Any:
        """Return a field; None if there is none."""


def test_of(given: Any, fields: Fields, email_case: Case) -> Test:
    """Return what a filter asks of a person.

    :raises FilterError: unknown operation or field, or too many conditions.
    """
    return _Reading(fields, email_case).read(given, 0)


class _Reading:
    def __init__(self, fields: Fields, email_case: Case) -> None:
        self._fields, self._email_case = fields, email_case
        self._conditions = 0

    def read(self, given: Any, depth: int) -> Test:
        if not isinstance(given, dict) or len(given) != 1 or depth > _DEEPEST:
            raise FilterError("a filter is an object with one operation")
        ((name, argument),) = given.items()
        if name in {"$and", "$or", "$andgroup", "$orgroup"}:
            return self._joined(name, argument, depth)
        self._conditions += 1
        if self._conditions > _MOST_CONDITIONS:
            raise FilterError(f"more than {_MOST_CONDITIONS} conditions")
        return self._condition(name, argument)

    def _joined(self, name: str, argument: Any, depth: int) -> Test:
        if not isinstance(argument, list) or not argument:
            raise FilterError(f"{name} takes an array")
        parts = [self.read(one, depth + 1) for one in argument]
        join = all if name.startswith("$and") else any
        return lambda fields, tags: join(part(fields, tags) for part in parts)

    def _condition(self, name: str, argument: Any) -> Test:
        if name in {"$is_opted_in", "$is_opted_out"}:
            key = SMS_PERMISSION if "sms" in str(argument).lower() else PERMISSION
            return lambda fields, _: (fields.get(key) is True) is (name == "$is_opted_in")
        if not isinstance(argument, dict) or self._fields.find(str(argument.get("field_id"))) is None:
            raise FilterError(f"{name} needs the field_id of a field")
        field_id, value = argument["field_id"], argument.get("value")
        if name == "$u4s::is":
            return lambda _, tags: value in tags
        if name in {"$has_any_value", "$has_no_value"}:
            is_any = name == "$has_any_value"
            return lambda fields, tags: (bool(tags) if field_id == TAGS else field_id in fields) is is_any
        if name == "$bol::is":
            return lambda fields, _: (fields.get(field_id) is True) is (value is True)
        if name.startswith(("$str::", "$geo::")):
            return self._text(name, field_id, str(value))
        if name.startswith("$int::"):
            return _compared(name, field_id, argument)
        raise _unknown(name)

    def _text(self, name: str, field_id: str, value: str) -> Test:
        """Compare a text, or the name of a place."""
        operation, is_meant = _NEGATED.get(name, (name, True))
        found = _TEXT_TESTS.get(operation)
        if found is None:
            raise _unknown(name)
        folds = field_id != EMAIL or self._email_case is Case.FOLDED

        def test(fields: Mapping[str, Any], _: Iterable[int]) -> bool:
            there = fields.get(field_id)
            there = there.get("name") if isinstance(there, dict) else there
            if not isinstance(there, str):
                return not is_meant
            same = found(there.lower(), value.lower()) if folds else found(there, value)
            return same is is_meant

        return test


_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "$str::is": str.__eq__,
    "$geo::is": str.__eq__,
    "$str::contains": str.__contains__,
    "$str::starts": str.startswith,
    "$str::ends": str.endswith,
}
_NEGATED = {
    "$str::is_not": ("$str::is", False),
    "$geo::is_not": ("$geo::is", False),
    "$str::does_not_contains": ("$str::contains", False),
}


def _unknown(name: str) -> FilterError:
    return FilterError(f"Unknown operation {name} (Invalid value)")


def _compared(name: str, field_id: str, argument: Mapping[str, Any]) -> Test:
    value = argument.get("value")
    tests: dict[str, Callable[[Any], bool]] = {
        "is": lambda there: bool(there == value),
        "is_not": lambda there: bool(there != value),
        "greater_than": lambda there: bool(there > value),
        "less_than": lambda there: bool(there < value),
        "between": lambda there: bool(argument.get("from") <= there <= argument.get("to")),
    }
    test = tests.get(name.partition("::")[2])
    if test is None:
        raise _unknown(name)

    def told(fields: Mapping[str, Any], _: Iterable[int]) -> bool:
        there = fields.get(field_id)
        try:
            return there is not None and test(there)
        except TypeError:
            return False

    return told
