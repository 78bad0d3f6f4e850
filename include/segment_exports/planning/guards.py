"""Guards: shares above which a run stops before anything is sent, because its input looks wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.records.outcomes import counted, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from segment_exports.definition import ExportDefinition, Guards
    from segment_exports.records.plan import PlannedList


def unmeant_first_run(export: str, account: str) -> str:
    """Return the sentence of the guard that trips where nobody asked for an export's first delivery.

    Airflow begins the last missed time of a schedule with any unpausing, also that of a dry run's form.
    """
    return (
        f"this would be the first delivery of {export} to the account {account}, and no person began it, but "
        f"the schedule or an event. Trigger the export by hand: with dry_run to see what it would send, then "
        f"without to send it; or write first_run: deliver into its definition and clear plan_changes with "
        f"what follows"
    )


def tripped_guards(
    guards: Guards, *, invalid: int, read: int, lists: Iterable[PlannedList], emptied: Iterable[PlannedList]
) -> tuple[str, ...]:
    """Return a sentence with the figures for each guard that trips.

    :param invalid: profiles refused before sending, of ``read`` profiles.
    :param lists: what the plan does to each list. People who withdrew or were erased are not judged: they
        are taken off whatever a guard says.
    :param emptied: lists whose segments brought no row although the ledger holds members of them.
    """
    return (
        *_invalid(guards, invalid, read),
        *(text for planned in lists for text in _list(guards, planned)),
        *(
            f"list {planned.title}: its segments brought no profile, but "
            f"{counted(planned.held, 'member is', 'members are')} on it; a segment that is suddenly empty "
            f"never empties a list"
            for planned in emptied
        ),
    )


def many_duties(guards: Guards, lists: Iterable[PlannedList]) -> Iterator[str]:
    """Return a sentence for each list that so many leave by duty that a guard would trip for others."""
    for planned in lists:
        if _is_above(guards, planned.duties, planned.held, guards.stop_above_removed):
            yield (
                f"list {planned.title}: {planned.duties} of {planned.held} members withdrew their permission "
                f"or were erased ({percent(planned.duties / planned.held)}); they are taken off whatever "
                f"guards say. Does the attribute of the permission still hold what it should?"
            )


def not_unsubscribed(definition: ExportDefinition, spared: int) -> Iterator[str]:
    """Return a sentence where people leave our lists whose permission has no value, and nothing more.

    :param spared: how many; they were above ``guards.unsubscribe_empty_up_to``.
    """
    if not spared or definition.permission is None:
        return
    what = counted(spared, "person on our lists", "people on our lists")
    allowed = definition.guards.unsubscribe_empty_up_to
    yield (
        f"{what} gave permission before and {'has' if spared == 1 else 'have'} no value in "
        f"{definition.permission.attribute} now: they leave our lists and are not unsubscribed, since that "
        f"can't be taken back; guards.unsubscribe_empty_up_to allows {allowed} at once. Look at the column "
        f"in the source: when its values are back they join again. If an empty value is how people withdraw "
        f"there, raise the guard for the runs to come, and unsubscribe these at the destination"
    )


def _invalid(guards: Guards, invalid: int, read: int) -> Iterator[str]:
    if read and invalid / read > guards.stop_above_invalid:
        total = counted(read, "profile")
        yield (
            f"{counted(invalid, f'of {total} is', f'of {total} are')} invalid ({percent(invalid / read)}); "
            f"guards.stop_above_invalid allows {percent(guards.stop_above_invalid)}. "
            f"refused.csv of this run names each with its reason"
        )


def _list(guards: Guards, planned: PlannedList) -> Iterator[str]:
    """A list that never had all its members is being filled: then additions are no surprise."""
    if planned.held == 0:
        return
    added = planned.added if planned.filled else 0
    for what, count, allowed, name in (
        ("added", added, guards.stop_above_added, "stop_above_added"),
        ("removed", planned.leaves - planned.duties, guards.stop_above_removed, "stop_above_removed"),
    ):
        if _is_above(guards, count, planned.held, allowed):
            yield (
                f"list {planned.title}: {count} of {planned.held} members would be {what} "
                f"({percent(count / planned.held)}); guards.{name} allows {percent(allowed)}"
            )


def _is_above(guards: Guards, count: int, held: int, allowed: float) -> bool:
    return held > 0 and count > guards.min_count and count / held > allowed
