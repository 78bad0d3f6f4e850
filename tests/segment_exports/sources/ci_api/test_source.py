from __future__ import annotations

import itertools
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from tests.segment_exports.sources.altered_answers import alter

from segment_emulators.customer_insights import NextPage
from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.records.staging import Store
from segment_exports.sources import ReadUnit
from segment_exports.sources.ci_api.source import CiApiSettings
from segment_exports.sources.refresh_evidence import EvaluationStatus, JobStatus, SegmentState
from segment_exports.sources.seen_columns import SeenColumns
from segment_exports.sources.snapshot_marks import SnapshotChangedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.segment_exports.sources.altered_answers import Query
    from tests.segment_exports.sources.conftest import Insights

    from segment_exports.sources.ci_api.source import CiApiSource

SEGMENT = "ChurnProne"
ATTRIBUTES = ("EMail", "Loyalty Tier", "RewardPoints", "CustomerId", "PreviousCustomerId")


def chosen(source: CiApiSource) -> ReadUnit:
    (unit,) = source.read_units({SEGMENT: source.snapshots(SEGMENT)[-1]})
    return ReadUnit.from_json(unit.to_json())


def read(source: CiApiSource, attributes: tuple[str, ...] = ATTRIBUTES) -> pa.Table:
    batches = [batch for _, batch in source.read(chosen(source), attributes)]
    return pa.Table.from_batches(batches).sort_by("CustomerId")


def expected(insights: Insights, attributes: tuple[str, ...] = ATTRIBUTES) -> pa.Table:
    tables = insights.state.tables
    return tables.profiles.take(tables.members[SEGMENT]).select(list(attributes)).sort_by("CustomerId")


@pytest.mark.parametrize("next_page", list(NextPage))
@pytest.mark.parametrize("page_size", [100, 77])
def test_every_member_comes_however_the_paging_works(
    insights: Insights, next_page: NextPage, page_size: int
) -> None:
    insights.state.switches.next_page = next_page

    assert read(insights.api(page_size=page_size)).equals(expected(insights))


def test_a_service_that_gives_fewer_rows_than_asked_for_is_read_to_its_end(insights: Insights) -> None:
    insights.state.switches.largest_page = 100

    assert read(insights.api(page_size=1000)).equals(expected(insights))


def test_paging_by_skip_can_be_forced(insights: Insights) -> None:
    insights.state.switches.next_page = NextPage.LINK

    assert read(insights.api(paging="skip")).equals(expected(insights))
    assert any("$skip" in one.query for one in insights.state.arrivals)


def test_segments_are_announced_with_state_size_and_time(insights: Insights) -> None:
    insights.state.inactive.add("HighValueSegment")

    found = {one.name: one for one in insights.api().segments()}

    assert found["HighValueSegment"].state is SegmentState.INACTIVE
    assert found[SEGMENT].state is SegmentState.ACTIVE
    assert found[SEGMENT].members == len(insights.state.tables.members[SEGMENT])
    assert found[SEGMENT].evaluated_at == insights.state.marked_at
    emails = [one for one in found[SEGMENT].attributes if one.semantic_type == "Identity.Service.Email"]
    assert [one.name for one in emails] == ["EMail"]


def test_where_meanings_are_not_told_attributes_have_none(insights: Insights) -> None:
    insights.state.switches.semantic_types = False

    (found, *_) = insights.api().segments()

    assert {one.semantic_type for one in found.attributes} == {None}


@pytest.mark.parametrize("route", ["workflows/main/jobs", "manage/workflows/main/jobs"])
def test_both_documented_job_urls_are_tried(insights: Insights, route: str) -> None:
    insights.state.switches.job_route = route

    jobs = insights.api().refresh_evidence([SEGMENT]).jobs

    assert jobs is not None
    assert [(job.status, job.whole) for job in jobs] == [(JobStatus.SUCCESSFUL, True)]


