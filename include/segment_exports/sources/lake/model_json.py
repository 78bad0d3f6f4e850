"""``model.json`` of a lake export: which tables there are, their columns and their files.

The shape is the Common Data Model's (``common-data-model/model-json.md`` of Microsoft's
specification). No file that Customer Insights itself wrote was seen, so that whatever isn't needed is
ignored, null counts as left out, and what the file settings leave out has the specification's defaults: no
header, comma, UTF-8, quoted values.
"""

from __future__ import annotations

import codecs
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from segment_exports.definition.meant import near
from segment_exports.definition.problems import explained, more_than_once, place_in_words
from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.settings import bounds
from segment_exports.sieve.net import names_told
from segment_exports.sources import Attribute
from segment_exports.transport.json_values import has_more_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PartOfModel = TypeVar("PartOfModel", bound=BaseModel)

MODEL_FILE = "model.json"
_PROBLEMS_TOLD = 5
_NO_DELIMITER = '"\r\n\0'
_AFTER_DELIMITER = "CsvStyle.QuoteAfterDelimiter"
_STYLES = ("CsvStyle.QuoteAlways", _AFTER_DELIMITER)
_NO_CHARACTER_SETS = ("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape")


@dataclass(frozen=True)
class CsvFormat:
    """How a file is written; ``header`` is None where the settings don't tell.

    :param by_backslash: quotes inside a quoted value are escaped by a backslash, not doubled.
    :param stray_quotes: a quote counts only at the beginning of a value (``QuoteAfterDelimiter``).
    :param culture: by which dates and numbers are written; empty for ISO 8601 and a decimal point.
    """

    header: bool | None = None
    delimiter: str = ","
    quoted: bool = True
    encoding: str = "utf-8"
    by_backslash: bool = False
    stray_quotes: bool = False
    culture: str = ""


@dataclass(frozen=True)
class LakeEntity:
    """A table of the export: its columns, and the location and format of each of its files."""

    name: str
    attributes: tuple[Attribute, ...]
    files: tuple[tuple[str, CsvFormat], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the files."""
        return tuple(attribute.name for attribute in self.attributes)


class _Mapping(dict[str, Any]):
    """A mapping of the file; ``twice`` are keys that stand in it more than once, the last of which counts."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs) if len(pairs) > len(self) else {}
        self.twice = [key for key, count in counts.items() if count > 1]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, value: Any) -> Any:
        if isinstance(value, _Mapping) and (twice := cls.model_fields.keys() & set(value.twice)):
            raise ValueError(f"has {names_told(twice)} more than once, and only one of them can be right")
        return (
            {key: one for key, one in value.items() if one is not None} if isinstance(value, dict) else value
        )


class _Settings(_Part):
    columnHeaders: bool | None = None  # noqa: N815 - the specification's name, and so on
    delimiter: str = ","
    quoteStyle: str = "QuoteStyle.Csv"  # noqa: N815
    csvStyle: str = "CsvStyle.QuoteAlways"  # noqa: N815
    encoding: str = "UTF-8"


class _Partition(_Part):
    location: str
    fileFormatSettings: _Settings | None = None  # noqa: N815


class _Attribute(_Part):
    name: str = Field(min_length=1)
    dataType: str = "string"  # noqa: N815


class _Entity(_Part):
    name: str = Field(min_length=1)
    attributes: tuple[_Attribute, ...] = ()
    partitions: tuple[_Partition, ...] = ()


class _Model(_Part):
    entities: tuple[Any, ...]
    culture: str | None = None


class LakeModel:
    """The tables of a ``model.json``. Each is judged when it is asked for: what nobody reads may be broken.

    :param tables: what describes a table, by its name; more than one description is a fault of the table.
    :param culture: by which the files write dates and numbers; empty for none.
    """

    def __init__(self, path: str, tables: Mapping[str, Sequence[Any]], culture: str = "") -> None:
        self._path = path
        self._culture = culture
        self._tables = tables

    @property
    def names(self) -> list[str]:
        """Names of the tables, sorted; those that describe no columns are left out."""
        return sorted(
            name for name, found in self._tables.items() if any(one.get("attributes") for one in found)
        )

    @property
    def without_columns(self) -> list[str]:
        """Names of the tables that have files and describe no columns, sorted: a fault where one is read."""
        described = frozenset(self.names)
        return sorted(
            name
            for name, found in self._tables.items()
            if name not in described and any(one.get("partitions") for one in found)
        )

    def table(self, name: str) -> LakeEntity:
        """Return a table.

        :raises SourceError: it isn't there, the text names those that are; or its description can't be used,
            the text says where and why.
        """
        if name not in self._tables:
            raise SourceError(
                f"{self._path} has no table {name}.{near(name, self.names)} It has: {names_told(self.names)}"
            )
        found = self._tables[name]
        if len(found) > 1:
            raise SourceError(f"{self._path} describes {name} more than once")
        for part, most in (("attributes", bounds.COLUMNS), ("partitions", bounds.PARTITIONS)):
            _require_few(f"{self._path}: {name} has", part, found[0].get(part), most)
        table = _entity(_validated(_Entity, found[0], f"{self._path}: table {name}", "it"), self._path)
        files = ((location, replace(layout, culture=self._culture)) for location, layout in table.files)
        return replace(table, files=tuple(files))


