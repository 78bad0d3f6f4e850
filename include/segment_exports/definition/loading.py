"""Definitions from files: one broken file leaves the others alone."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from segment_exports.contact_fields.fields import name_of
from segment_exports.definition.destination_settings import Membership
from segment_exports.definition.model import EXPORT_NAME, ExportDefinition
from segment_exports.definition.problems import explained, place_in_words, shape
from segment_exports.definition.segment_targets import folded_title
from segment_exports.definition.yaml_text import YamlText, YamlTextError, read_yaml
from segment_exports.errors import DefinitionError
from segment_exports.records.storing.foreign_files import ForeignFileError, read_foreign
from segment_exports.settings import bounds
from segment_exports.settings.environment import read_settings
from segment_exports.settings.names import DEFINITIONS
from segment_exports.sieve.foreign import reason_told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_exports.definition.yaml_text import KeyPath

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class LoadedDefinition:
    """One file of the folder: its definition, or what is wrong with it."""

    stem: str
    path: Path
    definition: ExportDefinition | None
    error: str | None


def definitions_folder() -> Path:
    """Return the folder that SEGMENT_EXPORTS_DEFINITIONS names, or ``include/exports`` of the project."""
    return read_settings(DEFINITIONS).definitions or _usual_folder(Path(__file__).resolve().parents[2])


def _usual_folder(packages: Path) -> Path:
    """Return the definitions of the project that this code runs in.

    :param packages: the folder of this package: ``include`` of the project itself, or where ``pip`` installed
        it. Then the project is where Airflow's ``dags`` are, or else the working directory.
    """
    if packages.name == "include":
        return packages / "exports"
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    dags = Path(os.environ.get("AIRFLOW__CORE__DAGS_FOLDER") or home / "dags")
    folders = [project / "include" / "exports" for project in (dags.parent, home, Path.cwd())]
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def load_definition(path: Path | str) -> ExportDefinition:
    """Return the definition in a YAML file.

    :raises DefinitionError: all that is wrong with the file, with line, key and what is allowed.
    """
    path = Path(path)
    try:
        document = read_yaml(_text_of(path))
    except YamlTextError as error:
        line = f", line {error.line}" if error.line else ""
        raise DefinitionError(f"{path.name}{line}: {error}") from None
    problems = list(_name_problems(document, path))
    try:
        definition = ExportDefinition.model_validate(_mapping_of(document, path))
    except ValidationError as error:
        problems += explained(islice(error.errors(), bounds.PROBLEMS_TOLD), ExportDefinition)
    if problems:
        raise DefinitionError(_told(path, document, problems))
    return definition


def load_definitions(folder: Path | str) -> tuple[LoadedDefinition, ...]:
    """Return every definition of a folder, sorted by file name, each with its error if it is broken.

    Files that contradict each other are both broken: one name twice, one list of an account written
    by two exports, one contact field of an account filled from different attributes or by list and mapping.

    :raises DefinitionError: the folder isn't there, or holds too many.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DefinitionError(f"{folder} isn't a folder; {DEFINITIONS} must name the folder of definitions")
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise DefinitionError(f"{folder} can't be listed: {reason_told(error)}") from None
    files = [one for one in found if one.suffix in _SUFFIXES and one.name[0] not in "._"]
    if len(files) > bounds.DEFINITIONS:
        raise DefinitionError(
            f"{folder} holds {len(files):,} definitions; at most {bounds.DEFINITIONS:,} are read"
        )
    return _refuse_contradictions([_loaded(path) for path in files])


def _loaded(path: Path) -> LoadedDefinition:
    try:
        return LoadedDefinition(path.stem, path, load_definition(path), None)
    except DefinitionError as error:
        return LoadedDefinition(path.stem, path, None, str(error))


def _text_of(path: Path) -> str:
    try:
        raw = read_foreign(path, 4 * bounds.DEFINITION_CHARACTERS, within=path.parent)
    except ForeignFileError as error:
        raise DefinitionError(f"{path} {error}") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DefinitionError(f"{path.name}, line {line}: isn't UTF-8; save the file as UTF-8") from None


def _mapping_of(document: YamlText, path: Path) -> dict[str, Any]:
    if not isinstance(document.value, dict):
        raise DefinitionError(
            f"{path.name} is {shape(document.value)}; it must be a mapping that begins with name: {path.stem}"
        )
    return document.value


