"""What the DAG of an export says about itself, in Airflow's UI. The same text for the same definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.sieve.visible import shortened
from segment_exports_airflow.markdown import as_code, as_text, items, table
from segment_exports_airflow.refresh_schedule import refreshed

if TYPE_CHECKING:
    from segment_exports.definition import ExportDefinition

TAG = "segment-export"
_LONGEST_TAG = 100
"""Airflow refuses a longer one, and with it every DAG of the file that makes it."""
_STEPS = """\
| step | what it does |
|---|---|
| check_destination | agreement, key and enabled: without them nothing is read |
| wait_for_refresh | waits until Customer Insights' refresh has ended and the snapshot is whole |
| extract | reads the segments |
| map_profiles | validates, maps and merges them: one contact per address |
| plan_changes | compares with what was delivered before, applies limit and guards |
| chunk_changes, upload | sends what changed, at most once a batch, paced to the account's rate |
| settle_run | writes the ledger and the run report; red if anything was lost |
"""


def doc_of(definition: ExportDefinition) -> str:
    """Return the Markdown page of an export."""
    segments = [
        (one.name, f"{one.list} ({one.list_id})" if one.list_id else one.list) for one in definition.segments
    ]
    fields = [(one.attribute, one.target, one.type.value) for one in definition.mapping.fields]
    lines = (definition.description or "").splitlines()
    about = "".join(f"{as_text(line)}\n\n" for line in lines if line.strip())
    return (
        f"# {as_text(definition.title)}\n\n{about}"
        f"Segments of Customer Insights ({definition.source.type}) → the account behind the connection "
        f"{as_code(definition.destination.connection)}.\n\n"
        f"{_schedule(definition)}\n\n"
        f"{table(('segment', 'list'), segments)}\n\n"
        f"{table(('profile attribute', 'contact field', 'type'), fields)}\n\n"
        f"{_permission(definition)}Limit: {definition.limit.profiles:,} profiles per "
        f"{definition.limit.scope.value}.\n\n{_STEPS}"
    )


def tags_of(definition: ExportDefinition) -> list[str]:
    """Return the tags of an export's DAG, to filter by."""
    return [TAG, definition.source.type, shortened(definition.destination.connection, _LONGEST_TAG)]


def broken_doc(file: str, message: str) -> str:
    """Return the Markdown page of a definition that can't be used."""
    return (
        f"# {as_text(file)} is broken\n\nThis export does nothing until the file is corrected:\n\n"
        f"{items(message)}"
    )


def _schedule(definition: ExportDefinition) -> str:
    told = f"whenever Airflow is told of the asset `{refreshed(definition.name).name}`"
    refresh = definition.refresh
    if refresh is None:
        return f"Runs by hand and {told}; at no set times, since the definition has no `refresh`."
    days = ", ".join(day.value for day in refresh.days)
    times = f"{', '.join(refresh.times)} ({as_text(refresh.timezone)})"
    return f"Runs with the refresh at {times} on {days}, and {told}."


def _permission(definition: ExportDefinition) -> str:
    permission = definition.permission
    if permission is None:
        return ""
    values = " or ".join(map(as_code, permission.equals))
    return f"Only addresses all of whose profiles have {as_text(permission.attribute)} = {values}.\n\n"
