"""Tags: a list of ours is a tag. One that nobody has is made by its first use.

Whether an account tells tags apart by case is not known, so one spelling is used, the one that it shows, and
a tag that differs by case alone is never made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.errors import ListProblemError
from segment_exports.settings.names import STAGING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from segment_exports.definition import ListTarget
    from segment_exports.destinations.list_registry import ListRegistry
    from segment_exports.destinations.ortto.client import Tag


def names_of_tags(
    there: Sequence[Tag],
    targets: Iterable[ListTarget],
    registry: ListRegistry,
    *,
    make: Collection[str],
    former: Collection[str] = (),
    now: datetime,
) -> dict[str, str]:
    """Return under which name each tag is used, by its title; those to be made are noted as ours before.

    :param there: all tags of the account.
    :param make: titles that may be made; another that is not there has no name in the answer.
    :param former: titles that the definition names no more: these may have vanished.
    :raises ListProblemError: naming every tag that has vanished, is not ours, or is one with another.
    """
    names = check_tags(there, targets, registry, former=former)
    for title in make:
        if title not in names:
            names[title] = title
            registry.intend(title, now)
    if problems := _shared(names):
        raise ListProblemError("; ".join(problems))
    return names


def check_tags(
    there: Sequence[Tag],
    targets: Iterable[ListTarget],
    registry: ListRegistry,
    *,
    former: Collection[str] = (),
) -> dict[str, str]:
    """Return the names that the account shows, by title, of the tags that are there. Nothing is made.

    :raises ListProblemError: as :func:`names_of_tags`.
    """
    names: dict[str, str] = {}
    problems: list[str] = []
    for target in targets:
        try:
            found = _name_of(there, target, registry, is_former=target.title in former)
        except ListProblemError as problem:
            problems.append(str(problem))
            continue
        if found is not None:
            names[target.title] = found
    if problems := problems + _shared(names):
        raise ListProblemError("; ".join(problems))
    return names


def note_ids(there: Sequence[Tag], titles: Iterable[str], registry: ListRegistry) -> None:
    """Write down the ids of tags that were made by use since."""
    for title in titles:
        known = registry.find(title)
        if known is not None and known.list_id is None:
            for tag in _alike(there, title)[:1]:
                registry.made(title, tag.tag_id, known.intended_at)


def _name_of(
    there: Sequence[Tag], target: ListTarget, registry: ListRegistry, *, is_former: bool
) -> str | None:
    """Return the name that the account shows; None where the tag is not there and may be made, or is gone."""
    title, known = target.title, registry.find(target.title)
    tag_id = target.list_id or (known.list_id if known else None)
    if tag_id is not None:
        by_id = [one.name for one in there if one.tag_id == tag_id]
        if by_id or is_former:
            return by_id[0] if by_id else None
        raise ListProblemError(_vanished(title, tag_id, is_ours=target.list_id is None))
    alike = _alike(there, title)
    if not alike:
        return None
    if known is None:
        raise ListProblemError(_not_ours(alike[0], title, registry))
    registry.made(title, alike[0].tag_id, known.intended_at)  # it was made by its first use
    return alike[0].name


def _alike(there: Sequence[Tag], title: str) -> list[Tag]:
    """Return tags of this name, the exact one first, then those that differ by case alone."""
    found = [one for one in there if one.name.casefold() == title.casefold()]
    return sorted(found, key=lambda one: (one.name != title, one.tag_id))


def _shared(names: dict[str, str]) -> list[str]:
    first: dict[str, str] = {}
    return [
        f"lists {first[folded]!r} and {title!r} of the definition are one tag in the account; give their "
        f"segments one list, or choose another list_id"
        for title, name in names.items()
        if first.setdefault(folded := name.casefold(), title) != title
    ]


def _vanished(title: str, tag_id: str, *, is_ours: bool) -> str:
    told = (
        f", made by us as {tag_id}, has vanished from the account"
        if is_ours
        else f": the account has no tag of people with the list_id {tag_id}"
    )
    return (
        f"tag {title!r}{told}. Is the key of another account on the connection? If not, its members went "
        f"with it: name another list in the definition, or make a tag there and name it by its list_id: "
        f"everybody is given it"
    )


def _not_ours(tag: Tag, title: str, registry: ListRegistry) -> str:
    same = "exists" if tag.name == title else f"exists as {tag.name!r}, which differs by case alone,"
    return (
        f"tag {title!r} {same} in the account with the id {tag.tag_id}, but {registry.place} doesn't say "
        f"that this project made it. If it did, the staging ({STAGING}) is not that of then: is the volume "
        f"mounted? Else set list_id: {tag.tag_id} for it in the definition to adopt it, and trigger a run "
        f"with reconcile, since who gives no permission keeps it otherwise; or choose another title"
    )