def test_without_a_job_url_the_evaluations_remain(insights: Insights) -> None:
    insights.state.switches.job_route = None

    evidence = insights.api().refresh_evidence([SEGMENT])

    assert evidence.jobs is None
    assert evidence.evaluations is not None
    assert evidence.evaluations[0].status is EvaluationStatus.SUCCEEDED
    assert read(insights.api()).equals(expected(insights))


def test_the_first_failed_task_of_a_job_is_told(insights: Insights) -> None:
    insights.state.begin_refresh(insights.state.marked_at + timedelta(days=1))
    insights.state.end_refresh(insights.state.marked_at + timedelta(days=1, minutes=5), status="failed")

    jobs = insights.api().refresh_evidence([SEGMENT]).jobs

    assert jobs is not None
    assert (jobs[0].status, jobs[0].error) == (JobStatus.FAILED, "first failed task: Segments")


def test_an_unknown_segment_is_told_with_those_that_exist(insights: Insights) -> None:
    with pytest.raises(SourceError, match="no segment 'Churn'; it has: ChurnProne, HighValueSegment, News"):
        insights.api().snapshots("Churn")


def test_an_unknown_attribute_is_told_with_those_that_exist(insights: Insights) -> None:
    with pytest.raises(SourceError, match=r"no attribute 'Email2'; it has: .*EMail"):
        read(insights.api(), ("Email2", "CustomerId"))


@pytest.mark.parametrize("time", ["yesterday", "0001-01-01T00:00:00+02:00", 5])
def test_another_segment_and_a_job_with_a_broken_time_stop_nobody(insights: Insights, time: object) -> None:
    def broken(url: str, query: Query, answer: Any) -> Any:
        if url == "manage/segments":
            for one in answer if isinstance(answer, list) else answer["value"]:
                if one["name"] != SEGMENT:
                    one["evaluationStatus"]["evaluationDate"] = time
        if url.endswith("workflows/main/jobs"):
            jobs = answer if isinstance(answer, list) else answer["value"]
            jobs.append({**jobs[0], "jobId": "broken", "submittedTimestamp": time, "endTimestamp": None})
        return answer

    source = alter(insights.api(), broken)
    assert read(source).num_rows == expected(insights).num_rows
    infos = {one.name: one for one in source.segments()}
    assert (
        infos[SEGMENT].fault,
        "evaluationDate of the segment" in str(infos["HighValueSegment"].fault),
    ) == (
        None,
        True,
    )
    with pytest.raises(SourceError, match="evaluationDate of the segment HighValueSegment is"):
        source.snapshots("HighValueSegment")


def test_a_wrong_subscription_key_is_told(insights: Insights) -> None:
    with pytest.raises(
        SourceError, match=r"refuses the app registration \(401\).*check the subscription key"
    ):
        insights.api(key="wrong").check()


def test_the_check_says_how_many_segments_there_are(insights: Insights) -> None:
    assert insights.api().check() == "Customer Insights answers; the instance has 3 segments"


# What goes wrong


def test_throttling_and_an_expired_token_are_overcome(insights: Insights) -> None:
    insights.state.faults.throttle_every = 3
    insights.state.faults.expire_tokens_after = 6

    assert read(insights.api()).equals(expected(insights))


def test_html_instead_of_json_is_told_after_some_tries(insights: Insights) -> None:
    insights.state.faults.html = 3

    with pytest.raises(SourceNotReadyError, match=r"a page .* where JSON was expected"):
        insights.api().check()


def test_a_next_link_to_another_host_is_not_followed(insights: Insights) -> None:
    insights.state.switches.next_page = NextPage.LINK
    insights.state.faults.foreign_link_after = 2

    with pytest.raises(SourceError, match=r"attacker\.example:80 .* the token is not sent there"):
        read(insights.api())


@pytest.mark.parametrize("next_page", list(NextPage))
def test_a_page_that_comes_again_ends_the_reading(insights: Insights, next_page: NextPage) -> None:
    insights.state.switches.next_page = next_page
    insights.state.faults.repeat_page = 2

    with pytest.raises(SourceError, match="a page of data/Customer a second time"):
        read(insights.api())


