"""What is wrong with a definition, in plain sentences: the key, the value's shape and what is allowed.

Values are not repeated, only their shape, since they may be personal or secret.
"""

from __future__ import annotations

import re
import types
import unicodedata
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from segment_exports.definition.meant import kind_meant, meant_key, near, share_meant
from segment_exports.sieve.net import name_told

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sized

    from pydantic_core import ErrorDetails

    from segment_exports.definition.yaml_text import KeyPath

Hint = Callable[[str, Any], str]
_Place = tuple[list[int | str], type[BaseModel] | None]

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "tuple_type": "a list",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def more_than_once(names: Iterable[str]) -> list[str]:
    """Return the names that stand more than once, sorted."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def shape(value: Any) -> str:
    """Describe a value without repeating it."""
    if value is None:
        return "empty"
    if isinstance(value, bool | int | float):
        return f"{value}".lower()
    if isinstance(value, str):
        more = f" with {odd}" if (odd := hidden_in(value) or _foreign_in(value)) else ""
        return f"text of {_count(value, 'character')}{more}" if value else "empty text"
    if isinstance(value, dict):
        return f"a mapping of {_count(value, 'key')}"
    return f"a list of {_count(value, 'item')}" if isinstance(value, list | tuple) else type(value).__name__


def hidden_in(text: str) -> str:
    """Return what of a text nobody sees, as web pages have it; empty where all is seen."""
    found = next((one for one in text if unicodedata.category(one) == "Cf"), None)
    return f"a character that isn't shown (U+{ord(found):04X})" if found else ""


def _foreign_in(text: str) -> str:
    """Return a letter that looks like one of ours and is none; empty where all are of one alphabet."""
    found = next((one for one in text if unicodedata.name(one, "").startswith(("CYRILLIC", "GREEK"))), None)
    is_mixed = found is not None and any(one.isascii() and one.isalpha() for one in text)
    return f"a letter of another alphabet (U+{ord(found):04X})" if found is not None and is_mixed else ""


def _count(value: Sized, one: str) -> str:
    return f"{len(value)} {one}" + ("" if len(value) == 1 else "s")


def place_in_words(place: KeyPath) -> str:
    """Write a place as the messages do: ``segments (item 2).name``."""
    text = ""
    for step in place:
        text += f" (item {step + 1})" if isinstance(step, int) else f"{'.' * bool(text)}{_key_told(step)}"
    return text or "the file"


def _key_told(key: str) -> str:
    """Return a key without the value that belongs to it where the blank after the colon was forgotten."""
    value = re.search("(?<=[^:]:)[^:].*", key)
    return name_told(f"{key[: value.start()]}…" if value else key) if key.strip() else "a key of blanks"


def explained(
    errors: Iterable[ErrorDetails], model: type[BaseModel], hint: Hint = kind_meant
) -> list[tuple[KeyPath, str]]:
    """Return where each of pydantic's errors stands in the file, and what is wrong and allowed there.

    :param hint: tells what to do about a value of another kind than is wanted, as people write YAML.
    """
    told = (error for error in errors if error["type"] != "default_factory_not_called")
    problems = [(*_place(error, model), error) for error in told]
    deeper = {place[:length] for place, _, _ in problems for length in range(len(place))}
    misspelt = {
        (*place[:-1], meant_key(str(place[-1]), parent.model_fields))
        for place, parent, error in problems
        if error["type"] == "extra_forbidden" and parent is not None
    }
    for place, parent, error in problems:
        if error["type"] == "extra_forbidden":
            misspelt.add((str(place[-1]),))
        if error["type"] == "extra_forbidden" and parent is model and _wraps(error["input"], model):
            misspelt |= {(key,) for key in model.model_fields}
    return [
        (place, _sentence(error, parent, model, hint))
        for place, parent, error in problems
        # A list with a bad item counts as too short as well, and a key that is misspelt, or stands elsewhere,
        # as missing: the one says it all.
        if not (error["type"] == "too_short" and place in deeper)
        and not (error["type"] == "missing" and place in misspelt)
    ]


def _wraps(value: Any, root: type[BaseModel]) -> bool:
    """Return whether a value is a whole definition, which was put below a key."""
    return isinstance(value, dict) and {"name", "source"} <= value.keys() & root.model_fields.keys()


def _place(error: ErrorDetails, model: type[BaseModel]) -> tuple[KeyPath, type[BaseModel] | None]:
    """Return where an error stands, and the model that has the key, or lacks it."""
    location = error["loc"]
    if error["type"].startswith("union_tag"):
        return (*location, "type"), None
    of_model = error["type"] in ("extra_forbidden", "missing")
    steps, at = _walk(location[:-1] if of_model else location, model)
    return (tuple(steps) + location[-1:] if of_model else tuple(steps)), at


def _sentence(error: ErrorDetails, parent: type[BaseModel] | None, root: type[BaseModel], hint: Hint) -> str:
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    if kind == "missing":
        told: Mapping[str, str] = getattr(parent, "missing_keys", {})
        return told.get(str(error["loc"][-1]), "is missing; it is required")
    if kind == "extra_forbidden":
        if parent is root and _wraps(value, root):
            return (
                "isn't known. What is below it belongs to the file itself: take this line and the indent away"
            )
        return _unknown_key(str(error["loc"][-1]), parent, root)
    if kind in ("enum", "literal_error", "union_tag_invalid"):
        return _not_one_of(context, value.get("type") if kind == "union_tag_invalid" else value)
    if kind == "union_tag_not_found":
        return _no_type(value)
    if kind in _KINDS:
        return f"is {shape(value)}; it must be {_KINDS[kind]}{hint(_KINDS[kind], value)}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        most = context[name]
        return f"is {shape(value)}; it must be {words} {most:.15g}{share_meant(value, most)}"
    return _size_or_rule(kind, context, value, error["msg"])


def _size_or_rule(kind: str, context: Mapping[str, Any], value: Any, message: str) -> str:
    if kind in ("too_short", "string_too_short"):
        least = context["min_length"]
        return f"is {shape(value)}; it must have at least {least} {_unit(value)}{'' if least == 1 else 's'}"
    if kind in ("too_long", "string_too_long"):
        return f"is {shape(value)}; it may have at most {context['max_length']} {_unit(value)}s"
    if kind == "value_error":
        return str(context["error"])
    return message


def _unit(value: Any) -> str:
    return "character" if isinstance(value, str) else "key" if isinstance(value, dict) else "item"


def _unknown_key(key: str, parent: type[BaseModel] | None, root: type[BaseModel]) -> str:
    if parent is None:
        return "isn't known"
    refused: Mapping[str, str] = getattr(parent, "refused_keys", {})
    if key in refused:
        return refused[key]
    allowed = list(parent.model_fields)
    before, colon, value = key.partition(":")
    if colon and before in allowed:
        end = f"write a blank after the colon of {before}" if value else "one colon is enough"
        return f"isn't known; {end}"
    if key.strip() in allowed:
        return f"has blanks at its start or end; write {key.strip()}"
    if odd := hidden_in(key) or _foreign_in(key):
        return f"isn't known: it holds {odd}.{near(key, allowed)} Type it anew"
    if hint := near(key, allowed) or _elsewhere(key, parent, root) or getattr(parent, "other_keys", ""):
        return f"isn't known.{hint} Allowed: {', '.join(allowed)}"
    return f"isn't known. Allowed: {', '.join(allowed)}"


def _elsewhere(key: str, parent: type[BaseModel], root: type[BaseModel]) -> str:
    """Return where a key belongs that is known, but not where it stands: its indent may be wrong."""
    if parent is not root and key in root.model_fields:
        return " It belongs to the file itself: let it begin in the first column."
    places = [
        name
        for name, one in root.model_fields.items()
        if any(key in model.model_fields for model in _models(one.annotation) if model is not parent)
    ]
    return f" It belongs to {' or '.join(places)}: indent it below that key." if places else ""


def _no_type(value: Any) -> str:
    keys = [str(key) for key in value] if isinstance(value, dict) else []
    allowed = "allowed: lake, dataverse, api"
    if any(key.startswith("type:") for key in keys):
        return f"must have one colon, and a blank after it; {allowed}"
    instead = next((key for key in keys if meant_key(key.strip(), ["type"])), None)
    return f"is missing; {allowed}" if instead is None else f"is written {_key_told(instead)}; {allowed}"


def _not_one_of(context: Mapping[str, Any], value: Any) -> str:
    expected = str(context.get("expected") or context.get("expected_tags"))
    allowed = re.findall("'([^']+)'", expected)
    hint = near(value, allowed) if isinstance(value, str) else ""
    return f"is {shape(value)}; allowed: {', '.join(allowed)}.{hint}".rstrip(".")


def _walk(location: tuple[int | str, ...], model: type[BaseModel]) -> _Place:
    """Follow a location through the models; return it without union tags, and the model at its end."""
    place: list[int | str] = []
    here: list[type[BaseModel]] = [model]
    inside: list[type[BaseModel]] = []
    """What a mapping of names holds that the last step led to."""
    for step in location:
        fields = {name: one for at in here for name, one in at.model_fields.items()}
        if len(here) > 1 and (tagged := [one for one in here if _has_tag(one, step)]):
            here = tagged
            continue
        if step == "[key]":
            continue
        place.append(step)
        if isinstance(step, str) and inside:
            here, inside = inside, []
        elif isinstance(step, str):
            annotation = fields[step].annotation if step in fields else None
            inside = list(_models(get_args(annotation)[1])) if get_origin(annotation) is dict else []
            here = [] if inside else list(_models(annotation))
    return place, here[0] if len(here) == 1 else None


def _has_tag(model: type[BaseModel], tag: int | str) -> bool:
    return "type" in model.model_fields and tag in get_args(model.model_fields["type"].annotation)


def _models(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, tuple, list, Annotated):
        for argument in get_args(annotation):
            if not isinstance(argument, StrEnum):
                yield from _models(argument)
