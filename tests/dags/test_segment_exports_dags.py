"""One DAG per definition: what every export's graph must look like."""

from __future__ import annotations

import itertools
import json
import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import TriggerRule
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable
from markdown_it import MarkdownIt

from segment_exports.planning.chunk_changes import MOST_CHUNKS, MOST_SECONDS
from segment_exports.settings import bounds
from segment_exports_airflow.operators.approval import WAITS_WITHOUT_SCHEDULE
from segment_exports_airflow.time_limits import STOPS_WITHIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import DAG

pytestmark = pytest.mark.airflow

STEPS = [
    "check_destination", "wait_for_refresh", "extract", "map_profiles", "plan_changes", "upload_duties",
    "after_duties", "chunk_changes", "upload", "settle_run",
]  # fmt: skip
SCHEDULE = '    refresh: {timezone: America/Sao_Paulo, times: ["05:00", "17:00"], days: [mon, fri]}\n'


@pytest.fixture
def dag(definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str) -> DAG:
    definitions(newsletter=newsletter)
    return load_dags().dags["export_newsletter"]


def test_every_definition_is_one_dag(
    definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str
) -> None:
    definitions(
        newsletter=newsletter,
        weekly=newsletter.replace("newsletter", "weekly", 1).replace("Gold", "A").replace("Win-back", "B"),
    )

    assert sorted(load_dags().dags) == ["export_newsletter", "export_weekly"]


def test_the_steps_stand_in_one_line(dag: DAG) -> None:
    assert [task.task_id for task in dag.topological_sort()] == STEPS
    for earlier, later in itertools.pairwise(STEPS):
        also = {"chunk_changes"} if earlier == "plan_changes" else set()
        assert dag.get_task(earlier).downstream_task_ids == {later} | also


def test_what_became_of_the_duties_holds_nothing_up_but_a_plan_that_failed_does(dag: DAG) -> None:
    assert dag.get_task("after_duties").trigger_rule == TriggerRule.ALL_DONE
    assert dag.get_task("chunk_changes").upstream_task_ids == {"plan_changes", "after_duties"}
    assert dag.get_task("chunk_changes").trigger_rule == TriggerRule.ALL_SUCCESS


def test_the_last_step_judges_every_run(dag: DAG) -> None:
    assert [task.task_id for task in dag.leaves] == ["settle_run"]
    settle = dag.get_task("settle_run")
    assert settle.trigger_rule == TriggerRule.ALL_DONE
    assert settle.retries == 0


def test_every_task_ends(dag: DAG) -> None:
    """None earlier than what bounds the work that it does."""
    limits = {task.task_id: task.execution_timeout for task in dag.tasks}
    largest_listing = timedelta(seconds=bounds.LISTING_PAGES / 5)

    assert all(limits.values())
    assert limits["extract"] > timedelta(seconds=bounds.SOURCE_READING_SECONDS)
    assert limits["plan_changes"] > largest_listing
    assert limits["upload"] == limits["upload_duties"] > bounds.UPLOAD + STOPS_WITHIN
    assert max(limits.values()) < bounds.RUN
    assert dag.get_task("wait_for_refresh").timeout > 0 < dag.get_task("plan_changes").timeout


def test_no_chunk_of_a_million_contacts_needs_half_of_an_uploads_time() -> None:
    """Each upserted, and put on a list by a call of its own, at the documented five requests a second."""
    requests = 1_000_000 / 100 + 1_000_000
    of_a_chunk = max(MOST_SECONDS * 5, 4 * requests / MOST_CHUNKS)

    assert timedelta(seconds=of_a_chunk / 5) < bounds.UPLOAD / 2


def test_so_do_those_that_ask_a_person_and_that_tell_of_a_broken_definition(
    definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str
) -> None:
    definitions(newsletter=newsletter + "    guards: {when_tripped: ask}\n", broken="name: other\n")
    dags = load_dags().dags
    asking = dags["export_newsletter"].get_task("ask_a_person")

    assert asking.execution_timeout == bounds.LOOK
    assert asking.response_timeout == WAITS_WITHOUT_SCHEDULE
    assert all(task.execution_timeout for task in dags["export_broken"].tasks)


def test_uploads_share_the_pool_of_their_account(dag: DAG) -> None:
    pools = {task.task_id: task.pool for task in dag.tasks if task.pool != "default_pool"}

    assert pools == dict.fromkeys(["upload_duties", "upload"], "account_autopilot_default")


def test_waiting_holds_no_worker_slot(dag: DAG) -> None:
    for name in ("wait_for_refresh", "plan_changes"):
        assert dag.get_task(name).reschedule