@pytest.mark.parametrize("next_page", list(NextPage))
def test_pages_of_an_order_that_changes_leave_members_out_which_is_told(
    insights: Insights, next_page: NextPage
) -> None:
    insights.state.switches.stable_order = False
    insights.state.switches.next_page = next_page

    with pytest.raises(SourceError, match=r"sends \d+ of \d+ rows of data/Customer a second time"):
        read(insights.api(page_size=100))


def test_the_order_makes_no_difference_where_a_page_holds_the_whole_segment(insights: Insights) -> None:
    insights.state.switches.stable_order = False

    assert read(insights.api(page_size=5000)).equals(expected(insights))


def test_a_segment_that_is_evaluated_again_while_paging_voids_what_was_read(insights: Insights) -> None:
    source = insights.api()
    unit = chosen(source)
    insights.state.faults.refresh_after_pages = 3

    with pytest.raises(SnapshotChangedError, match="The segment ChurnProne was refreshed again"):
        list(source.read(unit, ATTRIBUTES))


def test_a_refresh_that_has_only_begun_voids_what_was_read_too(insights: Insights) -> None:
    source = insights.api()
    reading = source.read(chosen(source), ATTRIBUTES)
    next(reading)
    insights.state.begin_refresh(insights.state.marked_at + timedelta(days=1))

    with pytest.raises(SnapshotChangedError, match=r"A refresh \(job-2\) began after this run chose"):
        list(reading)


def test_a_refresh_that_began_before_the_first_page_voids_it(insights: Insights) -> None:
    source = insights.api()
    unit = chosen(source)
    insights.state.begin_refresh(insights.state.marked_at + timedelta(days=1))
    before = insights.state.pages

    with pytest.raises(SnapshotChangedError, match=r"A refresh \(job-2\) began after this run chose"):
        next(source.read(unit, ATTRIBUTES))

    assert insights.state.pages == before


@pytest.mark.parametrize("status", ["successful", "failed"])
def test_a_refresh_that_begins_and_ends_while_paging_voids_what_was_read(
    insights: Insights, status: str
) -> None:
    source = insights.api()
    reading = source.read(chosen(source), ATTRIBUTES)
    next(reading)
    insights.state.begin_refresh(insights.state.marked_at + timedelta(days=1))
    insights.state.end_refresh(
        insights.state.marked_at + timedelta(days=1, minutes=5), status=status, advance=False
    )

    with pytest.raises(SnapshotChangedError, match=r"A refresh \(job-2\) began after this run chose"):
        list(reading)


def test_a_failed_job_that_is_tried_again_while_paging_voids_what_was_read(insights: Insights) -> None:
    began = insights.state.marked_at + timedelta(days=1)
    insights.state.begin_refresh(began)
    insights.state.end_refresh(began + timedelta(minutes=5), status="failed")
    source = insights.api()
    reading = source.read(chosen(source), ATTRIBUTES)
    next(reading)
    insights.state.end_refresh(began + timedelta(minutes=15), advance=False)

    with pytest.raises(SnapshotChangedError, match=r"A refresh \(job-2\) began after this run chose"):
        list(reading)


def test_an_old_job_that_comes_back_into_the_list_is_no_refresh(insights: Insights) -> None:
    source = insights.api()
    unit = chosen(source)
    insights.state.begin_refresh(insights.state.marked_at - timedelta(days=2))
    insights.state.end_refresh(insights.state.marked_at - timedelta(days=2), advance=False)

    rows = sum(batch.num_rows for _, batch in source.read(unit, ATTRIBUTES))

    assert rows == expected(insights).num_rows


def test_nothing_is_chosen_while_a_refresh_runs(insights: Insights) -> None:
    insights.state.begin_refresh(insights.state.marked_at + timedelta(days=1))

    with pytest.raises(SourceNotReadyError, match=r"A refresh \(job-2\) runs in Customer Insights"):
        chosen(insights.api())


