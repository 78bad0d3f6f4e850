"""Membership rows that aren't taken for a segment, though they may have been meant: never without a word.

Dataverse compares texts without regard to case or blanks at the end, and this side with it: a segment of the
definition that the rows write otherwise would be one that everybody left.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

from segment_exports.errors import SourceError
from segment_exports.records.outcomes import counted
from segment_exports.sieve.net import cut

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import pyarrow as pa

_MOST_SHOWN = 5
_MOST_UNREADABLE = 0.01
NOBODY_LEAVES = "nobody leaves a list for not being among the rows that were read"
_REFUSALS = ", but whose profile refuses has withdrawn all the same"


class LeftOut:
    """Counts rows of memberships that are left out.

    :param segments: those that are read.
    """

    def __init__(self, segments: Sequence[str]) -> None:
        self._by_form = {_form(name): name for name in segments}
        self._wanted = frozenset(segments)
        self._without_list = 0
        self._listed = 0
        self._unreadable: Counter[str] = Counter()
        self._unread: set[str] = set()
        self._full_page = 0
        self._taken: Counter[str] = Counter()
        self._others: dict[str, Counter[str]] = defaultdict(Counter)

    def add_unlisted(self, rows: int) -> None:
        """Take in rows that hold no list of segments."""
        self._without_list += rows

    def add_listed(self, names: Collection[str], rows: int) -> None:
        """Take in rows with a list of names, of which those that are read are taken."""
        self._listed += rows
        for name in names:
            meant = self._by_form.get(_form(name))
            if name in self._wanted:
                self._taken[name] += rows
            elif meant is not None and meant not in names:
                self._others[meant][f"the segment is written {cut(name)!r}"] += rows
                self._unread.add(meant)

    def add_unreadable(self, why: str, rows: int) -> None:
        """Take in rows of which nobody can say which segments they mean."""
        self._listed += rows
        self._unreadable[why] += rows
        self._unread |= self._wanted

    def may_be_in(self, names: Collection[str]) -> bool:
        """Tell whether a list writes a segment otherwise that is read."""
        forms = (self._by_form.get(_form(name)) for name in names if name not in self._wanted)
        return any(meant is not None and meant not in names for meant in forms)

    @property
    def reads_some(self) -> bool:
        """Whether there are segments that are read."""
        return bool(self._wanted)

    def add_full_page(self, rows: int) -> None:
        """Take in that the last page has as many rows as a page may have."""
        self._full_page = rows
        self._unread |= self._wanted

    def add_without_customer(self, names: Collection[str]) -> None:
        """Take in a row that names no customer."""
        for meant in self._wanted.intersection(names):
            self._others[meant]["no customer is named"] += 1
            self._unread.add(meant)

    def add_of_another_kind(self, names: Collection[str], column: str, values: pa.StringArray) -> None:
        """Take in rows with a list of names that are left out for their values in a column."""
        for meant in self._wanted.intersection(names):
            for found in values.value_counts().to_pylist():
                self._others[meant][f"{column} is {cut(str(found['values']))!r}"] += found["counts"]

    @property
    def unread(self) -> frozenset[str]:
        """The segments that somebody may be in who isn't among the rows that were taken."""
        return frozenset(self._unread)

    def require_readable(self) -> None:
        """Refuse lists that can't be read where they are more than a few.

        :raises SourceError: so it is; the text tells what they are.
        """
        rows = self._unreadable.total()
        if rows > _MOST_UNREADABLE * self._listed:
            why = self._unreadable.most_common(1)[0][0]
            raise SourceError(
                f"{why} ({rows} of {counted(self._listed, 'row')}, allowed: {_MOST_UNREADABLE:.0%})"
            )

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
        if self._full_page:
            yield (
                f"The last page of Dataverse's memberships is full ({self._full_page} rows) and leads to no "
                f"other: if that isn't the end, members are missing. So {NOBODY_LEAVES}"
            )
        if self._unreadable:
            rows = counted(self._unreadable.total(), "membership row")
            why = self._unreadable.most_common(1)[0][0]
            yield (
                f"{rows} of Dataverse can't be read ({why}): which segments their customers are in isn't "
                f"known, and {NOBODY_LEAVES}{_REFUSALS}"
            )
        for segment in sorted(self._others):
            if self._others[segment]:
                told = f"; {NOBODY_LEAVES}{_REFUSALS}" if segment in self._unread else ""
                yield f"Rows of the segment {segment} in Dataverse are left out: {self._told(segment)}{told}"

    def _told(self, segment: str) -> str:
        shown = self._others[segment].most_common(_MOST_SHOWN)
        return ", ".join(f"{why} in {counted(count, 'row')}" for why, count in shown)


@lru_cache(maxsize=10_000)
def _form(name: str) -> str:
    """Return a name without letter case, blanks around and what can't be seen."""
    plain = unicodedata.normalize("NFKC", name)
    return "".join(one for one in plain if unicodedata.category(one) != "Cf").strip().casefold()
