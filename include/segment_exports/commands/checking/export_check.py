"""Hold every definition against its source: would it run, and what would it read.

On a command line: ``segment-exports check [NAME …]``.
Nothing is sent, and nothing written but that something was told. Sources that need an Airflow connection are
checked by whoever can open them: :func:`check_folder` takes the opener.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from segment_exports.commands.checking.check_result import CheckResult, SegmentCheck, ToldOfRun
from segment_exports.commands.checking.export_check_table import written
from segment_exports.commands.checking.told_of_destination import told_of_destination
from segment_exports.commands.checking.values_check import ValuesCheck
from segment_exports.commands.terminal import complain, say
from segment_exports.definition import definitions_folder, delivered_in, load_definitions
from segment_exports.definition.meant import near
from segment_exports.errors import SegmentExportError, SourceError, StagingError, own_words
from segment_exports.extracting.segment_checks import refuse_unusable
from segment_exports.records.ledger import LedgerFolder
from segment_exports.records.outcomes import counted
from segment_exports.records.profiles import CUSTOMER_ID, PREVIOUS_CUSTOMER_ID
from segment_exports.refresh.snapshot_choice import choose_snapshots
from segment_exports.settings import bounds
from segment_exports.settings.environment import require_good_settings
from segment_exports.sources import FindsAttributes, GivesSample, doubts_of, require_sure
from segment_exports.sources.refresh_evidence import SegmentState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from segment_exports.commands.given import OpenStaging
    from segment_exports.definition import ExportDefinition
    from segment_exports.records.staging import Store
    from segment_exports.sources import SegmentInfo, Source

SAMPLED_ROWS = 1_000


def check_export(
    definition: ExportDefinition,
    source: Source,
    *,
    staging: Store | None = None,
    now: datetime | None = None,
) -> CheckResult:
    """Hold one definition against its source; whatever the source refuses becomes a problem.

    :param staging: the staging root, if it is known: its ledger tells of lists that are named no more.
    """
    now = now or datetime.now(UTC)
    try:
        announced = {info.name: info for info in source.segments()}
        unknown = (
            source.unknown_attributes(definition.attributes) if isinstance(source, FindsAttributes) else None
        )
    except Exception as error:  # noqa: BLE001 - the other exports are checked all the same
        return CheckResult(definition.name, (str(own_words(error)),))
    problems: list[str] = []
    notes: list[str] = []
    segments: list[SegmentCheck] = []
    values, sampled = ValuesCheck(definition), ValuesCheck(definition)
    is_whole = True
    for target in definition.segments:
        info = announced.get(target.name)
        if info is None:
            known = ", ".join(sorted(announced)) or "none"
            problems.append(f"no segment {target.name}.{near(target.name, announced)} There are: {known}")
            continue
        missing = [] if info.fault else list(_attribute_problems(definition, info, unknown))
        problems += missing
        notes += _state_notes(info)
        try:
            refuse_unusable([info])
            segments.append(_would_read(definition, source, info, None if missing else values, now))
            if not missing and values.rows(info.name) == 0:
                is_whole &= _take_sample(definition, source, info, sampled)
        except Exception as error:  # noqa: BLE001
            problems.append(str(own_words(error)))
    problems += values.problems() + (sampled.column_problems() if is_whole else [])
    notes += (
        values.notes()
        + sampled.told_of_sample(is_whole=is_whole)
        + doubts_of(source)
        + _consent_notes(definition)
        + told_of_destination(definition, staging)
        + _former_lists(definition, staging)
        + _age_notes(definition, segments, now)
    )
    return CheckResult(definition.name, tuple(dict.fromkeys(problems)), tuple(notes), tuple(segments))


def check_folder(
    folder: Path,
    names: Collection[str] = (),
    *,
    opener: Callable[[ExportDefinition], Source],
    told_of: Callable[[ExportDefinition], ToldOfRun] = lambda _: ToldOfRun(),
    staging: Store | None = None,
) -> list[CheckResult]:
    """Check the definitions of a folder, or only those named.

    :param opener: gives the source of a definition; a ``SourceError`` of it becomes a problem.
    :param told_of: tells of what the definition alone doesn't hold, such as its account's connection.
    :param staging: as in :func:`check_export`.
    :raises DefinitionError: the folder isn't there.
    """
    evidence = None if staging is None else delivered_in(lambda: staging)
    loaded = [one for one in load_definitions(folder, evidence) if not names or one.stem in names]
    good = {one.stem for one in loaded if one.definition is not None}
    results = [
        CheckResult(one.path.name if one.stem in good else one.stem, (one.error or "",))
        if one.definition is None
        else _with(_opened_and_checked(one.definition, opener, staging), told_of(one.definition))
        for one in loaded
    ]
    unknown = sorted(set(names) - {one.stem for one in loaded})
    return results + [CheckResult(name, (f"no definition of this name in {folder}",)) for name in unknown]


def _opened_and_checked(
    definition: ExportDefinition, opener: Callable[[ExportDefinition], Source], staging: Store | None
) -> CheckResult:
    try:
        source = opener(definition)
    except SourceError as error:
        return CheckResult(definition.name, (str(error),))
    return check_export(definition, source, staging=staging)


def _with(result: CheckResult, told: ToldOfRun) -> CheckResult:
    return replace(result, problems=(*result.problems, *told.problems), notes=(*result.notes, *told.notes))


def _attribute_problems(
    definition: ExportDefinition, info: SegmentInfo, unknown: Sequence[str] | None
) -> list[str]:
    """Say which attributes the segment lacks, and what they are wanted for.

    :param unknown: those that the source doesn't find; None where they have the names that it announces.
    """
    known = [attribute.name for attribute in info.attributes]
    missing = [name for name in definition.attributes if name not in known] if unknown is None else unknown
    return [
        f"{info.name} has no attribute {name}, wanted for {_wanted_for(definition, name)}."
        f"{near(name, known)} It has: {', '.join(sorted(known))}"
        for name in missing
        if name != PREVIOUS_CUSTOMER_ID
    ]


def _wanted_for(definition: ExportDefinition, attribute: str) -> str:
    return definition.keys_naming(attribute) or f"every export ({CUSTOMER_ID} names the customer)"


def _state_notes(info: SegmentInfo) -> list[str]:
    if info.state is SegmentState.INACTIVE:
        return [f"{info.name} is inactive: Customer Insights doesn't refresh it"]
    return []


def _consent_notes(definition: ExportDefinition) -> list[str]:
    if definition.permission is None or definition.removes_leavers:
        return []
    return [
        "when_member_leaves is keep: who withdraws permission by falling out of a segment stays on its list; "
        "remove, which is the default where permission is set, ends the mailing"
    ]


def _former_lists(definition: ExportDefinition, staging: Store | None) -> list[str]:
    if staging is None:
        return []
    export, account = staging.sub(definition.name), definition.destination.connection
    try:
        ledger = LedgerFolder(export, definition.name, account).latest()
    except SegmentExportError:  # a run will say so
        return []
    present = {target.title: target.list_id or "" for target in definition.lists}
    former = ledger.info.former_lists(present) if ledger.info else {}
    return [
        f"list {title} is named no more, but keeps {counted(held, 'person', 'people')} whom this export put "
        f"on it; a run tells how to end that"
        for title, held in former.items()
    ]


def _age_notes(definition: ExportDefinition, segments: Sequence[SegmentCheck], now: datetime) -> list[str]:
    if definition.max_age_hours is None:
        return []
    hours = definition.max_age_hours
    oldest = now - timedelta(hours=hours)
    return [
        f"{one.name}: the snapshot is older than max_age_hours ({hours:g}); a run would be red"
        for one in segments
        if one.snapshot is not None and one.snapshot < oldest
    ]


def _would_read(
    definition: ExportDefinition,
    source: Source,
    info: SegmentInfo,
    values: ValuesCheck | None,
    now: datetime,
) -> SegmentCheck:
    """Return what a run would read of a segment now.

    :param values: takes in its profiles, where they can all be read at once; None if they can't be read.
    :raises SourceError: there is no whole snapshot, or a file can't be read.
    """
    chosen = choose_snapshots(source, [info.name], now=now)
    rows, addresses = info.members, None
    if info.size_bytes is not None:
        units = source.read_units(chosen)
        if values is not None and info.size_bytes <= bounds.COUNTED_BYTES:
            for unit in units:
                for segment, batch in source.read(unit, definition.attributes):
                    values.add(segment, batch)
            rows, addresses = values.rows(info.name), values.with_address(info.name)
    return SegmentCheck(
        info.name, definition.list_of(info.name), chosen[info.name], rows, addresses, info.size_bytes
    )


def _take_sample(
    definition: ExportDefinition, source: Source, info: SegmentInfo, sampled: ValuesCheck
) -> bool:
    """Convert some profiles of a segment that is not read as a whole; tell whether there are no others.

    :raises SourceError: it can't be read.
    """
    if isinstance(source, GivesSample):
        profiles = source.sample(info.name, definition.attributes, SAMPLED_ROWS)
        if definition.permission is not None:
            require_sure(source, definition.permission.attribute)
        sampled.add(info.name, profiles)
        members = SAMPLED_ROWS if info.members is None else info.members
        rows: int = profiles.num_rows
        return members <= rows < SAMPLED_ROWS
    if info.size_bytes:
        (unit,) = source.read_units(choose_snapshots(source, [info.name]))
        for segment, batch in source.read(unit, definition.attributes):
            sampled.add(segment, batch.slice(0, SAMPLED_ROWS))
            break
    return False


def _opened(open_staging: OpenStaging) -> Store | None:
    """Return the staging root, or None where no export has run yet or it can't be reached."""
    try:
        return open_staging(None)
    except StagingError:
        return None


def main(
    arguments: Sequence[str],
    *,
    opener: Callable[[ExportDefinition], Source],
    told_of: Callable[[ExportDefinition], ToldOfRun],
    open_staging: OpenStaging,
) -> int:
    """Check and print; return 1 if anything would stop a run.

    :param opener: as in :func:`check_folder`.
    :param told_of: as in :func:`check_folder`.
    """
    parser = argparse.ArgumentParser(
        prog="segment-exports check",
        description="Hold export definitions against their sources; nothing is sent.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="exports to check; all by default")
    chosen = parser.parse_args(arguments)
    try:
        require_good_settings()
        folder = definitions_folder()
        results = check_folder(
            folder, chosen.names, opener=opener, told_of=told_of, staging=_opened(open_staging)
        )
    except Exception as error:  # noqa: BLE001 - nobody is shown a traceback, nor another's words
        complain(str(own_words(error)))
        return 1
    say(written(results, folder))
    return 0 if results and all(result.is_good for result in results) else 1
