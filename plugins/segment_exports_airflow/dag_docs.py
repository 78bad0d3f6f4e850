"""What the DAG of an export says about itself, in Airflow's UI. The same text for the same definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports_airflow.refresh_schedule import refreshed

if TYPE_CHECKING:
    from segment_exports.definition import ExportDefinition

TAG = "segment-export"
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
    segments = "\n".join(
        f"| {one.name} | {one.list}{f' (`{one.list_id}`)' if one.list_id else ''} |"
        for one in definition.segments
    )
    fields = "\n".join(
        f"| {field.attribute} | {field.target} | {field.type.value} |" for field in definition.mapping.fields
    )
    about = f"{definition.description}\n\n" if definition.description else ""
    return (
        f"# {definition.title}\n\n{about}"
        f"Segments of Customer Insights ({definition.source.type}) → the account behind the connection "
        f"`{definition.destination.connection}`.\n\n"
        f"{_schedule(definition)}\n\n"
        f"| segment | list |\n|---|---|\n{segments}\n\n"
        f"| profile attribute | contact field | type |\n|---|---|---|\n{fields}\n\n"
        f"{_permission(definition)}Limit: {definition.limit.profiles:,} profiles per "
        f"{definition.limit.scope.value}.\n\n{_STEPS}"
    )


def tags_of(definition: ExportDefinition) -> list[str]:
    """Return the tags of an export's DAG, to filter by."""
    return [TAG, definition.source.type, definition.destination.connection]


def broken_doc(file: str, message: str) -> str:
    """Return the Markdown page of a definition that can't be used."""
    return (
        f"# {printable(file)} is broken\n\nThis export does nothing until the file is corrected:\n\n"
        f"```text\n{message}\n```\n"
    )


def printable(text: str) -> str:
    """Return a text without the halves of characters that a file's name may bring: no database takes them."""
    return text.encode("utf-8", "backslashreplace").decode()


def _schedule(definition: ExportDefinition) -> str:
    told = f"whenever Airflow is told of the asset `{refreshed(definition.name).name}`"
    refresh = definition.refresh
    if refresh is None:
        return f"Runs by hand and {told}; at no set times, since the definition has no `refresh`."
    days = ", ".join(day.value for day in refresh.days)
    return f"Runs with the refresh at {', '.join(refresh.times)} ({refresh.timezone}) on {days}, and {told}."


def _permission(definition: ExportDefinition) -> str:
    permission = definition.permission
    if permission is None:
        return ""
    values = " or ".join(f"`{value}`" for value in permission.equals)
    return f"Only addresses all of whose profiles have {permission.attribute} = {values}.\n\n"
