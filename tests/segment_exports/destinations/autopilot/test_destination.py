"""The lists of a chunk are settled before its first contact is sent."""

from __future__ import annotations

from datetime import UTC, datetime

from segment_exports.delivery.job import StopKind
from segment_exports.destinations.list_registry import ListRegistry

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def one_list_of_two_titles(scene) -> str:
    """Adopt under the title "Win back" the list that we made as "News"; return its id."""
    ours = scene.emulator.staff.add_list("News")
    ListRegistry(scene.account).made("News", ours, NOW)
    scene.list_ids = {"Win back": ours}
    return ours


async def test_nobody_is_taken_off_a_list_that_another_title_keeps_them_on(scene, people) -> None:
    ours = one_list_of_two_titles(scene)
    known = scene.emulator.staff.add_contact("p0@example.com", lists=(ours,))
    scene.chunk([people(0, contact_id=known, leaves=["News"], member_of=["Win back"])])
    result = await scene.deliver()

    assert result.stopped.kind is StopKind.LIST
    assert "'News'" in result.stopped.message
    assert f"'Win back' of the definition are one list in the account, {ours}" in result.stopped.message
    assert scene.members("News") == {"p0@example.com"}
    assert scene.emulator.log.writes() == []


async def test_a_title_that_the_definition_names_no_more_may_be_the_list_of_another(scene, people) -> None:
    one_list_of_two_titles(scene)
    scene.chunk([people(0, joins=["Win back"])])
    result = await scene.deliver(former_lists=frozenset(["News"]))

    assert result.complete
    assert scene.members("News") == {"p0@example.com"}