def test_a_refresh_between_choosing_and_reading_is_noticed(insights: Insights) -> None:
    source = insights.api()
    unit = chosen(source)
    insights.state.advance()

    with pytest.raises(SnapshotChangedError):
        next(source.read(unit, ATTRIBUTES))


@pytest.mark.parametrize(("announced", "passes"), [(1.0, True), (1.005, True), (1.05, False), (0.9, False)])
def test_the_members_that_come_must_be_those_announced(
    insights: Insights, announced: float, passes: bool
) -> None:
    evaluation = insights.state.evaluation(SEGMENT)
    evaluation["entityCount"] = round(evaluation["entityCount"] * announced)
    insights.state.evaluations[SEGMENT] = evaluation

    if passes:
        assert read(insights.api()).num_rows == expected(insights).num_rows
    else:
        with pytest.raises(SourceError, match=r"was announced with \d+ members, but \d+ different ones came"):
            read(insights.api())


@pytest.mark.parametrize("size", [0, 100_001])
def test_a_page_size_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(SourceError, match="must be 1 to"):
        CiApiSettings(page_size=size)


def test_a_sample_shows_some_profiles_as_they_are_read(insights: Insights) -> None:
    attributes = ("FirstName", "EMail", "CustomerId", "PreviousCustomerId")
    found = insights.api().sample("ChurnProne", attributes, 7)

    assert found.schema.names == list(attributes)
    profiles = insights.state.tables.profiles.select(list(attributes)).to_pylist()
    known = {row["CustomerId"]: row for row in profiles}
    assert [known[row["CustomerId"]] for row in found.to_pylist()] == found.to_pylist()
    assert found.num_rows == 7


def test_a_label_that_moved_to_another_attribute_is_told(insights: Insights, tmp_path: Path) -> None:
    seen = SeenColumns(Store.local(tmp_path))
    read(insights.api(seen=seen), ("Loyalty Tier", "CustomerId"))

    def changed(url: str, query: dict[str, str], answer: Any) -> Any:
        if url == "manage/entities/Customer":
            for one in answer["attributes"]:
                if one["friendlyName"] == "Loyalty Tier":
                    one["friendlyName"], one["name"] = "Tier of 2019", "Tier2019"
                elif one["name"] == "City":
                    one["friendlyName"] = "Loyalty Tier"
        return answer

    with pytest.raises(SourceError, match=r"'Loyalty Tier' was the column .* before, and is City now"):
        read(alter(insights.api(seen=seen), changed), ("Loyalty Tier", "CustomerId"))


def members_of(change: Callable[[Query, dict[str, Any]], dict[str, Any]]) -> Callable[[str, Query, Any], Any]:
    """Change the pages of members alone."""
    return lambda url, query, answer: change(query, answer) if "data/Customer" in url else answer


def test_an_empty_page_that_leads_to_another_is_not_the_last(insights: Insights) -> None:
    insights.state.switches.next_page = NextPage.TOKEN

    def empty_between(query: Query, answer: dict[str, Any]) -> dict[str, Any]:
        """A page without rows stands before the second one, which comes for another token."""
        if query.get("$skiptoken") == "100" and not between:
            between.append(query)
            return {"value": [], "@odata.skipToken": "0100"}
        return answer

    between: list[Query] = []
    assert read(alter(insights.api(), members_of(empty_between))).equals(expected(insights))
    assert between


def test_a_service_that_takes_no_notice_of_skip_is_not_read_for_ever(insights: Insights) -> None:
    """Each page has other rows, in another order, and none is the last."""
    draw = random.Random(5)

    def any_rows(query: Query, answer: dict[str, Any]) -> dict[str, Any]:
        rows = insights.state.tables.profiles.select(["CustomerId", "EMail"]).to_pylist()
        return {"value": draw.sample(rows, 100)}

    with pytest.raises(SourceError, match=r"sends \d+ of \d+ rows of data/Customer a second time"):
        read(alter(insights.api(), members_of(any_rows)), ("EMail", "CustomerId"))