def _name_problems(document: YamlText, path: Path) -> Iterator[tuple[KeyPath, str]]:
    name = document.value.get("name") if isinstance(document.value, dict) else None
    if not EXPORT_NAME.fullmatch(path.stem):
        yield (), "its file name must be lower-case letters, digits and _, starting with a letter; rename it"
    elif len(path.stem) > bounds.EXPORT_NAME_CHARACTERS:
        most = bounds.EXPORT_NAME_CHARACTERS
        yield (), f"its file name has {len(path.stem)} characters; at most {most} can name a DAG"
    elif isinstance(name, str) and name != path.stem:
        yield ("name",), f"must be {path.stem}, the name of the file without {path.suffix}"


def _told(path: Path, document: YamlText, problems: Sequence[tuple[KeyPath, str]]) -> str:
    ordered = sorted(problems, key=lambda problem: document.line_of(problem[0]) or 0)
    lines = [f"{_place(place, document)} {text}" for place, text in ordered]
    if len(lines) == 1:
        return f"{path.name}, {lines[0]}"
    more = " or more" if len(lines) >= bounds.PROBLEMS_TOLD else ""
    return f"{path.name} has {len(lines)}{more} errors:\n" + "\n".join(f"- {line}" for line in lines)


def _place(place: KeyPath, document: YamlText) -> str:
    line = document.line_of(place)
    return (f"line {line}, " if line else "") + place_in_words(place) + ":"


def _refuse_contradictions(loaded: list[LoadedDefinition]) -> tuple[LoadedDefinition, ...]:
    problems: dict[Path, list[str]] = {}
    for index, one in enumerate(loaded):
        for other in loaded[index + 1 :]:
            for text in _contradictions(one, other):
                problems.setdefault(one.path, []).append(text.format(other=other.path.name))
                problems.setdefault(other.path, []).append(text.format(other=one.path.name))
    return tuple(_with_problems(one, problems.get(one.path, [])) for one in loaded)


def _with_problems(one: LoadedDefinition, problems: list[str]) -> LoadedDefinition:
    if not problems:
        return one
    told = [f"{one.path.name}: {text}" for text in problems]
    error = DefinitionError("\n".join([*filter(None, [one.error]), *told]))
    return replace(one, definition=None, error=str(error))


def _contradictions(one: LoadedDefinition, other: LoadedDefinition) -> Iterator[str]:
    if one.stem == other.stem:
        yield "{other} has the same name; an export's name stands once"
        return
    if one.definition is None or other.definition is None:
        return
    account = one.definition.destination.connection
    if other.definition.destination.connection != account:
        return
    yield from _same_list(one.definition, other.definition, account)
    yield from _same_field(one.definition, other.definition, account)
    yield from _same_membership_field(one.definition, other.definition, account)


def _same_list(one: ExportDefinition, other: ExportDefinition, account: str) -> Iterator[str]:
    ids = {target.list_id for target in one.lists if target.list_id}
    titles = {target.title for target in one.lists}
    tags = {folded_title(title): title for title in titles if one.destination.membership is Membership.TAG}
    for target in other.lists:
        if target.title in titles or target.list_id in ids:
            yield (
                f"the list {_literal(target.title)} of {account} is also written by {{other}}; give one of "
                "the two exports another list"
            )
        elif tag := tags.get(folded_title(target.title)):
            yield (
                f"the lists {_literal(tag)} and {_literal(target.title)} of {account}, here and in "
                "{other}, differ by case or blanks only, and both may be one tag; give one another title"
            )


def _same_field(one: ExportDefinition, other: ExportDefinition, account: str) -> Iterator[str]:
    for key, field in other.fields_there.items():
        same = one.fields_there.get(key, field)
        if same.target != field.target:
            yield (
                f"{_literal(same.target)} and {_literal(field.target)}, here and in {{other}}, are one "
                f"contact field of {account}; write it alike in both, or give one another name"
            )
        elif same.attribute != field.attribute:
            yield (
                f"the contact field {_literal(field.target)} of {account} is filled from another attribute "
                "in {other}; fill it from one attribute in both"
            )


def _same_membership_field(one: ExportDefinition, other: ExportDefinition, account: str) -> Iterator[str]:
    mine, theirs = one.membership_fields, other.membership_fields
    for field, title in mine.items():
        if theirs.get(field, title) != title:
            yield (
                f"the lists {_literal(title)} and {_literal(theirs[field])} of {account} have one custom "
                f"field, {_literal(field)}, here and in {{other}}; give one of them another title"
            )
    for fields, mapping in ((mine, other.mapping), (theirs, one.mapping)):
        mapped = {name_of(target): target for target in mapping.custom}
        for field, title in fields.items():
            if name_of(field) in mapped:
                yield (
                    f"the custom field {_literal(mapped[name_of(field)])} of {account} holds who is on the "
                    f"list {_literal(title)} and is also filled by a mapping, one here and one in {{other}}; "
                    "map another field, or give the list another title"
                )


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
