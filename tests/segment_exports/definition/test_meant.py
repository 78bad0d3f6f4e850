"""What a wrong value, key or name may have been meant for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_exports.definition import load_definition
from segment_exports.definition.meant import near
from segment_exports.errors import DefinitionError
from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_name_that_is_close_is_told() -> None:
    assert near("Golf", ["Silver", "Gold"]) == " Did you mean Gold?"
    assert near("Bronze", ["Silver", "Gold"]) == ""


def test_of_so_many_names_each_is_compared_and_none_beyond() -> None:
    others = [f"{number:08d}" for number in range(bounds.NEAR_NAMES - 1)]
    assert near("Golf", [*others, "Gold"]) == " Did you mean Gold?"
    assert near("Golf", ["00009999", *others, "Gold"]) == ""


@pytest.mark.parametrize("more", [0, 1])
def test_a_name_longer_than_any_is_compared_with_none_and_none_with_it(more: int) -> None:
    wrong, meant = "a" * (bounds.NAME_CHARACTERS + more), "a" * (bounds.NAME_CHARACTERS - 1)
    assert bool(near(wrong, [meant])) is not bool(more)
    assert bool(near(meant, [wrong])) is not bool(more)


BEGIN = "name: newsletter\nsource: {type: lake, path: x}\nsegments: [A]\nmapping: {Email: E}\n"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("refresh: {timezone: UTC, times: ['05:00'], days: [monday]}", "Did you mean mon?"),
        ("refresh: {timezone: UTC, times: ['05:00'], days: [Tues]}", "Did you mean tue?"),
        (
            "refresh: {timezone: UTC, times: ['05:00'], days: mon}",
            "refresh.days: is text of 3 characters; it must be a list; put it in square brackets, with",
        ),
        ("refresh: {timezone: UTC, times: [5:00]}", 'with two digits each. Did you mean "05:00"?'),
        ("refresh: {timezone: UTC, times: [5pm]}", 'Did you mean "17:00"?'),
        ("refresh: {timezone: UTC, times: ['12:30 am']}", 'Did you mean "00:30"?'),
        ("refresh: {timezone: UTC, times: [17]}", 'Did you mean "17:00"?'),
        ("refresh: {timezone: UTC, times: [1730]}", 'Did you mean "17:30"?'),
        ("refresh: {timezone: UTC, times: [0500]}", 'Did you mean "05:00"?'),
        ("refresh: {timezone: UTC, times: [5.30]}", 'Did you mean "05:30"?'),
        ("refresh: {timezone: UTC, times: ['24:00']}", 'Did you mean "00:00"?'),
        (
            "refresh: {timezone: UTC, times: [noon]}",
            'times (item 1): must be a time from "00:00" to "23:59", with two digits each',
        ),
        ("refresh: {timezone: UTC, times: 05:00}", "it must be a list; put it in square brackets"),
        (
            "refresh: {timezone: Berlin, times: ['05:00']}",
            "or America/Sao_Paulo. Did you mean Europe/Berlin?",
        ),
        ("refresh: {timezone: europe/berlin, times: ['05:00']}", "Did you mean Europe/Berlin?"),
        ("refresh: {timezone: Europe/Berlni, times: ['05:00']}", "Did you mean Europe/Berlin?"),
        ("refresh: {timezone: America/São Paulo, times: ['05:00']}", "Did you mean America/Sao_Paulo?"),
        ("refresh: {timezone: E. South America Standard Time, times: ['05:00']}", "mean America/Sao_Paulo?"),
        ("refresh: {timezone: CEST, times: ['05:00']}", "Did you mean Europe/Berlin?"),
        ("refresh: daily", "it must be a mapping of keys; write its keys below it, indented by two blanks"),
        (
            "destination: {type: ortto, new_people: subscribed, create_fields: yes}",
            "destination.create_fields: is text of 3 characters; it must be true or false; write true,",
        ),
        (
            "destination: {type: ortto, new_people: subscribed, create_fields: off}",
            "it must be true or false; write false, without quotes",
        ),
        ("limit: {profiles: '5000'}", "it must be a whole number; take the quotes away"),
        ("limit: {profiles: '100,000'}", "it must be a whole number; write digits alone, as 100000"),
        ("limit: {profiles: 100.000.000}", "it must be a whole number; write digits alone, as 100000"),
        ("guards: {stop_above_invalid: 5%}", "it must be a number; write 0.05"),
        ("guards: {stop_above_invalid: 5}", "is 5; it must be at most 1; 5 % is 0.05"),
        (
            "guards: {stop_above_invalid: '0,05'}",
            "it must be a number; write a point before the decimals, as 0.05",
        ),
        (
            "recency: [LastSeen]",
            "recency: is a list of 1 item; it must be text; write one value, without hyphen",
        ),
        ("limit:\n  - profiles: 5", "it must be a mapping of keys; take the hyphens (-) or brackets away"),
        ("limit: {profiles:5}", "limit.profiles:5: isn't known; write a blank after the colon of profiles"),
        (
            "timezone: UTC",
            "timezone: isn't known. It belongs to refresh: indent it below that key. Allowed: name",
        ),
        ("connection: x", "connection: isn't known. It belongs to source or destination: indent it below"),
        (
            "limit:\n  profiles: 5\n  guards: {min_count: 5}",
            "limit.guards: isn't known. It belongs to the file itself: let it begin in the first column.",
        ),
        ("When-Member-Leaves: keep", "Did you mean when_member_leaves?"),
        (
            'recency: "Last\u00a0Seen"',
            "recency: holds a non-breaking space, as web pages and word processors have",
        ),
    ],
)
def test_what_people_write_is_told_with_what_they_meant(
    write: Callable[..., Path], more: str, told: str
) -> None:
    with pytest.raises(DefinitionError) as refused:
        load_definition(write(BEGIN + more + "\n"))
    assert told in str(refused.value)
    assert str(refused.value).startswith("newsletter.yaml, line ")


@pytest.mark.parametrize(
    ("segments", "told"),
    [
        ("segments:\n  -A", "begin each item with a hyphen and a blank: - item"),
        ("segments:\n  \u2013 A", "begin each item with a hyphen and a blank: - item"),
        ("segments: A, B", "put it in square brackets, with a comma between two values: [one, two]"),
        (
            "segments:\n  A:\n  B:",
            "write each item on a line of its own below it, after a hyphen and a blank",
        ),
        ("segments:", "write each item on a line of its own below it, after a hyphen and a blank (- item)"),
        ("Segments: [A]", "newsletter.yaml, line 3, Segments: isn't known. Did you mean segments? Allowed:"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_once(write: Callable[..., Path], segments: str, told: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        load_definition(write(BEGIN.replace("segments: [A]", segments)))
    assert told in str(refused.value)
    assert "errors" not in str(refused.value)
