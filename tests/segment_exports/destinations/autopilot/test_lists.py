"""Lists are found, adopted or made once; whatever is doubtful is told with ids and a way out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from segment_emulators.autopilot import Fault, FaultKind, SameTitle
from segment_exports.definition import ListTarget
from segment_exports.destinations.autopilot.client import AutopilotClient
from segment_exports.destinations.autopilot.lists import ListState, check_lists, ensure_lists
from segment_exports.destinations.list_registry import ListRegistry
from segment_exports.errors import ListProblemError, OutcomeUnknownError, RequestRefusedError
from segment_exports.records.staging import Store
from segment_exports.transport.pacing import Pacer

NEWS = ListTarget("News", None)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def account(tmp_path) -> Store:
    return Store.local(tmp_path)


@pytest.fixture
def registry(account) -> ListRegistry:
    return ListRegistry(account)


@pytest.fixture
def ensure(client, registry):
    """Ensures lists without really waiting; ``waits`` are what it would have waited."""
    waits = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async def call(*targets, **options):
        return await ensure_lists(client, targets, registry, now=lambda: NOW, sleep=wait, **options)

    call.waits = waits
    return call


def titles(emulator) -> list[str]:
    return sorted(one.title for one in emulator.account.lists.values())


def writes(emulator) -> list[str]:
    return [entry.endpoint for entry in emulator.log.writes()]


async def test_a_list_is_made_once_and_known_by_its_id_from_then_on(ensure, emulator, registry) -> None:
    first = await ensure(NEWS)
    emulator.staff.rename_list(first["News"], "Renamed by staff")
    again = await ensure(NEWS)

    assert again == first
    assert registry.find("News").list_id == first["News"]
    assert writes(emulator) == ["create_list"]


async def test_a_dry_run_makes_nothing_and_remembers_nothing(client, emulator, registry) -> None:
    (status,) = await check_lists(client, [NEWS], registry)

    assert (status.list_id, status.state) == (None, ListState.TO_CREATE)
    assert len(emulator.log) == 1
    assert registry.find("News") is None


async def test_only_titles_that_may_be_made_are_made(ensure, emulator) -> None:
    assert set(await ensure(NEWS, ListTarget("Other", None), make=["News"])) == {"News"}
    assert titles(emulator) == ["News"]


async def test_a_list_that_others_made_needs_its_id(ensure, emulator) -> None:
    there = emulator.staff.add_list("News")
    with pytest.raises(ListProblemError, match=f"set list_id: {there}"):
        await ensure(NEWS)
    assert await ensure(ListTarget("News", there)) == {"News": there}
    assert writes(emulator) == []


async def test_an_id_that_is_not_there_is_told(ensure) -> None:
    with pytest.raises(ListProblemError, match="no list with the list_id contactlist_NONE"):
        await ensure(ListTarget("News", "contactlist_NONE"))


async def test_two_lists_of_one_title_are_told_with_both_ids(ensure, emulator) -> None:
    one, two = emulator.staff.add_list("News"), emulator.staff.add_list("News")
    with pytest.raises(ListProblemError, match="stands 2 times") as problem:
        await ensure(NEWS)
    assert one in str(problem.value)
    assert two in str(problem.value)


@pytest.mark.parametrize("look", ["check", "ensure"])
async def test_two_titles_of_one_list_are_told_with_both_and_its_id(
    client, emulator, registry, ensure, look
) -> None:
    ours = (await ensure(NEWS))["News"]
    targets = [NEWS, ListTarget("Offers", ours), ListTarget("Other", emulator.staff.add_list("Other"))]
    with pytest.raises(ListProblemError) as problem:
        await (check_lists(client, targets, registry) if look == "check" else ensure(*targets))
    assert str(problem.value) == (
        f"lists 'News' and 'Offers' of the definition are one list in the account, {ours}; give their "
        f"segments one list, or choose another list_id"
    )


async def test_a_list_whose_making_was_cut_off_is_one_with_the_list_that_was_adopted(
    ensure, emulator, registry
) -> None:
    registry.intend("News", NOW - timedelta(days=1))
    with pytest.raises(ListProblemError, match="'Offers' and 'News' of the definition are one list"):
        await ensure(ListTarget("Offers", emulator.staff.add_list("News")), NEWS)


async def test_a_former_title_may_share_its_list_with_the_title_that_took_its_place(ensure) -> None:
    ours = (await ensure(NEWS))["News"]
    ids = await ensure(NEWS, ListTarget("Offers", ours), former=["News"])
    assert ids == {"News": ours, "Offers": ours}


async def test_every_problem_is_told_at_once_and_nothing_is_made(ensure, emulator) -> None:
    emulator.staff.add_list("Taken")
    with pytest.raises(ListProblemError) as problem:
        await ensure(NEWS, ListTarget("Taken", None), ListTarget("Gone", "contactlist_NONE"))
    assert "'Taken'" in str(problem.value)
    assert "'Gone'" in str(problem.value)
    assert writes(emulator) == []


async def test_our_list_that_vanished_is_told_and_not_made_again(ensure, emulator) -> None:
    made = await ensure(NEWS)
    emulator.staff.delete_list(made["News"])
    with pytest.raises(ListProblemError, match="has vanished"):
        await ensure(NEWS)
    assert writes(emulator) == ["create_list"]


async def test_the_key_of_another_account_is_asked_about_before_anything_is_advised(ensure, registry) -> None:
    registry.made("News", "contactlist_OURS", NOW)
    with pytest.raises(ListProblemError, match=r"the key of another account .*\? If not, .* everybody joins"):
        await ensure(NEWS)
    with pytest.raises(ListProblemError, match="the key of another account"):
        await ensure(ListTarget("Other", "contactlist_NONE"))


@pytest.mark.parametrize("same_title", list(SameTitle))
@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.RESET, path="^/list$", work_done=True),
        Fault(kind=FaultKind.ERROR, path="^/list$", work_done=True),
        Fault(kind=FaultKind.TRUNCATED_JSON, path="^/list$"),
        Fault(kind=FaultKind.RESET, path="^/list$"),
        Fault(kind=FaultKind.ERROR, path="^/list$"),
    ],
    ids=lambda fault: f"{fault.kind}{', done' if fault.work_done else ''}",
)
async def test_a_list_whose_making_was_not_answered_is_not_made_twice(
    ensure, emulator, fault, same_title
) -> None:
    emulator.switch(same_title=same_title)
    emulator.inject(fault)
    made = await ensure(NEWS)

    assert titles(emulator) == ["News"]
    assert set(emulator.account.lists) == set(made.values())


async def test_a_list_that_appears_late_is_waited_for(ensure, emulator, client) -> None:
    """Autopilot completes requests that it answers with a time-out, half a minute later if need be."""
    emulator.inject(Fault(kind=FaultKind.ERROR, path="^/list$"))
    lists, looks = client.lists, []

    async def appears_at_the_fifth_look():
        looks.append(1)
        if len(looks) == 6:
            emulator.staff.add_list("News")
        return await lists()

    client.lists = appears_at_the_fifth_look
    await ensure(NEWS)

    assert titles(emulator) == ["News"]
    assert writes(emulator) == ["create_list"]
    assert sum(ensure.waits) > 15


async def test_a_run_that_was_cut_off_while_making_a_list_is_taken_up(ensure, emulator, registry) -> None:
    registry.intend("News", NOW - timedelta(days=1))
    there = emulator.staff.add_list("News")

    assert await ensure(NEWS) == {"News": there}
    assert registry.find("News").list_id == there


async def test_a_list_asked_for_a_moment_ago_is_waited_for_before_it_is_made(
    ensure, emulator, registry
) -> None:
    registry.intend("News", NOW - timedelta(seconds=5))
    await ensure(NEWS)

    assert sum(ensure.waits) >= 60
    assert titles(emulator) == ["News"]


async def test_a_list_that_never_appears_is_given_up_and_looked_for_next_time(ensure, emulator) -> None:
    emulator.inject(Fault(kind=FaultKind.ERROR, path="^/list$", times=3))
    with pytest.raises(OutcomeUnknownError, match="looks for it again"):
        await ensure(NEWS)
    await ensure(NEWS)

    assert titles(emulator) == ["News"]


async def test_a_title_that_somebody_else_took_meanwhile_is_told(ensure, emulator, client) -> None:
    emulator.switch(same_title=SameTitle.CONFLICT)
    create = client.create_list

    async def somebody_is_faster(title):
        emulator.staff.add_list(title)
        return await create(title)

    client.create_list = somebody_is_faster
    with pytest.raises(ListProblemError, match="title is taken"):
        await ensure(NEWS)


async def test_a_title_that_stands_twice_after_making_is_told(ensure, emulator, client) -> None:
    create = client.create_list

    async def somebody_is_as_fast(title):
        emulator.staff.add_list(title)
        return await create(title)

    client.create_list = somebody_is_as_fast
    with pytest.raises(ListProblemError, match="now stands 2 times"):
        await ensure(NEWS)


async def test_a_refused_list_leaves_no_intent_behind(ensure, emulator, registry) -> None:
    emulator.inject(Fault(kind=FaultKind.ERROR, path="^/list$", status=400))
    with pytest.raises(RequestRefusedError):
        await ensure(NEWS)
    assert registry.find("News") is None


@pytest.mark.parametrize("title", ["News", "Zürich / Bern", "x" * 300, "../../etc/passwd", "🎉"])
def test_any_title_can_be_registered(registry, title) -> None:
    assert registry.find(title) is None
    assert registry.intend(title, NOW)
    assert not registry.intend(title, NOW)
    assert registry.find(title).list_id is None
    registry.made(title, "contactlist_1", NOW)
    assert (registry.find(title).title, registry.find(title).list_id) == (title, "contactlist_1")


async def test_checking_costs_one_request(emulator, registry) -> None:
    async with AutopilotClient(emulator.base_url, emulator.api_key, pacer=Pacer(None)) as client:
        await check_lists(client, [NEWS, ListTarget("B", None), ListTarget("C", None)], registry)
    assert len(emulator.log) == 1
