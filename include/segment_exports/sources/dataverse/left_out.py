"""Membership rows that aren't taken for a segment, though they may have been meant: never without a word.

Dataverse compares texts without regard to case, and this side with it: a segment of the definition that the
rows write otherwise would be one that everybody left.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from segment_exports.errors import SourceError
from segment_exports.records.outcomes import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import pyarrow as pa

_MOST_SHOWN = 5


class LeftOut:
    """Counts rows of memberships that are left out.

    :param segments: those that are read.
    """

    def __init__(self, segments: Sequence[str]) -> None:
        self._by_form = {name.casefold(): name for name in segments}
        self._wanted = frozenset(segments)
        self._without_list = 0
        self._taken: Counter[str] = Counter()
        self._others: dict[str, Counter[str]] = defaultdict(Counter)

    def add_unlisted(self, rows: int) -> None:
        """Take in rows that hold no list of segments."""
        self._without_list += rows

    def add_listed(self, names: Collection[str], rows: int) -> None:
        """Take in rows with a list of names, of which those that are read are taken."""
        for name in names:
            meant = self._by_form.get(name.casefold())
            if name in self._wanted:
                self._taken[name] += rows
            elif meant is not None and meant not in names:
                self._others[meant][f"the segment is written {name!r}"] += rows

    def add_of_another_kind(self, names: Collection[str], column: str, values: pa.StringArray) -> None:
        """Take in rows with a list of names that are left out for their values in a column."""
        for meant in self._wanted.intersection(names):
            for found in values.value_counts().to_pylist():
                self._others[meant][f"{column} is {found['values']!r}"] += found["counts"]

    def require_some(self) -> None:
        """Refuse a segment of which rows were left out, and none was taken.

        :raises SourceError: there is one; the text tells what the rows say instead.
        """
        for segment in sorted(self._wanted):
            if not self._taken[segment] and self._others[segment]:
                raise SourceError(
                    f"All rows of the segment {segment} in Dataverse are left out: {self._told(segment)}. "
                    f"Write the segment, source.membership_type and source.segment_provider as the rows do"
                )

    def nobody_in(self) -> list[str]:
        """Return the segments of which no row came at all."""
        return sorted(one for one in self._wanted if not self._taken[one] and not self._others[one])

    def doubts(self) -> Iterator[str]:
        """Yield what was left out of segments of which other rows were taken."""
        if self._without_list:
            yield (
                f"{counted(self._without_list, 'membership row')} of Dataverse without a list of segments "
                f"(null): whoever has one counts as in none"
            )
        for segment in sorted(self._others):
            if self._others[segment]:
                yield f"Rows of the segment {segment} in Dataverse are left out: {self._told(segment)}"

    def _told(self, segment: str) -> str:
        shown = self._others[segment].most_common(_MOST_SHOWN)
        return ", ".join(f"{why} in {counted(count, 'row')}" for why, count in shown)
