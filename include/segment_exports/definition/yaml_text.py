"""YAML as plain values: no tags, no anchors, no duplicate keys, and the line of every key.

Values are built from the parser's events, so that nothing in the file can make an object. Plain
scalars follow YAML 1.2 (as editors do): ``Yes``, ``NO`` and ``17:00`` are text, not a boolean or a
number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from segment_exports.definition.yaml_causes import cause_of, odd_text
from segment_exports.definition.yaml_lines import Lines
from segment_exports.settings import bounds
from segment_exports.sieve.net import name_told

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_COMMENT_ALONE = re.compile(r"[:-][ \t]+#")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?[0-9]{0,18}\.[0-9]{1,18}([eE][-+]?[0-9]{1,2})?")

KeyPath = tuple[str | int, ...]


class YamlTextError(ValueError):
    """The text isn't YAML as it is allowed here; ``line`` counts from 1."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


@dataclass
class YamlText:
    """A document as plain values, and the line (from 1) on which each key or item begins."""

    value: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    commented: set[KeyPath] = field(default_factory=set)
    """Where nothing stands but a comment."""

    def line_of(self, path: KeyPath) -> int | None:
        """Return the line of the path, or of what holds it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


def read_yaml(text: str) -> YamlText:
    """Return the one document of a text.

    :raises YamlTextError: broken YAML, a tag, an anchor or alias, a key that stands twice, nesting
        deeper than 20, more than one document.
    """
    if len(text) > bounds.DEFINITION_CHARACTERS:
        raise YamlTextError(
            f"the file has {len(text):,} characters; at most {bounds.DEFINITION_CHARACTERS:,} are allowed"
        )
    document = YamlText()
    try:
        reader = _Reader(yaml.parse(text, Loader=_LOADER), document, Lines(text))
        reader.read()
    except yaml.YAMLError as error:
        raise YamlTextError(*cause_of(text, error)) from None
    return document


def written(value: Any) -> str:
    """Return a value as YAML writes it on one line: texts are quoted where they could be taken for else.

    :func:`read_yaml` gives back the same, whatever is in it; nothing in it ends the line, or a comment.
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(key)}: {written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(written, value)) + "]"
    if not isinstance(value, str):
        return "null" if value is None else str(value).lower()
    plain = _PLAIN.fullmatch(value) and value not in _NULL | _BOOLEAN.keys()
    return value if plain else '"' + "".join(map(_in_quotes, value)) + '"'


def _in_quotes(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"


class _Reader:
    def __init__(self, events: Iterator[yaml.Event], document: YamlText, lines: Lines) -> None:
        self._events = events
        self._lines = lines
        self._document = document

    def read(self) -> None:
        next(self._events)
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return
        self._document.value = self._value(next(self._events), ())
        next(self._events)
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise YamlTextError(
                "holds more than one document (---); one is allowed, so take the line away", _line(event)
            )

    def _value(self, event: yaml.Event, path: KeyPath) -> Any:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:  # type: ignore[attr-defined]
            raise YamlTextError(
                "uses an anchor or alias (& or *); write the value out, or in quotes if it begins so",
                _line(event),
            )
        if event.tag is not None:  # type: ignore[attr-defined]
            raise YamlTextError(
                "uses a YAML tag (!); only plain values are allowed, in quotes if they begin so", _line(event)
            )
        if len(path) > bounds.DEFINITION_NESTING:
            raise YamlTextError(f"is nested deeper than {bounds.DEFINITION_NESTING} levels", _line(event))
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        value = _scalar(event)
        if value is None and path and _COMMENT_ALONE.search(self._lines[self._document.lines[path] - 1]):
            self._document.commented.add(path)
        return value

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key_value = self._value(event, path)
            if not isinstance(event, yaml.ScalarEvent) or key_value is None:
                raise YamlTextError(
                    "has a key that isn't text; put a value that begins with { or [ in quotes", _line(event)
                )
            key = str(event.value)
            if key in values:
                first = self._document.lines[*path, key]
                raise YamlTextError(
                    f"has the key {name_told(key)} twice, first in line {first}; take one away", _line(event)
                )
            _refuse_odd(event, is_key=True)
            self._document.lines[*path, key] = _line(event)
            values[key] = self._value(next(self._events), (*path, key))
        return values

    def _sequence(self, path: KeyPath) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            place = (*path, len(values))
            self._document.lines[place] = _line(event)
            values.append(self._value(event, place))
        return values


def _refuse_odd(event: yaml.ScalarEvent, *, is_key: bool = False) -> None:
    """Refuse an unquoted text that is YAML, and not what anybody means."""
    if not event.implicit[0]:
        return
    if why := odd_text(str(event.value), is_key=is_key):
        raise YamlTextError(why, _line(event))
    goes_on = event.start_mark and event.end_mark and event.start_mark.line != event.end_mark.line
    if goes_on and re.search(r"\A-| -( |\Z)", str(event.value)):
        raise YamlTextError(
            "begins a text that goes on in the next line; let each item of a list begin in the same column, "
            "with a hyphen and a blank (- item)",
            _line(event),
        )


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _scalar(event: yaml.Event) -> Any:
    if not isinstance(event, yaml.ScalarEvent):
        raise YamlTextError("can't be read as YAML", _line(event))
    text = str(event.value)
    if not event.implicit[0]:
        return text
    _refuse_odd(event)
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text
