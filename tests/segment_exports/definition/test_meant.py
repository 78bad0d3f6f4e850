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
            "refresh.days: is text of 3 characters; it must be a list; write [mon]",
        ),
        ("refresh: {timezone: UTC, times: ['05:00'], days: [Mittwoch]}", "Did you mean wed?"),
        ("refresh: {timezone: UTC, times: ['05:00'], days: [Miércoles]}", "Did you mean wed?"),
        ("refresh: {timezone: UTC, times: ['05:00'], days: [wendesday]}", "Did you mean wed?"),
        ("refresh: {timezone: UTC, times: ['05:00'], days: [fri-mon]}", "Did you mean fri, sat, sun, mon?"),
        (
            "refresh: {timezone: UTC, times: ['05:00'], days: lundi et mardi}",
            "a list; write [mon, tue]",
        ),
        ("refresh: {timezone: UTC, times: ['05:00'], days: weekdays}", "write [mon, tue, wed, thu, fri]"),
        ("refresh: {timezone: UTC, times: ['05:00'], days: daily}", "leave it out for every day"),
        (
            "refresh: {timezone: UTC, times: ['05:00'], days: [\"m\\u00adon\"]}",
            "is text of 4 characters with a character that isn't shown (U+00AD); allowed: mon",
        ),
        ("refresh: {timezone: UTC, times: [midnight]}", 'Did you mean "00:00"?'),
        ("refresh: {timezone: UTC, times: ['5:00 CET']}", 'Did you mean "05:00", and its zone for timezone?'),
        (
            "refresh: {timezone: GMT+1, times: ['05:00']}",
            "An offset knows no summer time: write the zone",
        ),
        (
            "refresh: {timezone: +02:00, times: ['05:00']}",
            "An offset knows no summer time: write the zone",
        ),
        (
            "refresh: {timezone: '(UTC+01:00) Amsterdam, Berlin, Bern', times: ['05:00']}",
            "Did you mean Europe/Amsterdam?",
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
        ("limit: {profiles: 100.000}", "is 100.0; it must be a whole number; write digits alone, as 100000"),
        ("limit: {profiles: 010}", "it must be a whole number; take the zeros before it away"),
        ("retention_days: 30 days", "it must be a whole number; write digits alone, without a unit"),
        ("max_age_hours: 24h", "it must be a number; write digits alone, without a unit"),
        ("guards: {stop_above_invalid: 5 percent}", "it must be a number; write 0.05"),
        ("destination: {type: ortto, new_people: subscribed, create_fields: 1}", "true or false; write true"),
        ("limit: {profiles:: 5}", "isn't known; one colon is enough"),
        ('"recency ": Seen', "has blanks at its start or end; write recency"),
        ('"": Seen', "line 5, a key of blanks: isn't known."),
        ("recency: |\n  Seen", "recency: holds a line break; write all of it on the line of its key"),
        (
            'display_name: "New\u200bs"',
            "holds a character that isn't shown (U+200B); delete it",
        ),
        ("display_name: 5 # five", "display_name: is 5; it must be text; put it in quotes"),
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
        ("limit: {profiles:5}", "limit.profiles:…: isn't known; write a blank after the colon of profiles"),
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
        (
            "segments:\n  - #1 customers",
            "(item 1): is empty; it must be a segment's name, or a mapping of name, list and list_id; # "
            "begins a comment: put a value that begins with it in quotes",
        ),
        (
            "segments:\n  - name: A\n    list: #1 customers",
            "line 5, segments (item 1).list: is empty; it must be text; # begins a comment",
        ),
        (
            "segments: [2024]",
            "(item 1): is 2024; it must be a segment's name, or a mapping of name,",
        ),
        ("segments:\n  - Sale: now", "(item 1): has a colon in its name, or after it; put a name that"),
        ("segments:\n  - A:\n    list: B", "(item 1): has a colon in its name, or after it; put a name that"),
        (
            "segments:\n  - name: A\n  - list: B",
            "(item 2).name: is missing; it is required. If these keys belong",
        ),
        (
            "segments: [{name: {A}}]",
            "name: is a mapping of 1 key; it must be text; put it in quotes if a colon or",
        ),
        ("segments: ['']", "is empty text; it must have at least 1 character"),
        (
            "s\u0435gments: [A]",
            "isn't known: it holds a letter of another alphabet (U+0435). Did you mean seg",
        ),
        ("segments:\n  - Name: A", "(item 1).Name: isn't known. Did you mean name?"),
        ("Segments: [A]", "newsletter.yaml, line 3, Segments: isn't known. Did you mean segments? Allowed:"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_once(write: Callable[..., Path], segments: str, told: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        load_definition(write(BEGIN.replace("segments: [A]", segments)))
    assert told in str(refused.value)
    assert "errors" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{type:: lake, path: x}", "source.type: must have one colon, and a blank after it; allowed: lake"),
        ("{type:lake, path: x}", "source.type: must have one colon, and a blank after it; allowed: lake"),
        ("{Type: lake, path: x}", "source.type: is written Type; allowed: lake, dataverse, api"),
        ("{path: x}", "source.type: is missing; allowed: lake, dataverse, api"),
    ],
)
def test_what_kind_of_source_was_meant(write: Callable[..., Path], source: str, told: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        load_definition(write(BEGIN.replace("{type: lake, path: x}", source)))
    assert told in str(refused.value)


def test_a_key_that_stands_elsewhere_is_not_missing_as_well(write: Callable[..., Path]) -> None:
    with pytest.raises(DefinitionError) as refused:
        load_definition(write(BEGIN.replace("path: x}\nsegments: [A]", "path: x, segments: [A]}")))
    assert "source.segments: isn't known. It belongs to the file itself" in str(refused.value)
    assert "missing" not in str(refused.value)


def test_an_unknown_contact_field_may_be_a_custom_one(write: Callable[..., Path]) -> None:
    with pytest.raises(DefinitionError, match="A custom field belongs below custom, as <type>--<Name>"):
        load_definition(write(BEGIN.replace("Email: E", "Email: E, string--Tier: Tier")))


def test_a_key_of_a_custom_field_is_told_as_any_other(write: Callable[..., Path]) -> None:
    with pytest.raises(DefinitionError) as refused:
        load_definition(
            write(BEGIN.replace("Email: E", "Email: E, custom: {string--Tier: {atribute: Tier}}"))
        )
    assert (
        "string--Tier.atribute: isn't known. Did you mean attribute? Allowed: attribute, format, values"
        in (str(refused.value))
    )
    assert "missing" not in str(refused.value)


def test_a_definition_below_a_key_of_its_own_is_told_once(write: Callable[..., Path]) -> None:
    below = "export:\n" + "".join(f"  {line}" for line in BEGIN.splitlines(keepends=True))
    with pytest.raises(DefinitionError) as refused:
        load_definition(write(below))
    assert str(refused.value) == (
        "newsletter.yaml, line 1, export: isn't known. What is below it belongs to the file itself: take "
        "this line and the indent away"
    )
