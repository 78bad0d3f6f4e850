"""Definitions from files: one broken file leaves the others alone."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from segment_exports.definition.clashes.standing import clashes_among
from segment_exports.definition.model import EXPORT_NAME, ExportDefinition
from segment_exports.definition.problems import explained, place_in_words, shape
from segment_exports.definition.yaml_text import YamlText, YamlTextError, read_yaml
from segment_exports.errors import DefinitionError
from segment_exports.records.storing.foreign_files import ForeignFileError, read_foreign
from segment_exports.settings import bounds
from segment_exports.settings.environment import read_settings
from segment_exports.settings.names import DEFINITIONS
from segment_exports.sieve.foreign import reason_told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_exports.definition.clashes.delivered import Evidence
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
        told = {place for place, _ in problems}
        found = explained(islice(error.errors(), bounds.PROBLEMS_TOLD), ExportDefinition)
        problems += [(place, text) for place, text in found if place not in told]
    if problems:
        raise DefinitionError(_told(path, document, problems))
    return definition


def load_definitions(
    folder: Path | str, evidence: Evidence | None = None, *, asking: str | None = None
) -> tuple[LoadedDefinition, ...]:
    """Return every definition of a folder, sorted by file name, each with its error if it is broken.

    Of files that clash the newer one is broken: one name twice, one list of an account written by two
    exports, one contact field of an account filled from different attributes or by list and mapping.

    :param evidence: tells what runs have delivered (:func:`delivered_in`), and so which file is the newer
        one; asked only where some clash, or can't be read. Where it tells nothing, the files' times tell,
        then their names.
    :param asking: the export whose run asks, which goes on where there is no evidence.
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
    return _without_clashes([_loaded(path) for path in files], evidence, asking)


def load_export(
    folder: Path | str, name: str, evidence: Evidence | None = None, *, asks: bool = False
) -> ExportDefinition:
    """Return the definition of one export, as the files of its folder are now.

    :param evidence: as of :func:`load_definitions`.
    :param asks: whether a run of it asks.
    :raises DefinitionError: there is no such file any more, or it is broken, by itself or by another.
    """
    found = load_definitions(folder, evidence, asking=name if asks else None)
    named = [one for one in found if one.stem == name]
    for one in named:
        if one.definition is not None:
            return one.definition
    if not named:
        raise DefinitionError(f"there is no export {name}{' any more' if asks else ''} in {folder}")
    raise DefinitionError(named[0].error or f"{named[0].path.name} is broken")


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
        text = raw.decode("utf-8-sig")
        # Plain letters in UTF-16 or UTF-32 are UTF-8 too, with zeros between them.
        bad = 0 if "\0" in text[:4] else None
    except UnicodeDecodeError as error:
        bad = error.start
    if bad is not None:
        line = raw[:bad].count(b"\n") + 1
        raise DefinitionError(f"{path.name}, line {line}: isn't UTF-8; save the file as UTF-8")
    return text


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
    lines = [f"{_place(place, document)} {text}{_of_comment(place, document)}" for place, text in ordered]
    if len(lines) == 1:
        return f"{path.name}, {lines[0]}"
    more = " or more" if len(lines) >= bounds.PROBLEMS_TOLD else ""
    return f"{path.name} has {len(lines)}{more} errors:\n" + "\n".join(f"- {line}" for line in lines)


def _of_comment(place: KeyPath, document: YamlText) -> str:
    is_comment = place in document.commented
    return "; # begins a comment: put a value that begins with it in quotes" if is_comment else ""


def _place(place: KeyPath, document: YamlText) -> str:
    line = document.line_of(place)
    return (f"line {line}, " if line else "") + place_in_words(place) + ":"


def _without_clashes(
    loaded: Sequence[LoadedDefinition], evidence: Evidence | None, asking: str | None
) -> tuple[LoadedDefinition, ...]:
    broken = clashes_among([(one.path, one.definition) for one in loaded], evidence, asking)
    return tuple(_broken_by(one, broken[one.path]) if one.path in broken else one for one in loaded)


def _broken_by(one: LoadedDefinition, clash: str) -> LoadedDefinition:
    told = [*filter(None, [one.error]), f"{one.path.name}: {clash}"]
    return replace(one, definition=None, error=str(DefinitionError("\n".join(told))))
