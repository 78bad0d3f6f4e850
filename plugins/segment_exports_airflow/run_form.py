"""The form of a manual run: its fields, and what a run was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from segment_exports.errors import DefinitionError, SettingsError
from segment_exports.settings import bounds
from segment_exports.sieve.visible import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_exports.definition import ExportDefinition
    from segment_exports.records.plan import RunOptions

_WHAT, _REPAIR = "What to send", "Repair"
_SWITCHES = ("dry_run", "full_resync", "retry_rejected", "force", "reconcile")
_KEYS = ("segments", "sample", "snapshot", *_SWITCHES)
_OF_AIRFLOW = "airflow/"
"""Airflow's own keys of a run's configuration begin so (``airflow/task_span_detail_level``)."""
_TOLD, _LONGEST = 10, 100
"""How many wrong names a message tells, and how many characters of each."""
_OVERRIDES_PARAMS = "AIRFLOW__CORE__DAG_RUN_CONF_OVERRIDES_PARAMS"


@dataclass(frozen=True)
class RunRequest:
    """What a run was asked for.

    :param segments: a subset of the definition's segments, in its order; all of them by default.
    :param sample: only the first so many profiles of each segment.
    :param as_of: the newest snapshot up to this time (UTC) instead of the newest of all.
    """

    segments: tuple[str, ...]
    sample: int | None
    as_of: datetime | None
    options: RunOptions


def form_fields(definition: ExportDefinition) -> dict[str, Param]:
    """Return the fields of the trigger form; constant for a definition, so that DAG versions stay few."""
    names = list(definition.segment_names)
    fields = {
        "segments": Param(
            [],
            type=["array", "null"],
            items={"type": "string", "enum": names},
            examples=names,
            title="Segments",
            description="Only these segments; all of them if nothing is chosen. "
            "A subset removes nobody from a list that it does not bring whole, and where permission is asked "
            "for it adds nobody whom no earlier run delivered.",
            section=_WHAT,
        ),
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Do everything but send: the report tells what would be added, changed and removed, "
            "and how many requests and how much time that takes.",
            section=_WHAT,
        ),
        "sample": Param(
            None,
            type=["integer", "null"],
            minimum=1,
            maximum=bounds.SAMPLE_ROWS,
            title="Sample",
            description="Only the first so many profiles of each segment. A sample removes nobody.",
            section=_WHAT,
        ),
        "snapshot": Param(
            None,
            type=["string", "null"],
            format="date-time",
            title="Snapshot as of",
            description="The newest snapshot up to this time; the newest of all if left empty. "
            "A snapshot older than the last delivered one sends nothing, unless forced.",
            section=_WHAT,
        ),
        "retry_rejected": Param(
            False,
            type="boolean",
            title="Send rejected contacts again",
            description="Try contacts that were rejected before, without waiting for their seven days.",
            section=_REPAIR,
        ),
        "full_resync": Param(
            False,
            type="boolean",
            title="Full resync",
            description="Ignore what is known to be delivered and send every contact again. "
            "Where the ledger is lost, this confirms that a new one is to be made.",
            section=_REPAIR,
        ),
        "reconcile": Param(
            False,
            type="boolean",
            title="Reconcile",
            description="Read back from the account first who is on the lists, and repair what differs. "
            "Who gives no permission and is on a list that we don't know of leaves it. "
            "With membership: field, all contacts of the account are read for it.",
            section=_REPAIR,
        ),
        "force": Param(
            False,
            type="boolean",
            title="Send an older snapshot",
            description="Deliver the snapshot even if a newer one was delivered already. "
            "Who refused in a newer one is not added.",
            section=_REPAIR,
        ),
    }
    for field in fields.values():
        field.source = "dag"
    return fields


def read_form(definition: ExportDefinition, params: Mapping[str, Any]) -> RunRequest:
    """Return what a run's parameters ask for.

    Airflow holds them against the form's schema where a run is triggered; a DAG may have changed since.

    A key that the form doesn't have is refused, not passed over: who mistypes ``dry_run`` wants no delivery.

    :raises DefinitionError: an unknown key, a value of another type, a segment that isn't of this export, a
        sample below 1, or a time that can't be read; the text says what is allowed.
    """
    from segment_exports.records.plan import RunOptions

    _refuse_unknown_keys(params)
    _refuse_other_types(params)
    chosen = params.get("segments") or []
    if unknown := sorted(set(chosen) - set(definition.segment_names)):
        raise DefinitionError(
            f"segments: {', '.join(shortened(one, _LONGEST) for one in unknown[:_TOLD])} not in this export; "
            f"it has {', '.join(definition.segment_names)}"
        )
    sample = params.get("sample")
    if sample is not None and not 1 <= sample <= bounds.SAMPLE_ROWS:
        raise DefinitionError(
            f"sample: it must be from 1 to {bounds.SAMPLE_ROWS:,}, or empty for all profiles"
        )
    return RunRequest(
        segments=tuple(name for name in definition.segment_names if not chosen or name in chosen),
        sample=sample,
        as_of=_time(params.get("snapshot")),
        options=RunOptions(**{name: bool(params.get(name)) for name in _SWITCHES}),
    )


def asks_for_dry_run(params: Mapping[str, Any], conf: Mapping[str, Any]) -> bool:
    """Tell whether a run is a dry one, also where the rest of what it was asked for can't be read."""
    return bool(params.get("dry_run") or conf.get("dry_run"))


