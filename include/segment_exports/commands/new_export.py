"""List what a source has to export, and write a first definition from it.

On a command line:

    segment-exports segments --like newsletter
    segment-exports segments --source api --connection customer_insights_default
    segment-exports new-export winback --source lake --path CustomerInsights_…/Export
    segment-exports new-export winback --like newsletter --to ortto \
        --new-people unsubscribed --create-fields yes
"""

from __future__ import annotations

import argparse
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment_exports.commands.exportable import exportable, table
from segment_exports.commands.taken_names import Taken, taken_by
from segment_exports.commands.terminal import complain, say
from segment_exports.definition import (
    DEFAULT_DESTINATION,
    ExportDefinition,
    NewPeople,
    definitions_folder,
    load_definition,
    load_definitions,
)
from segment_exports.definition.model import EXPORT_NAME
from segment_exports.definition.yaml_text import written
from segment_exports.errors import DefinitionError, SourceError, own_words
from segment_exports.settings.environment import require_good_settings
from segment_exports.sieve.foreign import reason_told
from segment_exports.sieve.visible import in_one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from segment_exports.commands.exportable import Exportable
    from segment_exports.sources import Source

    Opener = Callable[[ExportDefinition], Source]

_SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "export-definition.schema.json"
"""There in a clone of the repository, and not where the package is installed alone."""


def draft(
    name: str,
    source: dict[str, Any],
    found: Exportable,
    *,
    destination: Mapping[str, Any] | None = None,
    segments: Sequence[str] = (),
    email: str | None = None,
    taken: Taken | None = None,
    schema: str | None = None,
) -> str:
    """Return the text of a first definition: every segment, the mapping as far as it can be guessed.

    :param source: the ``source`` block.
    :param destination: the ``destination`` block; left out by default.
    :param segments: those to export; all by default.
    :param email: attribute with the address; guessed by default.
    :param taken: what other exports write to the same account; nothing by default.
    :param schema: where the JSON Schema lies, for editors; left out by default.
    :raises SourceError: an unknown segment, no segment at all, no attribute that looks like an address.
    """
    names = _chosen(found, segments)
    address = _address(found, email)
    taken = taken or Taken()
    fields = {field: one for field, one in found.fields().items() if one != address}
    lines = [
        *([f"# yaml-language-server: $schema={schema}"] if schema else ()),
        f"name: {written(name)}",
        "source:",
        *(f"  {key}: {written(value)}" for key, value in source.items()),
        *(["destination:"] if destination else ()),
        *(f"  {key}: {written(value)}" for key, value in (destination or {}).items()),
        "segments: # each becomes a list of the same name; {name: A, list: B} gives it another",
        *_segment_lines(names, taken.titles_beside(name, names)),
        "mapping:",
        f"  Email: {written(address)}" + ("" if email else " # guessed: check that it is the address"),
        *(_field_line(field, one, taken.fields.get(field), found) for field, one in fields.items()),
        "  # custom: {string--Loyalty--Tier: Loyalty Tier} # <type>--<Name>"
        + ("" if destination else ", made in Autopilot first"),
        *_permission_lines(found),
        "# As in Customer Insights, Settings > System > Schedule:",
        '# refresh: {timezone: Europe/Berlin, times: ["05:00"]}',
        "# first_run: deliver # else a person triggers the first delivery, and the schedule goes on",
    ]
    return "\n".join(lines) + "\n"


def write_definition(folder: Path, name: str, text: str) -> Path:
    """Write a definition that is good and new.

    :raises DefinitionError: it is not good, or a file of this name is there.
    """
    if not EXPORT_NAME.fullmatch(name):
        raise DefinitionError(
            f"{name!r} can't name an export: lower-case letters, digits and _, a letter first"
        )
    path = folder / f"{name}.yaml"
    with tempfile.TemporaryDirectory() as scratch:
        tried = Path(scratch) / path.name
        tried.write_text(text, encoding="utf-8")
        load_definition(tried)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise DefinitionError(f"{path} is there already; choose another name, or take it away") from None
    except OSError as error:
        raise DefinitionError(f"{path} can't be written: {reason_told(error)}") from None
    return path