def test_without_a_refresh_an_export_runs_on_demand_or_when_it_is_told_of_one(dag: DAG) -> None:
    assert [asset.uri for asset in dag.schedule] == ["segment-exports://newsletter/refreshed"]
    assert not decode_timetable(encode_timetable(dag.timetable)).periodic


def test_a_refresh_becomes_a_schedule_that_can_be_backfilled(
    definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str
) -> None:
    definitions(newsletter=newsletter + SCHEDULE)

    either = load_dags().dags["export_newsletter"].timetable

    times = either.timetable.timetables
    assert [one.expression for one in times] == ["0 5 * * 1,5", "0 17 * * 1,5"]
    assert str(times[0].timezone) == "America/Sao_Paulo"
    assert decode_timetable(encode_timetable(either)).periodic


def test_a_run_can_also_be_started_by_telling_that_the_refresh_has_ended(
    definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str
) -> None:
    definitions(newsletter=newsletter + SCHEDULE)

    either = load_dags().dags["export_newsletter"].timetable

    assert [asset.uri for asset in either.asset_condition.objects] == [
        "segment-exports://newsletter/refreshed"
    ]


def test_a_scheduled_run_needs_no_answer_in_the_form(dag: DAG) -> None:
    assert dag.params.validate() == {
        "segments": [],
        "dry_run": False,
        "sample": None,
        "snapshot": None,
        "retry_rejected": False,
        "full_resync": False,
        "reconcile": False,
        "force": False,
    }


def test_a_dry_run_waits_for_no_other_run(dag: DAG) -> None:
    assert dag.max_active_runs >= 16


def test_guards_that_ask_put_a_person_before_the_upload(
    definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str
) -> None:
    definitions(newsletter=newsletter + "    guards: {when_tripped: ask}\n")

    dag = load_dags().dags["export_newsletter"]

    assert dag.get_task("ask_a_person").upstream_task_ids == {"plan_changes", "after_duties"}
    assert dag.get_task("ask_a_person").downstream_task_ids == {"chunk_changes"}


def test_the_page_of_a_dag_tells_segments_lists_and_fields(dag: DAG) -> None:
    assert dag.dag_display_name == "Newsletter"
    assert "| Silver | Win-back |" in (dag.doc_md or "")
    assert "| FirstName | FirstName | string |" in (dag.doc_md or "")
    assert dag.tags == {"segment-export", "lake", "autopilot_default"}


def test_the_page_of_a_dag_tells_all_that_makes_it_run(
    dag: DAG, definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str
) -> None:
    told = "whenever Airflow is told of the asset `newsletter_refreshed`"
    assert f"Runs by hand and {told}; at no set times, since" in (dag.doc_md or "")

    definitions(newsletter=newsletter + SCHEDULE)

    text = load_dags().dags["export_newsletter"].doc_md or ""
    assert f"Runs with the refresh at 05:00, 17:00 (America/Sao_Paulo) on mon, fri, and {told}." in text


def test_a_broken_definition_says_so_and_leaves_the_others_alone(
    definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str
) -> None:
    definitions(newsletter=newsletter, broken="name: broken\nsegments: []\n")

    bag = load_dags()

    assert set(bag.dags) == {"export_newsletter", "export_broken"}
    broken = bag.dags["export_broken"]
    assert broken.schedule is None
    assert "broken" in broken.tags
    assert "mapping" in (broken.doc_md or "")
    assert [task.task_id for task in broken.tasks] == ["definition_is_broken"]


@pytest.mark.parametrize(
    ("stem", "dag_id"),
    [
        ("a b", "export_a_b"),
        ("newsletter (copy)", "export_newsletter__copy_"),
        ("boletín", "export_bolet_n"),
        ("发送", "export___"),
        ("a" * 250, "export_" + "a" * 243),
        (b"\xff".decode("utf-8", "surrogateescape"), "export__"),
    ],
)
def test_a_file_whose_name_airflow_refuses_leaves_the_others_alone(
    definitions: Callable[..., Path],
    load_dags: Callable[[], DagBag],
    newsletter: str,
    stem: str,
    dag_id: str,
) -> None:
    definitions(**{"newsletter": newsletter, stem: newsletter.replace("newsletter", "copy", 1)})

    bag = load_dags()

    assert set(bag.dags) == {"export_newsletter", dag_id}
    assert "broken" in bag.dags[dag_id].tags
    assert "file name" in (bag.dags[dag_id].doc_md or "")
    assert (bag.dags[dag_id].doc_md or "").encode()


def test_of_two_files_of_one_name_the_newer_is_a_broken_dag_of_its_own(
    definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str
) -> None:
    folder = definitions(newsletter=newsletter)
    (folder / "newsletter.yml").write_text(newsletter)
    os.utime(folder / "newsletter.yml", (2_000_000_000, 2_000_000_000))

    bag = load_dags()

    assert {name: "broken" in dag.tags for name, dag in bag.dags.items()} == {
        "export_newsletter": False,
        "export_newsletter-2": True,
    }