def test_empty_pages_that_lead_on_for_ever_are_given_up(insights: Insights) -> None:
    number = itertools.count(10_000)

    def never(query: Query, answer: dict[str, Any]) -> dict[str, Any]:
        return {"value": [], "@odata.skipToken": str(next(number))}

    with pytest.raises(SourceError, match=r"201 empty pages of data/Customer in a row"):
        read(alter(insights.api(), members_of(never)))


def test_a_member_without_an_id_is_read_with_a_doubt(insights: Insights) -> None:
    def nameless(_query: Query, answer: dict[str, Any]) -> dict[str, Any]:
        rows = answer["value"]
        return {**answer, "value": [{**row, "CustomerId": None} if row is rows[0] else row for row in rows]}

    source = alter(insights.api(page_size=5000), members_of(nameless))
    assert len(read(source)) == len(expected(insights))
    assert any("1 row without a CustomerId" in doubt for doubt in source.doubts)


def test_a_page_that_repeats_some_rows_stops_the_run(insights: Insights) -> None:
    last: list[Any] = []

    def repeating(query: Query, answer: dict[str, Any]) -> dict[str, Any]:
        rows = answer["value"]
        value = [*last[-1:], *rows[1:]] if rows else rows
        last[:] = rows
        return answer | {"value": value}

    with pytest.raises(SourceError, match=r"sends 1 of \d+ rows of data/Customer a second time"):
        read(alter(insights.api(), members_of(repeating)))


@pytest.mark.parametrize("rows_without", [1, 100])
def test_a_page_without_a_column_that_was_asked_for_is_not_empty_values(
    insights: Insights, rows_without: int
) -> None:
    def lacking(query: Query, answer: dict[str, Any]) -> dict[str, Any]:
        if query.get("$skip") == "100":
            for row in answer["value"][:rows_without]:
                del row["EMail"]
        return answer

    with pytest.raises(SourceNotReadyError, match=rf"without EMail in {rows_without} of 200 rows"):
        read(alter(insights.api(), members_of(lacking)))


def test_a_sample_without_a_column_is_refused_too(insights: Insights) -> None:
    def lacking(query: Query, answer: dict[str, Any]) -> dict[str, Any]:
        return {"value": [{"CustomerId": row["CustomerId"]} for row in answer["value"]]}

    with pytest.raises(SourceError, match="without EMail in any row"):
        alter(insights.api(), members_of(lacking)).sample("ChurnProne", ("EMail", "CustomerId"), 5)


@pytest.mark.parametrize("again", [True, False])
def test_nobody_leaves_for_a_member_that_is_overlooked_when_another_is_deleted(
    insights: Insights, again: bool
) -> None:
    source = insights.api()
    get = source.reader.get

    def shifted(url: str, params: Query | None = None, headers: Any = None, *, what: str = "") -> Any:
        """All rows behind the first page move up by one, each time or only when they are read first."""
        asked = params or {}
        if int(asked.get("$skip", "0")) >= 100 and (again or asked["$select"] != "CustomerId"):
            asked = {**asked, "$skip": str(int(asked["$skip"]) + 1)}
        return get(url, asked, headers, what=what)

    vars(source.reader)["get"] = shifted
    assert read(source).num_rows == expected(insights).num_rows - 1
    assert source.unread == (frozenset() if again else {SEGMENT})
    assert any("others when they were read again" in one for one in source.doubts) is not again


@pytest.mark.parametrize(("announced", "told"), [(1, "was announced with"), (None, "doesn't tell how many")])
def test_a_count_that_is_another_within_the_tolerance_or_is_not_told_is_doubted(
    insights: Insights, announced: int | None, told: str
) -> None:
    evaluation = insights.state.evaluation(SEGMENT)
    members = evaluation["entityCount"]
    evaluation["entityCount"] = announced and members + announced
    insights.state.evaluations[SEGMENT] = evaluation
    source = insights.api()

    assert read(source).num_rows == members
    (doubt,) = source.doubts
    assert told in doubt
    assert f"{members} " in doubt
