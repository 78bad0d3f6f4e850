from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.sources.dataverse.left_out import LeftOut
from segment_exports.sources.dataverse.membership_fingerprint import MembershipFingerprint, WatchedMemberships
from segment_exports.sources.snapshot_marks import SnapshotChangedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from segment_exports.sources.dataverse.memberships import NumberOf

Membership = tuple[str, str]
MEMBERSHIPS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3)), unique=True, max_size=20)


def batch(pairs: list[tuple[str, int]]) -> pa.RecordBatch:
    ids, numbers = [one for one, _ in pairs], [number for _, number in pairs]
    return pa.RecordBatch.from_arrays(
        [pa.array(ids, pa.string()), pa.array(numbers, pa.uint16())], ["CustomerId", "segment"]
    )


def fingerprint(*pages: list[tuple[str, int]]) -> MembershipFingerprint:
    found = MembershipFingerprint()
    for page in pages:
        found.add(batch(page))
    return found


@given(MEMBERSHIPS, st.randoms(use_true_random=False), st.integers(0, 20))
def test_order_and_pages_make_no_difference(pairs: list[tuple[str, int]], random: Random, cut: int) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)

    assert fingerprint(shuffled[:cut], shuffled[cut:]) == fingerprint(pairs)


@given(MEMBERSHIPS, MEMBERSHIPS)
def test_other_memberships_have_another_fingerprint(
    some: list[tuple[str, int]], others: list[tuple[str, int]]
) -> None:
    assert (fingerprint(some) == fingerprint(others)) == (set(some) == set(others))


class Table:
    """Rows that can be read any number of times, each time as they are then."""

    def __init__(self, *rows: Membership) -> None:
        self.rows = list(rows)

    def read(self, number_of: NumberOf, _: LeftOut) -> Iterator[pa.RecordBatch]:
        numbered = [(customer, number_of(segment)) for customer, segment in self.rows]
        yield batch([(customer, number) for customer, number in numbered if number is not None])


def test_only_memberships_of_the_wanted_segments_come() -> None:
    table = Table(("a", "Other"), ("a", "A"), ("b", "B"), ("c", "Other"))
    watched = WatchedMemberships(table.read, ("A", "B"), LeftOut(()))

    assert [one.to_pydict() for one in watched.wanted()] == [{"CustomerId": ["a", "b"], "segment": [0, 1]}]
    watched.ensure_same()


@pytest.mark.parametrize(
    "later",
    [
        [("a", "A"), ("b", "B")],
        [("a", "A"), ("b", "B"), ("c", "Other"), ("d", "A")],
        [("b", "A"), ("a", "B"), ("c", "Other")],
        [("a", "A"), ("b", "B"), ("c", "Another")],
    ],
    ids=["one left", "one joined", "two changed places", "of a segment that nobody wants"],
)
def test_a_change_of_any_membership_is_noticed(later: list[Membership]) -> None:
    table = Table(("a", "A"), ("b", "B"), ("c", "Other"))
    watched = WatchedMemberships(table.read, ("A", "B"), LeftOut(()))
    list(watched.wanted())
    table.rows = later

    with pytest.raises(
        SnapshotChangedError, match=r"3 memberships before, [234] after, and not all the same"
    ):
        watched.ensure_same()