def test_of_two_exports_of_one_list_only_the_newer_is_broken(
    definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str
) -> None:
    folder = definitions(newsletter=newsletter, twin=newsletter.replace("newsletter", "twin", 1))
    os.utime(folder / "newsletter.yaml", (2_000_000_000, 2_000_000_000))

    bag = load_dags()

    assert [name for name, dag in bag.dags.items() if "broken" in dag.tags] == ["export_newsletter"]


def test_a_definition_always_gives_the_same_dag(
    definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str
) -> None:
    """Else Airflow would write a new version of the DAG with every parse."""
    from airflow.serialization.serialized_objects import DagSerialization

    definitions(newsletter=newsletter + SCHEDULE + "    guards: {when_tripped: ask}\n")

    first, second = (_serialized(DagSerialization, load_dags()) for _ in range(2))

    assert first == second


def _serialized(serializer: Any, bag: DagBag) -> str:
    return json.dumps(serializer.to_dict(bag.dags["export_newsletter"]), sort_keys=True)


def test_nothing_of_a_definition_is_rendered_as_a_template(
    definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str
) -> None:
    definitions(newsletter=newsletter.replace("Gold", '"{{ 1 / 0 }}"'), broken='name: "{{ 1 / 0 }}"\n')

    for dag in load_dags().dags.values():
        for task in dag.tasks:
            own = {"subject", "body"} if task.task_id == "ask_a_person" else set()
            assert set(task.template_fields) <= own, task.task_id


def test_fifty_exports_are_parsed_in_half_a_second(
    definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str
) -> None:
    files = {
        f"export{number:02}": newsletter.replace("newsletter", f"export{number:02}", 1)
        .replace("Gold", f"Gold{number}")
        .replace("Win-back", f"Win-back{number}")
        for number in range(50)
    }
    definitions(**files)
    load_dags()

    seconds = []
    for _ in range(3):
        started = time.process_time()
        assert len(load_dags().dags) == 50
        seconds.append(time.process_time() - started)

    assert min(seconds) < 0.5


def test_what_a_definition_says_shows_as_text_and_is_rendered_nowhere(
    definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str
) -> None:
    """Neither as Markdown nor as a template of Airflow's."""
    hostile = "{{ 1/0 }} ![x](https://evil.com/x.png) <img src=y> a|b `c` www.evil.com"
    written = newsletter.replace("Gold", json.dumps(hostile))
    written = written.replace("name: Newsletter", f"name: {json.dumps(hostile)}")
    written += f"    description: {json.dumps(hostile + chr(0x202E))}\n"
    definitions(newsletter=written + "    guards: {when_tripped: ask}\n")

    dag = load_dags().dags["export_newsletter"]

    for task in dag.tasks:
        fields = [getattr(task, name, None) for name in task.template_fields]
        assert "1/0" not in repr([*fields, task.map_index_template, task.doc_md])
    assert "evil" in str(dag.doc_md)
    markdown = MarkdownIt("gfm-like")
    markdown.linkify.set({"fuzzy_link": False})  # type: ignore[union-attr]
    found = _kinds(markdown.parse(str(dag.doc_md)))
    assert "table_open" in found
    assert not found & {"image", "link_open", "html_inline", "html_block"}
    assert dag.description == hostile + r"\u202e"


def _kinds(tokens: Sequence[Any]) -> set[str]:
    return {one.type for one in tokens}.union(*(_kinds(one.children or []) for one in tokens))


@pytest.mark.parametrize("letter", ["a", "長", "😀", "\\"])
def test_names_as_long_as_a_definition_may_have_them_make_a_dag(
    definitions: Callable[..., Path], load_dags: Callable[[], DagBag], newsletter: str, letter: str
) -> None:
    longest = json.dumps(letter * bounds.NAME_CHARACTERS, ensure_ascii=False)
    written = newsletter.replace("Gold", longest).replace("name: Newsletter", f"name: {longest}")
    written += f"    destination: {{connection: {longest}}}\n"
    written += f"    description: {json.dumps(letter * 50_000, ensure_ascii=False)}\n"
    definitions(newsletter=written, weekly=newsletter.replace("newsletter", "weekly", 1).replace("Gold", "A"))

    bag = load_dags()

    assert bag.import_errors == {}
    assert "broken" not in bag.dags["export_newsletter"].tags
    assert len(bag.dags) == 2
    assert all(len(tag) <= 100 for tag in bag.dags["export_newsletter"].tags)
    assert len(str(bag.dags["export_newsletter"].doc_md)) < 4 * bounds.MESSAGE_CHARACTERS
