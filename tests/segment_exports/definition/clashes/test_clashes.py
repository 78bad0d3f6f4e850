"""Two definitions that claim the same: the newer one breaks, in one line, and the other goes on."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from segment_exports.definition import delivered_in, in_time, load_definitions, load_export
from segment_exports.errors import DefinitionError, StagingError
from segment_exports.records.lease import Lease
from segment_exports.records.notes import begun
from segment_exports.records.staging import RunFiles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from segment_exports.definition import ExportDefinition
    from segment_exports.definition.clashes.delivered import Delivered
    from segment_exports.records.staging import Store

LISTS = "name: {0}\nsource: {{type: lake, path: x}}\nsegments: [{1}]\nmapping: {{Email: E}}\n"
PHONE = "name: {0}\nsource: {{type: lake, path: x}}\nsegments: [{0}]\nmapping: {{Email: {1}, Phone: {2}}}\n"
IN_FIELDS = """name: {0}
source: {{type: lake, path: x}}
destination: {{membership: field}}
segments: [{1}]
mapping: {{Email: E, custom: {{{2}}}}}
"""
TO_ORTTO = """name: {0}
source: {{type: lake, path: x}}
segments: [{{name: {0}, list: {1}}}]
mapping: {{Email: E, custom: {{{2}}}}}
destination: {{type: ortto, new_people: subscribed, create_fields: true, connection: {3}}}
"""


def errors_in(folder: Path, staging: Store | None = None) -> dict[str, str | None]:
    evidence = delivered_in(lambda: staging) if staging else None
    return {one.path.name: one.error for one in load_definitions(folder, evidence)}


def test_where_nothing_ran_the_older_file_goes_on(aged: Callable[..., Path], tmp_path: Path) -> None:
    aged("a.yaml", days=1)
    aged("b.yaml", days=2)
    aged("c.yaml", days=0, more="destination: {connection: another_account}\n")
    assert errors_in(tmp_path) == {
        "a.yaml": "a.yaml: the list HighValueSegment of autopilot_default is also written by b.yaml. b.yaml "
        "goes on, since its file is older; write another list here",
        "b.yaml": None,
        "c.yaml": None,
    }


def test_of_files_of_one_time_the_first_by_name_goes_on(aged: Callable[..., Path], tmp_path: Path) -> None:
    aged("b.yaml", days=1)
    aged("a.yaml", days=1)
    errors = errors_in(tmp_path)
    assert errors["a.yaml"] is None
    assert "also written by a.yaml. a.yaml goes on, since its name comes first;" in (errors["b.yaml"] or "")


@pytest.mark.parametrize("days", [0, 1, 2])
def test_whose_runs_deliver_goes_on_whatever_the_files_times_say(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path, days: int
) -> None:
    ran(aged("b.yaml", days=1))
    aged("a.yaml", days=days)
    assert errors_in(tmp_path, staging) == {
        "a.yaml": "a.yaml: the list HighValueSegment of autopilot_default is also written by b.yaml. b.yaml "
        "goes on, since its runs deliver it; write another list here",
        "b.yaml": None,
    }


def test_an_edit_of_an_export_that_runs_is_newer_than_what_another_delivers(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    ran(aged("a.yaml", 3, LISTS.format("a", "Gold")), days=300)
    ran(aged("b.yaml", 2, LISTS.format("b", "Silver")), days=100)
    aged("a.yaml", 9, LISTS.format("a", "Gold, Silver"))
    errors = errors_in(tmp_path, staging)
    assert errors["b.yaml"] is None
    assert "the list Silver of autopilot_default is also written by b.yaml" in (errors["a.yaml"] or "")
    assert "Gold" not in (errors["a.yaml"] or "")


def test_an_edit_of_a_mapping_is_newer_than_one_that_is_delivered(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        ran(aged(f"{name}.yaml", 3, PHONE.format(name, "E", "Telephone")), days=300)
    aged("a.yaml", 3, PHONE.format("a", "E", "MobilePhone"))
    assert errors_in(tmp_path, staging) == {
        "a.yaml": "a.yaml: the contact field Phone of autopilot_default is filled from another attribute in "
        "b.yaml. b.yaml goes on, since its runs deliver it; fill it from the same attribute here",
        "b.yaml": None,
    }


def test_a_list_that_another_filled_is_not_taken_by_one_that_wrote_it_once(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    ran(aged("a.yaml", 3), days=300, members=0)
    ran(aged("b.yaml", 3), days=100)
    errors = errors_in(tmp_path, staging)
    assert errors["b.yaml"] is None
    assert errors["a.yaml"]


def test_of_two_whose_runs_deliver_the_first_to_do_so_goes_on(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    ran(aged("a.yaml", 3), days=100)
    ran(aged("b.yaml", 3), days=300)
    errors = errors_in(tmp_path, staging)
    assert errors["b.yaml"] is None
    assert "goes on, since its runs have delivered since 2025-11-25, before those of this file;" in (
        errors["a.yaml"] or ""
    )


def test_a_first_run_that_is_under_way_is_evidence_too(
    aged: Callable[..., Path], staging: Store, tmp_path: Path, planned: Callable[..., None]
) -> None:
    aged("a.yaml", 3)
    newer = aged("b.yaml", 1)
    assert errors_in(tmp_path, staging)["b.yaml"]
    planned(newer)
    errors = errors_in(tmp_path, staging)
    assert errors["b.yaml"] is None
    assert "b.yaml goes on, since its first run is under way; write another list here" in (
        errors["a.yaml"] or ""
    )
    begun.note(staging.sub("b"), Lease(1, "run_1"), 1)
    errors = errors_in(tmp_path, staging)
    assert errors["b.yaml"] is None
    assert "its runs deliver it" in (errors["a.yaml"] or "")


@pytest.mark.parametrize("ended", ["dry", "settled", "elsewhere"])
def test_a_run_that_is_not_going_to_deliver_is_no_evidence(
    aged: Callable[..., Path], staging: Store, tmp_path: Path, planned: Callable[..., None], ended: str
) -> None:
    aged("a.yaml", 3)
    planned(aged("b.yaml", 1), dry_run=ended == "dry", account="other" if ended == "elsewhere" else None)
    if ended == "settled":
        run = RunFiles(staging.sub("b"), "run_1")
        run.store.write_json(RunFiles.REPORT, {})
    assert errors_in(tmp_path, staging)["a.yaml"] is None


def test_what_is_delivered_goes_before_what_is_planned(
    aged: Callable[..., Path],
    ran: Callable[..., None],
    staging: Store,
    tmp_path: Path,
    planned: Callable[..., None],
) -> None:
    ran(aged("a.yaml", 1))
    planned(aged("b.yaml", 3))
    assert errors_in(tmp_path, staging)["a.yaml"] is None


def test_only_what_still_stands_breaks_another(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    ran(aged("a.yaml", 1, LISTS.format("a", "Gold")))
    aged("b.yaml", 3, LISTS.format("b", "Gold, Silver"))
    aged("c.yaml", 2, LISTS.format("c", "Silver"))
    errors = errors_in(tmp_path, staging)
    assert [name for name, error in errors.items() if error] == ["b.yaml"]


def test_what_a_broken_export_delivers_is_kept_for_it(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    ran(aged("a.yaml", 9, LISTS.format("a", "Gold")))
    ran(aged("b.yaml", 9, LISTS.format("b", "Silver")))
    aged("a.yaml", 1, LISTS.format("a", "Gold, Silver"))
    aged("new.yaml", 1, LISTS.format("new", "Gold"))
    errors = errors_in(tmp_path, staging)
    assert errors["b.yaml"] is None
    assert errors["new.yaml"] == (
        "new.yaml: the list Gold of autopilot_default is also written by a.yaml. a.yaml keeps it while it "
        "is mended, since its runs deliver it; write another list here"
    )


def test_evidence_that_cannot_be_read_is_told_and_the_files_times_decide(
    aged: Callable[..., Path], tmp_path: Path
) -> None:
    def unreachable() -> Store:
        raise StagingError("the staging can't be reached")

    aged("a.yaml", 1)
    aged("b.yaml", 2)
    newer, older = (one.error for one in load_definitions(tmp_path, delivered_in(unreachable)))
    assert older is None
    assert newer == (
        "a.yaml: the list HighValueSegment of autopilot_default is also written by b.yaml. b.yaml goes on, "
        "since its file is older (what they delivered can't be told: the staging can't be reached); write "
        "another list here"
    )


def test_a_staging_that_hangs_holds_nobody_up(
    aged: Callable[..., Path], staging: Store, tmp_path: Path
) -> None:
    answers = threading.Event()

    def hanging() -> Store:
        answers.wait(60)
        return staging

    for number in range(20):
        aged(f"e{number:02}.yaml", number)
    begun_at = time.monotonic()
    errors = [one.error for one in load_definitions(tmp_path, in_time(delivered_in(hanging), 0.1))]
    assert time.monotonic() - begun_at < 30
    answers.set()
    assert errors.pop() is None
    assert all("can't be told: the staging didn't tell within 0.1 s)" in (error or "") for error in errors)


def test_an_export_whose_ledger_is_damaged_is_not_newer_than_one_that_never_ran(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    ran(aged("b.yaml", 1))
    (ledger,) = tmp_path.rglob("*.parquet")
    ledger.write_bytes(b"damaged")
    aged("a.yaml", 2)
    assert errors_in(tmp_path, staging)["b.yaml"] is None


def test_nobody_is_asked_where_nothing_clashes(aged: Callable[..., Path], tmp_path: Path) -> None:
    def asked(name: str, definition: ExportDefinition | None) -> Delivered:
        raise AssertionError(name, definition)

    aged("a.yaml", 1, LISTS.format("a", "Gold"))
    aged("b.yaml", 1, LISTS.format("b", "Silver"))
    assert all(one.definition for one in load_definitions(tmp_path, asked))


def test_a_run_that_began_goes_on_where_nothing_was_delivered_whatever_this_workers_files_say(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    older, newer = aged("a.yaml", 2), aged("b.yaml", 1)
    evidence = delivered_in(lambda: staging)
    assert load_export(tmp_path, "b", evidence, asks=True).name == "b"
    with pytest.raises(DefinitionError, match=r"also written by a\.yaml"):
        load_export(tmp_path, "b", evidence)
    ran(older)
    with pytest.raises(DefinitionError, match="its runs deliver it"):
        load_export(tmp_path, newer.stem, delivered_in(lambda: staging), asks=True)


def test_an_export_is_found_under_its_name_and_its_fault_told(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    write(file="a.yaml")
    write("nonsense: [", file="b.yaml")
    assert load_export(tmp_path, "a").name == "a"
    with pytest.raises(DefinitionError, match=r"b\.yaml, line"):
        load_export(tmp_path, "b")
    with pytest.raises(DefinitionError, match="there is no export c in"):
        load_export(tmp_path, "c")


@pytest.mark.parametrize(("older", "newer"), [("a.yaml", "a.yml"), ("a.yml", "a.yaml")])
def test_of_one_name_in_two_files_the_older_goes_on(
    aged: Callable[..., Path], tmp_path: Path, older: str, newer: str
) -> None:
    aged(older, days=2)
    aged(newer, days=1)
    errors = errors_in(tmp_path)
    assert errors[older] is None
    assert errors[newer] == (
        f"{newer}: {older} has the same name. {older} goes on, since its file is older; rename this file and "
        "the name in it, or take one of the two away"
    )
    assert load_export(tmp_path, "a").name == "a"


def test_a_file_that_takes_no_part_in_the_runs_of_its_name_does_not_step_in_for_a_broken_one(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    ran(aged("a.yaml", 9, LISTS.format("a", "Gold")))
    aged("a.yaml", 3, "nonsense: [")
    aged("a.yml", 2, LISTS.format("a", "Silver"))
    errors = errors_in(tmp_path, staging)
    assert (errors["a.yaml"] or "").startswith("a.yaml, line")
    assert "a.yaml has the same name" in (errors["a.yml"] or "")


def test_of_a_broken_file_of_the_same_name_is_not_said_that_it_goes_on(
    aged: Callable[..., Path], tmp_path: Path
) -> None:
    aged("a.yaml", 3, "nonsense: [")
    aged("a.yml", 2)
    assert errors_in(tmp_path)["a.yml"] == (
        "a.yml: a.yaml has the same name, is broken, and may be what ran under it; rename this file and the "
        "name in it, or take one of the two away"
    )


def test_a_broken_file_of_the_same_name_leaves_the_export_that_runs_alone(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    ran(aged("a.yaml", 1))
    aged("a.yml", 9, "nonsense: [")
    assert errors_in(tmp_path, staging)["a.yaml"] is None


def test_two_exports_that_adopt_one_list_id_clash(aged: Callable[..., Path], tmp_path: Path) -> None:
    for days, name in enumerate("ba"):
        aged(f"{name}.yaml", days, LISTS.format(name, f"{{name: {name.upper()}, list_id: contactlist_1}}"))
    assert errors_in(tmp_path)["b.yaml"] == (
        "b.yaml: the list B of autopilot_default is, by its list_id, also written by a.yaml. a.yaml goes "
        "on, since its file is older; write another list here"
    )


def test_the_attribute_of_the_key_may_differ(aged: Callable[..., Path], tmp_path: Path) -> None:
    aged("a.yaml", 2, PHONE.format("a", "EMail", "Telephone"))
    aged("b.yaml", 1, PHONE.format("b", "EMail_Loyalty", "Telephone"))
    assert errors_in(tmp_path) == {"a.yaml": None, "b.yaml": None}


@pytest.mark.parametrize(
    ("title", "custom", "told"),
    [
        (
            "GOLD",
            "",
            "the lists GOLD and Gold of ortto_default, here and in a.yaml, differ by case or blanks only, "
            "and both may be one tag. a.yaml goes on, since its file is older; give the list another title "
            "here",
        ),
        (
            "Silver",
            "string--tier: Tier",
            "string--tier and string--Tier, here and in a.yaml, are one contact field of ortto_default. "
            "a.yaml goes on, since its file is older; write it as the other file does, or give it another "
            "name here",
        ),
        (
            "Silver",
            "integer--Tier: Tier",
            "integer--Tier and string--Tier, here and in a.yaml, are one contact field of ortto_default. "
            "a.yaml goes on, since its file is older; write it as the other file does, or give it another "
            "name here",
        ),
    ],
)
def test_two_exports_to_ortto_whose_tags_or_fields_may_be_one_there_clash(
    aged: Callable[..., Path], tmp_path: Path, title: str, custom: str, told: str
) -> None:
    aged("a.yaml", 2, TO_ORTTO.format("a", "Gold", "string--Tier: Tier", "ortto_default"))
    aged("b.yaml", 1, TO_ORTTO.format("b", title, custom, "ortto_default"))
    aged("c.yaml", 1, TO_ORTTO.format("c", title, custom, "other"))
    assert errors_in(tmp_path) == {"a.yaml": None, "b.yaml": f"b.yaml: {told}", "c.yaml": None}


@pytest.mark.parametrize(
    ("segments", "custom", "told"),
    [
        ("{name: B, list: Win--back}", "", "have one custom field, boolean--List--Win--back"),
        (
            "B",
            "boolean--List--Win--back: Flag",
            "the custom field boolean--List--Win--back of autopilot_default holds who is on the list Win "
            "back of a.yaml",
        ),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_two_exports_that_use_the_custom_field_of_a_list_clash(
    aged: Callable[..., Path], tmp_path: Path, segments: str, custom: str, told: str, turned: bool
) -> None:
    aged("a.yaml", 1 if turned else 3, IN_FIELDS.format("a", "{name: A, list: Win back}", ""))
    aged("b.yaml", 2, IN_FIELDS.format("b", segments, custom))
    good, broken = ("b.yaml", "a.yaml") if turned else ("a.yaml", "b.yaml")
    errors = errors_in(tmp_path)
    assert errors[good] is None
    if not turned:
        assert told in (errors[broken] or "")
    assert good in (errors[broken] or "")


def test_a_file_has_one_line_however_much_of_it_clashes(aged: Callable[..., Path], tmp_path: Path) -> None:
    names = [f"S{number}" for number in range(7)]
    aged("a.yaml", 3, LISTS.format("a", ", ".join(names)))
    aged("b.yaml", 2, LISTS.format("b", ", ".join(names)))
    told = errors_in(tmp_path)["b.yaml"] or ""
    assert told == (
        "b.yaml: the list S0 of autopilot_default is also written by a.yaml. a.yaml goes on, since its file "
        "is older; write another list here. Likewise the list S1, the list S2, the list S3 and 3 more"
    )


def test_what_else_clashes_with_another_file_names_that_too(
    aged: Callable[..., Path], tmp_path: Path
) -> None:
    aged("a.yaml", 4, LISTS.format("a", "Gold"))
    aged("b.yaml", 3, PHONE.format("b", "E", "Telephone"))
    both = "name: c\nsource: {type: lake, path: x}\nsegments: [Gold]\nmapping: {Email: E, Phone: Mobile}\n"
    aged("c.yaml", 2, both)
    assert (errors_in(tmp_path)["c.yaml"] or "").endswith(
        "write another list here. Likewise the contact field Phone (in b.yaml)"
    )


def test_so_many_files_that_clash_give_as_many_lines_and_soon(
    aged: Callable[..., Path], tmp_path: Path
) -> None:
    lists = ", ".join(f"S{number}" for number in range(20))
    for number in range(200):
        aged(f"e{number:03}.yaml", 400 - number, LISTS.format(f"e{number:03}", lists))
    begun_at = time.process_time()
    errors = errors_in(tmp_path)
    assert time.process_time() - begun_at < 10
    assert errors.pop("e000.yaml") is None
    assert all(error and "\n" not in error and "e000.yaml" in error for error in errors.values())
    assert sum(map(len, filter(None, errors.values()))) < 200 * 600


def test_files_that_were_copied_anew_are_told_alike(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    paths = [aged(f"{name}.yaml", days) for days, name in enumerate("abc")]
    ran(paths[1])
    before = errors_in(tmp_path, staging)
    for path in paths:
        os.utime(path, (1_800_000_000, 1_800_000_000))
    assert errors_in(tmp_path, staging) == before


def test_an_edit_takes_no_list_of_an_export_that_is_broken_by_its_own_edit(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    ran(aged("a.yaml", 9, LISTS.format("a", "Gold")), days=300)
    ran(aged("b.yaml", 9, LISTS.format("b", "Silver")), days=200)
    ran(aged("c.yaml", 9, LISTS.format("c", "Bronze")), days=100)
    aged("a.yaml", 2, LISTS.format("a", "Gold, Silver"))
    aged("b.yaml", 1, LISTS.format("b", "Silver, Bronze"))
    errors = errors_in(tmp_path, staging)
    assert errors["c.yaml"] is None
    assert "the list Bronze of autopilot_default is also written by c.yaml. c.yaml goes on" in (
        errors["b.yaml"] or ""
    )
    assert errors["a.yaml"] == (
        "a.yaml: the list Silver of autopilot_default is also written by b.yaml. b.yaml keeps it while it is "
        "mended, since its runs deliver it; write another list here"
    )


def test_of_two_edits_that_take_a_list_of_one_another_neither_does(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    ran(aged("a.yaml", 9, LISTS.format("a", "Gold")), days=300)
    ran(aged("b.yaml", 9, LISTS.format("b", "Silver")), days=200)
    for name in "ab":
        aged(f"{name}.yaml", 1, LISTS.format(name, "Gold, Silver"))
    errors = errors_in(tmp_path, staging)
    assert "the list Silver of autopilot_default is also written by b.yaml" in (errors["a.yaml"] or "")
    assert "the list Gold of autopilot_default is also written by a.yaml" in (errors["b.yaml"] or "")


def test_what_runs_fill_is_kept_for_a_file_that_cannot_be_read(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    ran(aged("b.yaml", 3, LISTS.format("b", "Gold")))
    aged("b.yaml", 1, "nonsense: [")
    aged("c.yaml", 9, LISTS.format("c", "Gold"))
    aged("d.yaml", 9, LISTS.format("d", "Silver"))
    errors = errors_in(tmp_path, staging)
    assert (errors["b.yaml"] or "").startswith("b.yaml, line 1: opens a bracket")
    assert errors["c.yaml"] == (
        "c.yaml: the list Gold of autopilot_default is also written by b.yaml. b.yaml keeps it while it is "
        "mended, since its runs deliver it; write another list here"
    )
    assert errors["d.yaml"] is None


def test_a_file_that_cannot_be_read_breaks_none_whose_runs_deliver(
    aged: Callable[..., Path], ran: Callable[..., None], staging: Store, tmp_path: Path
) -> None:
    ran(aged("b.yaml", 3, LISTS.format("b", "Gold")), days=300)
    ran(aged("c.yaml", 3, LISTS.format("c", "Gold")), days=100)
    aged("b.yaml", 1, "nonsense: [")
    assert errors_in(tmp_path, staging)["c.yaml"] is None


def test_a_first_run_of_a_file_that_cannot_be_read_keeps_its_lists_too(
    aged: Callable[..., Path], staging: Store, tmp_path: Path, planned: Callable[..., None]
) -> None:
    planned(aged("b.yaml", 3, LISTS.format("b", "Gold")))
    aged("b.yaml", 1, "nonsense: [")
    aged("c.yaml", 9, LISTS.format("c", "Gold"))
    assert errors_in(tmp_path, staging)["c.yaml"] is None
    begun.note(staging.sub("b"), Lease(1, "run_1"), 1)
    assert "b.yaml keeps it while it is mended" in (errors_in(tmp_path, staging)["c.yaml"] or "")