def segments(arguments: Sequence[str], *, opener: Opener) -> int:
    """Show what a source has; return 1 with a message where that can't be done.

    :param opener: gives the source of a definition.
    """
    chosen = _listing().parse_args(arguments)
    return _done(lambda: table(_found(chosen, {}, opener)[1], datetime.now(UTC)))


def main(arguments: Sequence[str], *, opener: Opener) -> int:
    """Write a first definition; return 1 with a message where that can't be done.

    :param opener: gives the source of a definition.
    """
    chosen = _writing().parse_args(arguments)
    return _done(lambda: _written(chosen, opener))


def _done(work: Callable[[], str]) -> int:
    try:
        require_good_settings()
        told = work()
    except Exception as error:  # noqa: BLE001 - nobody is shown a traceback, nor another's words
        complain(str(own_words(error)))
        return 1
    say(told)
    return 0


def _found(
    chosen: argparse.Namespace, destination: Mapping[str, Any], opener: Opener
) -> tuple[ExportDefinition, Exportable]:
    """Return a definition of nothing but source and destination, and what the source has."""
    probe = _probe({"source": _source_block(chosen)} | ({"destination": destination} if destination else {}))
    return probe, exportable(opener(probe))


def _written(chosen: argparse.Namespace, opener: Opener) -> str:
    """Write the definition, and return what is said of it."""
    folder = definitions_folder()
    if not chosen.name:
        raise DefinitionError("Name the export (with make: NAME=…)")
    destination = _destination_block(chosen)
    probe, found = _found(chosen, destination, opener)
    text = draft(
        chosen.name,
        _source_block(chosen),
        found,
        destination=destination,
        segments=chosen.segment or (),
        email=chosen.email,
        taken=taken_by(load_definitions(folder), probe.destination),
        schema=schema_beside(folder),
    )
    path = write_definition(folder, chosen.name, text)
    return (
        f"{path} written.\n{_renamed(path)}Read it, complete the mapping, then check it: segment-exports "
        f"check {chosen.name} (in a clone: make check)\n"
    )


def schema_beside(folder: Path) -> str | None:
    """Return the way from a folder of definitions to the JSON Schema; None where no comment can name it."""
    if not _SCHEMA.is_file():
        return None
    way = os.path.relpath(_SCHEMA, folder.resolve())
    return way if way.isprintable() and " " not in way else None


def _renamed(path: Path) -> str:
    """Tell which lists have titles of their own."""
    renamed = [
        f"{in_one_line(one.name)} → {in_one_line(one.list)}"
        for one in load_definition(path).segments
        if one.list != one.name
    ]
    if not renamed:
        return ""
    return (
        f"Other exports write lists of these names to the account, so they got others: {'; '.join(renamed)}\n"
    )


def _chosen(found: Exportable, wanted: Sequence[str]) -> list[str]:
    known = [info.name for info in found.segments]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SourceError(f"The source has no segment {', '.join(unknown)}; it has: {', '.join(known)}")
    if not known:
        raise SourceError("The source has no segment to export")
    return [name for name in known if not wanted or name in wanted]


def _address(found: Exportable, wanted: str | None) -> str:
    names = [one.name for one in found.attributes]
    if wanted is not None and wanted not in names:
        raise SourceError(f"The segments have no attribute {wanted}; they have: {', '.join(names)}")
    address = wanted or next(iter(found.addresses), None)
    if address is None:
        raise SourceError(
            f"No attribute looks like an email address; name it with --email. There are: {', '.join(names)}"
        )
    return address


def _segment_lines(names: Sequence[str], titles: Mapping[str, str]) -> Iterator[str]:
    if titles:
        yield "  # Other exports write lists of these names already, and two exports never write one list:"
    for name in names:
        if name in titles:
            yield f"  - {{name: {written(name)}, list: {written(titles[name])}}}"
        else:
            yield f"  - {written(name)}"