def require_conf_in_force(params: Mapping[str, Any], conf: Mapping[str, Any]) -> None:
    """Hold what a run was triggered with against the parameters that Airflow made of it.

    A setting of Airflow keeps the one out of the other: a run that was asked to send less, or nothing, would
    have the form's defaults, which send.

    :param conf: the run's own configuration.
    :raises SettingsError: they differ; the text names the keys and the setting.
    :raises DefinitionError: a key of the configuration isn't known.
    """
    _refuse_unknown_keys({**params, **conf})
    lost = sorted(key for key, value in conf.items() if key in _KEYS and params.get(key) != value)
    if lost:
        raise SettingsError(
            f"{', '.join(lost)}: this run was triggered with other values than Airflow gives its tasks, so "
            f"it is stopped before it reads or sends anything. Airflow passes a run's configuration on only "
            f"where {_OVERRIDES_PARAMS} (dag_run_conf_overrides_params under [core] in airflow.cfg) is True: "
            f"set that where the tasks run, and trigger the run again"
        )


def _refuse_unknown_keys(params: Mapping[str, Any]) -> None:
    from segment_exports.definition.meant import near

    # Where a run has a configuration of its own, Airflow gives its keys beside those of the form.
    unknown = sorted(key for key in params if key not in _KEYS and not key.startswith(_OF_AIRFLOW))
    if unknown:
        told = " ".join(
            f"{shortened(key, _LONGEST)} isn't known.{near(key, _KEYS)}" for key in unknown[:_TOLD]
        )
        raise DefinitionError(f"the run's configuration: {told} Allowed: {', '.join(_KEYS)}")


def _refuse_other_types(params: Mapping[str, Any]) -> None:
    from segment_exports.definition.problems import shape

    names = params.get("segments") or []
    is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
    sample, time = params.get("sample"), params.get("snapshot")
    switches = {name: (isinstance(params.get(name, False), bool), "true or false") for name in _SWITCHES}
    allowed = switches | {
        "segments": (is_list, "a list of names, or null"),
        "sample": (sample is None or type(sample) is int, "a whole number, or null"),
        "snapshot": (
            time is None or isinstance(time, str),
            "text such as 2026-05-31T05:00:00+00:00, or null",
        ),
    }
    for key, (is_allowed, words) in allowed.items():
        if not is_allowed:
            raise DefinitionError(f"{key}: is {shape(params[key])}; it must be {words}")


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise DefinitionError(
            "snapshot: can't be read as a time; write it as 2026-05-31T05:00:00+00:00 (without a zone: UTC)"
        ) from None
