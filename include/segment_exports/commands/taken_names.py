"""What other exports write to an account already: a new one must write other lists, and fill fields alike."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from segment_exports.definition import DEFAULT_DESTINATION, Membership, load_definition
from segment_exports.definition.segment_targets import folded_title
from segment_exports.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from segment_exports.definition import DestinationSettings, ExportDefinition, LoadedDefinition


@dataclass(frozen=True)
class Taken:
    """Titles of lists that other exports write, and by contact field the attribute that they fill it from.

    ``as_tags`` tells that lists are tags, of which two may be one where they differ by case alone.
    """

    titles: frozenset[str] = frozenset()
    fields: Mapping[str, str] = field(default_factory=dict)
    as_tags: bool = False

    def titles_beside(self, export: str, segments: Sequence[str]) -> dict[str, str]:
        """Return other titles for those segments whose lists are taken: ``Winback - ChurnProne``."""
        same = folded_title if self.as_tags else str
        others = {same(one) for one in self.titles}
        used = others | {same(one) for one in segments}
        titles = {}
        for segment in segments:
            if same(segment) in others:
                titles[segment] = next(one for one in _titles(export, segment) if same(one) not in used)
                used.add(same(titles[segment]))
        return titles


def taken_by(
    loaded: Iterable[LoadedDefinition], destination: DestinationSettings = DEFAULT_DESTINATION
) -> Taken:
    """Return what is written to the account of a destination.

    Exports that are refused for contradicting each other count too: they will be mended.
    """
    account = destination.connection
    others = [one for one in _definitions(loaded) if one.destination.connection == account]
    return Taken(
        frozenset(target.title for one in others for target in one.lists),
        {each.target: each.attribute for one in others for each in one.mapping.fields[1:]},
        as_tags=destination.membership is Membership.TAG,
    )


def _definitions(loaded: Iterable[LoadedDefinition]) -> Iterator[ExportDefinition]:
    for one in loaded:
        with suppress(DefinitionError):
            yield one.definition or load_definition(one.path)


def _titles(export: str, segment: str) -> Iterator[str]:
    title = f"{export.replace('_', ' ').capitalize()} - {segment}"
    yield title
    for number in count(2):
        yield f"{title} {number}"