def parse_model(raw: bytes, path: str) -> LakeModel:
    """Return the tables of a ``model.json``.

    :raises SourceNotReadyError: it isn't JSON, as a file is that is being written.
    :raises SourceError: it isn't of the specification's shape.
    """
    if has_more_values(raw, bounds.MODEL_VALUES):
        raise SourceError(f"{path} has more than {bounds.MODEL_VALUES:,} values, and is not read")
    try:
        content = json.loads(raw.removeprefix(b"\xef\xbb\xbf"), object_pairs_hook=_Mapping)
    except RecursionError:
        raise SourceError(f"{path} can't be used: lists or mappings are nested too deep in it") from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise SourceNotReadyError(
            f"{path} isn't whole: it can't be read as JSON. Customer Insights may be writing it"
        ) from None
    except ValueError:
        raise SourceError(f"{path} can't be used: a number in it has too many digits") from None
    tables: dict[str, list[Any]] = defaultdict(list)
    model = _validated(_Model, content, path)
    _require_few(f"{path} describes", "tables", model.entities, bounds.TABLES)
    for entity in model.entities:
        if isinstance(entity, dict) and isinstance(name := entity.get("name"), str):
            tables[name].append(entity)
    return LakeModel(path, tables, (model.culture or "").strip())


def _require_few(where: str, what: str, found: Any, most: int) -> None:
    if isinstance(found, list | tuple) and len(found) > most:
        raise SourceError(f"{where} {len(found):,} {what}; at most {most:,} are read")


def _validated(part: type[PartOfModel], content: Any, place: str, whole: str = "the file") -> PartOfModel:
    try:
        return part.model_validate(content)
    except ValidationError as error:
        found = islice(error.errors(include_url=False, include_input=True), bounds.PROBLEMS_TOLD)
        problems = explained(found, part, lambda *_: "")
        told = [
            f"{place_in_words(where) if where else whole}: {text}"
            for where, text in problems[:_PROBLEMS_TOLD]
        ]
        raise SourceError(f"{place} can't be used: {'; '.join(told)}") from None


def _entity(entity: _Entity, path: str) -> LakeEntity:
    if not entity.attributes:
        raise SourceError(f"{path} describes no attributes of {entity.name}")
    if twice := more_than_once(attribute.name for attribute in entity.attributes):
        raise SourceError(f"{path}: {entity.name} has more than one attribute {names_told(twice)}")
    return LakeEntity(
        entity.name,
        tuple(Attribute(one.name, one.dataType) for one in entity.attributes),
        tuple((one.location, _format(one.fileFormatSettings, entity, path)) for one in entity.partitions),
    )


def _format(settings: _Settings | None, entity: _Entity, path: str) -> CsvFormat:
    if settings is None:
        return CsvFormat()
    place = f"{path}: fileFormatSettings of {entity.name}:"
    if (
        len(settings.delimiter) != 1
        or not settings.delimiter.isascii()
        or settings.delimiter in _NO_DELIMITER
    ):
        raise SourceError(
            f"{place} delimiter must be one ASCII character, but no quote, line break or NUL character"
        )
    if settings.quoteStyle not in ("QuoteStyle.Csv", "QuoteStyle.None"):
        raise SourceError(f"{place} quoteStyle must be QuoteStyle.Csv or QuoteStyle.None")
    if settings.csvStyle not in _STYLES:
        raise SourceError(f"{place} csvStyle must be one of {', '.join(_STYLES)}")
    return CsvFormat(
        settings.columnHeaders,
        settings.delimiter,
        settings.quoteStyle == "QuoteStyle.Csv",
        _encoding(settings.encoding, place),
        stray_quotes=settings.csvStyle == _AFTER_DELIMITER,
    )


def _encoding(name: str, place: str) -> str:
    try:
        ",".encode(name)
        codecs.getincrementaldecoder(name)
        is_known = codecs.lookup(name).name.replace("_", "-") not in _NO_CHARACTER_SETS
    except (LookupError, UnicodeError, ValueError):
        is_known = False
    if not is_known:
        raise SourceError(f"{place} encoding isn't one that Python knows, such as UTF-8 or UTF-16LE")
    return name.lower()