def _field_line(field: str, attribute: str, elsewhere: str | None, found: Exportable) -> str:
    """Return the line of a field, filled from the attribute that another export fills it from."""
    if elsewhere is None or elsewhere == attribute:
        return f"  {field}: {written(attribute)}"
    if any(one.name == elsewhere for one in found.attributes):
        return f"  {field}: {written(elsewhere)} # as in another export: one field has one attribute"
    told = f"another export fills it from {written(elsewhere)}; choose one for both"
    return f"  # {field}: {written(attribute)} # {told}"


def _permission_lines(found: Exportable) -> list[str]:
    lines = ["# Without a permission everybody in the segments is exported:"]
    names = found.consents or ("<attribute>",)
    return lines + [f'# permission: {{attribute: {written(name)}, equals: "Yes"}}' for name in names]


def _source_block(chosen: argparse.Namespace) -> dict[str, Any]:
    if chosen.like:
        definition = load_definition(definitions_folder() / f"{chosen.like}.yaml")
        return definition.source.model_dump(exclude_defaults=True, mode="json")
    if not chosen.source:
        raise DefinitionError(
            "Say which source: --like <export>, or --source lake, dataverse or api (with make: EXPORT=… or "
            "SOURCE=…)"
        )
    if chosen.source == "lake" and not chosen.path:
        raise DefinitionError(
            "Say where the lake's export lies: --path <folder or URL> (with make: SOURCE_PATH=…)"
        )
    if chosen.source != "lake" and not chosen.connection:
        raise DefinitionError("Say which Airflow connection: --connection <id> (with make: CONNECTION=…)")
    block = {"type": chosen.source, "path": chosen.path, "connection": chosen.connection}
    return {key: value for key, value in block.items() if value is not None}


def _destination_block(chosen: argparse.Namespace) -> dict[str, Any]:
    """Return the block of a destination that has to be named; what has no default is left out if unsaid."""
    if chosen.to in (None, DEFAULT_DESTINATION.type):
        return {}
    creates = {"yes": True, "no": False}.get(chosen.create_fields)
    block = {"type": chosen.to, "new_people": chosen.new_people, "create_fields": creates}
    return {key: value for key, value in block.items() if value is not None}


def _probe(blocks: dict[str, Any]) -> ExportDefinition:
    """Return a definition of nothing but source and destination, of which an opener looks at the first.

    :raises DefinitionError: what is wrong with them.
    """
    probe = {"name": "source", **blocks, "segments": ["any"], "mapping": {"Email": "any"}}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "source.yaml"
        path.write_text(written(probe), encoding="utf-8")
        try:
            return load_definition(path)
        except DefinitionError as error:
            raise DefinitionError(str(error).replace(f"{path.name}, line 1, ", "")) from None


def _listing() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="segment-exports segments", description="Show segments and attributes of a source."
    )
    _add_source(parser)
    return parser


def _writing() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="segment-exports new-export", description="Write a first definition from what a source has."
    )
    parser.add_argument("name", help="name of the export: lower-case letters, digits and _")
    parser.add_argument(
        "--segment", action="append", metavar="NAME", help="a segment to export; all by default"
    )
    parser.add_argument("--email", metavar="ATTRIBUTE", help="attribute with the address; guessed by default")
    parser.add_argument("--to", choices=["autopilot", "ortto"], help="type of destination")
    parser.add_argument(
        "--new-people", choices=list(NewPeople), help="whether people made in Ortto may be mailed there"
    )
    parser.add_argument(
        "--create-fields", choices=["yes", "no"], help="whether custom fields that Ortto lacks are made"
    )
    _add_source(parser)
    return parser


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--like", metavar="EXPORT", help="take the source of this export")
    parser.add_argument("--source", choices=["lake", "dataverse", "api"])
    parser.add_argument("--path", help="folder or URL of a lake export")
    parser.add_argument("--connection", help="Airflow connection of the source")
