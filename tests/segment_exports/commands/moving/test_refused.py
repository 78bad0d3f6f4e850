"""People who may not be mailed: each address once, found whatever its letters, and little of it in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.memory_taken import MemoryTaken
from tests.segment_exports.staged_run import HASHER

from segment_exports.commands.moving.refused import Refusal, RefusedPeople, There, usable

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSALS = st.sampled_from([Refusal.UNSUBSCRIBED, Refusal.UNDELIVERABLE, Refusal.OF_OUR_LISTS])
EMAILS = st.sampled_from([f"{name}@example.com" for name in ("ann", "bob", "cat", "ölaf", "dan+news")])


@pytest.fixture
def people() -> Iterator[RefusedPeople]:
    found = RefusedPeople(HASHER)
    yield found
    found.close()


def all_of(people: RefusedPeople, refusal: Refusal) -> set[str]:
    return {email for some in people.emails(people.have(refusal), 2) for email in some}


@given(added=st.lists(st.tuples(EMAILS, REFUSALS)))
def test_of_several_with_one_address_every_reason_counts(added: list[tuple[str, Refusal]]) -> None:
    people = RefusedPeople(HASHER)
    for email, refusal in added:
        people.add(email, refusal)
    people.seal()

    for refusal in Refusal:
        assert all_of(people, refusal) == {email for email, given in added if given & refusal}
    assert len(people.flags) == len({email for email, _ in added})
    people.close()


@given(
    shown=st.lists(st.tuples(EMAILS, st.booleans(), st.sampled_from([str, str.upper, str.title]))),
    known=st.sets(EMAILS),
)
def test_how_somebody_stands_is_that_of_whoever_may_be_mailed(
    shown: list[tuple[str, bool, type[str]]], known: set[str]
) -> None:
    people = RefusedPeople(HASHER)
    for email in known:
        people.add(email, Refusal.UNSUBSCRIBED)
    people.seal()
    for email, is_off, spelled in shown:
        people.stand(spelled(email), is_off=is_off)

    for email in known:
        place = people.find(email)
        assert place is not None
        of_them = {is_off for one, is_off, _ in shown if one == email}
        wanted = There.MAYBE_MAILED if False in of_them else There.OFF if of_them else There.NOBODY
        assert people.there[place] == wanted
        mailed = {how(one) for one, is_off, how in shown if one == email and not is_off}
        assert people.spelled.get(place, set()) == {one for one in mailed if one != usable(one)}
    people.close()


def test_who_is_not_among_them_is_found_nowhere(people: RefusedPeople) -> None:
    people.add("ann@example.com", Refusal.UNSUBSCRIBED)
    people.seal()

    for email in ("bob@example.com", "", None, "ann at example.com", "no address"):
        assert people.find(email) is None
        people.stand(email, is_off=False)
    assert people.there.tolist() == [There.NOBODY]


def test_nobody_at_all(people: RefusedPeople) -> None:
    people.seal()

    assert all_of(people, Refusal.UNSUBSCRIBED) == set()
    assert people.find("ann@example.com") is None


def test_a_hundred_thousand_people_take_some_megabytes(people: RefusedPeople) -> None:
    with MemoryTaken() as taken:
        for number in range(100_000):
            email = f"somebody.with.a.long.name.{number}@a-rather-long-domain.example.com"
            people.add(email, Refusal.UNSUBSCRIBED)
        people.seal()
        assert sum(len(some) for some in people.emails(people.have(Refusal.UNSUBSCRIBED), 100)) == 100_000

    assert taken.most < 40_000_000
