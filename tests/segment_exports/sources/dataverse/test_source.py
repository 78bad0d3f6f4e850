from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from segment_emulators.customer_insights import ListShape
from segment_emulators.customer_insights.dataverse import OWNER, STATE_LABEL
from segment_exports.definition import DataverseSource as DataverseSourceSettings
from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.records.profiles import WITHOUT_PROFILE
from segment_exports.sources import ReadUnit, doubts_of
from segment_exports.sources.dataverse.profiles import _id_ranges
from segment_exports.sources.dataverse.settings import DataverseSettings
from segment_exports.sources.snapshot_marks import SnapshotChangedError

if TYPE_CHECKING:
    from tests.segment_exports.sources.conftest import Insights

    from segment_exports.sources.dataverse.source import DataverseSource

SEGMENTS = ("HighValueSegment", "ChurnProne", "NewsletterReaders")
ATTRIBUTES = ("EMail", "FirstName", "Loyalty Tier", "CustomerId", "PreviousCustomerId")


def read(
    source: DataverseSource, segments: tuple[str, ...] = SEGMENTS, attributes: tuple[str, ...] = ATTRIBUTES
) -> dict[str, pa.Table]:
    (unit,) = source.read_units({name: source.snapshots(name)[-1] for name in segments})
    batches: dict[str, list[pa.RecordBatch]] = {name: [] for name in segments}
    for segment, batch in source.read(ReadUnit.from_json(unit.to_json()), attributes):
        assert batch.schema.names == list(attributes)
        assert set(batch.schema.types) == {pa.string()}
        batches[segment].append(batch)
    return {name: pa.Table.from_batches(found).sort_by("CustomerId") for name, found in batches.items()}


def expected(insights: Insights, segment: str, attributes: tuple[str, ...] = ATTRIBUTES) -> pa.Table:
    tables = insights.state.tables
    return tables.profiles.take(tables.members[segment]).select(list(attributes)).sort_by("CustomerId")


def test_every_member_comes_with_the_wanted_attributes(insights: Insights) -> None:
    found = read(insights.dataverse())

    for segment in SEGMENTS:
        assert found[segment].equals(expected(insights, segment))


def test_each_table_is_read_once_for_all_segments(insights: Insights) -> None:
    read(insights.dataverse(page_size=1000))

    pages = Counter(
        one.path.rsplit("/", 1)[-1]
        for one in insights.state.arrivals
        if one.query.get("$select", "").count(",")
    )
    in_segments = len(insights.state.tables.in_segments)
    assert pages["msdynci_customerprofiles"] == 3  # 3,000 customers, 1,000 a page
    assert pages["msdynci_segmentmemberships"] == -(-in_segments // 1000)
    assert not [one for one in insights.state.arrivals if "$skip" in one.query]


def test_only_the_wanted_columns_are_asked_for(insights: Insights) -> None:
    read(insights.dataverse(), attributes=("EMail", "CustomerId"))

    asked = {one.query["$select"] for one in insights.state.arrivals if "customerprofiles" in one.path}
    assert asked == {"modifiedon", "msdynci_email,msdynci_customerid"}


@pytest.mark.parametrize("ranges", [2, 7])
def test_ranges_read_side_by_side_bring_the_same(insights: Insights, ranges: int) -> None:
    found = read(insights.dataverse(page_size=500, parallel_reads=ranges))

    assert all(found[segment].equals(expected(insights, segment)) for segment in SEGMENTS)


def test_ranges_meet_without_gap_or_overlap() -> None:
    assert _id_ranges(1) == [None]
    assert _id_ranges(2) == ["msdynci_customerid lt '800'", "msdynci_customerid ge '800'"]
    bounds = [condition for condition in _id_ranges(52) if condition]
    for earlier, later in pairwise(bounds):
        assert earlier.split("lt ")[1] == later.split("ge ")[1].split(" and")[0]


@pytest.mark.parametrize("shape", list(ListShape))
@pytest.mark.parametrize("numbers", [True, False])
def test_undocumented_shapes_make_no_difference(insights: Insights, shape: ListShape, numbers: bool) -> None:
    insights.state.switches.list_shape = shape
    insights.state.switches.numbers = numbers

    found = read(insights.dataverse(), ("ChurnProne",), ("EMail", "RewardPoints", "CustomerId"))

    assert found["ChurnProne"].equals(
        expected(insights, "ChurnProne", ("EMail", "RewardPoints", "CustomerId"))
    )


@pytest.mark.parametrize("name", ["Loyalty Tier", "LoyaltyTier", "loyalty_tier", "msdynci_loyaltytier"])
@pytest.mark.parametrize("metadata", [True, False])
@pytest.mark.parametrize("labels", [True, False])
def test_an_attribute_is_found_under_any_of_its_names(
    insights: Insights, name: str, metadata: bool, labels: bool
) -> None:
    insights.state.switches.metadata = metadata
    insights.state.switches.labels = labels

    found = read(insights.dataverse(), ("ChurnProne",), (name, "CustomerId"))

    tiers = expected(insights, "ChurnProne", ("Loyalty Tier", "CustomerId")).column(0)
    assert found["ChurnProne"].column(name).equals(tiers)


def only(table: pa.Table, name: str) -> set[str | None]:
    return set(table.column(name).to_pylist())


@pytest.mark.parametrize("name", ["Owner", "ownerid", "_ownerid_value"])
def test_a_lookup_is_asked_for_under_the_name_that_holds_its_value(insights: Insights, name: str) -> None:
    found = read(insights.dataverse(), ("ChurnProne",), (name, "CustomerId"))

    assert only(found["ChurnProne"], name) == {OWNER}


@pytest.mark.parametrize("name", ["ownerid", "_ownerid_value"])
def test_a_lookup_is_found_without_metadata(insights: Insights, name: str) -> None:
    insights.state.switches.metadata = False

    found = read(insights.dataverse(), ("ChurnProne",), (name, "CustomerId"))

    assert only(found["ChurnProne"], name) == {OWNER}


def test_a_column_that_belongs_to_another_is_not_offered_and_says_which_to_take(insights: Insights) -> None:
    source = insights.dataverse()

    names = {one.name for one in source.segments()[0].attributes}
    assert {"owneridname", "ownerid", "statecode"} & names == {"ownerid", "statecode"}
    with pytest.raises(SourceError, match=r"'owneridname' belongs to ownerid .*; take ownerid"):
        read(source, attributes=("owneridname", "CustomerId"))


def test_a_choice_is_read_as_its_label(insights: Insights) -> None:
    source = insights.dataverse()

    found = read(source, ("ChurnProne",), ("statecode", "CustomerId"))

    assert only(found["ChurnProne"], "statecode") == {STATE_LABEL}
    assert doubts_of(source) == []


def test_a_choice_without_labels_is_doubted(insights: Insights) -> None:
    insights.state.switches.annotations = False
    source = insights.dataverse()

    found = read(source, ("ChurnProne",), ("statecode", "CustomerId"))

    assert only(found["ChurnProne"], "statecode") == {"0"}
    assert doubts_of(source) == [
        "statecode: Dataverse tells no label of some values of this choice; their numbers are sent"
    ]


def test_labels_are_asked_for_only_where_there_is_a_choice(insights: Insights) -> None:
    source = insights.dataverse()
    preferences: list[str] = []
    get = source.reader.get

    def noted(url: str, params: Any = None, headers: Any = None, **more: Any) -> Any:
        preferences.append((headers or {}).get("Prefer", ""))
        return get(url, params, headers, **more)

    source.reader.get = noted  # type: ignore[method-assign]
    read(source, ("ChurnProne",), ("EMail", "CustomerId"))

    assert not [one for one in preferences if "annotations" in one]


def test_a_column_that_is_secured_is_empty(insights: Insights) -> None:
    insights.state.faults.secured = frozenset({"msdynci_firstname"})

    found = read(insights.dataverse(), ("ChurnProne",), ("FirstName", "CustomerId"))

    assert only(found["ChurnProne"], "FirstName") == {None}


def test_a_column_that_does_not_come_is_not_taken_for_an_empty_one(insights: Insights) -> None:
    insights.state.faults.unsent = frozenset({"msdynci_firstname"})

    with pytest.raises(
        SourceError, match=r"customerprofiles without msdynci_firstname in any row \(\d+ read\)"
    ):
        read(insights.dataverse(), ("ChurnProne",), ("FirstName", "CustomerId"))


def test_half_an_emoji_costs_nobody_the_export(insights: Insights) -> None:
    insights.state.faults.half_emoji = 1
    source = insights.dataverse(page_size=1000)

    found = read(source, ("NewsletterReaders",))

    names = found["NewsletterReaders"].column("FirstName").to_pylist()
    whole = expected(insights, "NewsletterReaders").column("FirstName").to_pylist()
    changed = [(name, before) for name, before in zip(names, whole, strict=True) if name != before]
    assert [name for name, _ in changed] in ([], [f"{before} \ufffd" for _, before in changed])
    assert len(changed) <= 1
    assert [text.split(" of ")[0] for text in doubts_of(source)] == ["1 answer"]
    assert insights.time.slept == []


def test_an_answer_that_is_cut_off_again_and_again_is_told_with_its_table_and_page(
    insights: Insights,
) -> None:
    source = insights.dataverse(page_size=1000)
    (unit,) = source.read_units({"ChurnProne": source.snapshots("ChurnProne")[-1]})
    get = source.reader.get

    def cut(url: str, *args: Any, **more: Any) -> Any:
        if "skiptoken" in url and "customerprofiles" in url:
            insights.state.faults.cut = 3
        return get(url, *args, **more)

    source.reader.get = cut  # type: ignore[method-assign]
    with pytest.raises(
        SourceNotReadyError, match=r"3 tries for page 2 of msdynci_customerprofiles; the last"
    ):
        list(source.read(unit, ATTRIBUTES))


@pytest.mark.parametrize(("asks", "waits"), [("120", [120.0] * 6), ("-5", [1.0, 2.0, 4.0, 8.0, 16.0, 32.0])])
def test_a_service_that_is_busy_is_waited_for_as_it_asks(
    insights: Insights, asks: str, waits: list[float]
) -> None:
    insights.state.faults.busy, insights.state.faults.retry_after = 6, asks

    read(insights.dataverse(tries=2))

    assert insights.time.slept == waits


def test_a_wait_beyond_the_patience_is_not_begun(insights: Insights) -> None:
    source = insights.dataverse()
    insights.state.faults.busy, insights.state.faults.retry_after = 1, "1000000000"

    with pytest.raises(
        SourceNotReadyError, match=r"asks to wait for longer than 1800 s \(1 answers 503, the last"
    ):
        read(source)
    assert insights.time.slept == []


def test_an_unknown_attribute_is_told_with_those_that_exist(insights: Insights) -> None:
    with pytest.raises(
        SourceError, match=r"has no attribute 'Email2'; it has: City, Country, .*Loyalty Tier"
    ):
        read(insights.dataverse(), attributes=("Email2", "CustomerId"))


def test_the_previous_ids_are_left_out_where_there_is_no_such_column(
    insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segment_emulators.customer_insights import dataverse as emulator

    monkeypatch.delitem(emulator.LOGICAL, "PreviousCustomerId")
    monkeypatch.setattr(
        emulator, "ATTRIBUTES", tuple(one for one in emulator.ATTRIBUTES if one.name != "PreviousCustomerId")
    )
    source = insights.dataverse()
    (unit,) = source.read_units({"ChurnProne": source.snapshots("ChurnProne")[-1]})

    names = {tuple(batch.schema.names) for _, batch in source.read(unit, ATTRIBUTES)}

    assert names == {("EMail", "FirstName", "Loyalty Tier", "CustomerId")}


def test_a_segment_that_nobody_is_in_is_told_with_some_that_exist(insights: Insights) -> None:
    with pytest.raises(
        SourceError,
        match=r"a segment 'Churn': .*ChurnProne, HighValueSegment, NewsletterReaders\. "
        r"If it may be empty, set source\.checks\.when_absent to empty",
    ):
        insights.dataverse().snapshots("Churn")


def test_a_segment_that_nobody_is_in_can_be_read_as_empty_beside_others(insights: Insights) -> None:
    source = insights.dataverse(absent_is_empty=True)
    units = source.read_units({name: source.snapshots(name)[-1] for name in ("Nobody", "ChurnProne")})
    rows = Counter[str]()

    for segment, batch in source.read(units[0], ATTRIBUTES):
        rows[segment] += batch.num_rows

    assert units[0].segments == ("Nobody", "ChurnProne")
    assert rows == {"ChurnProne": len(insights.state.tables.members["ChurnProne"])}


def test_an_export_whose_only_segment_is_empty_reads_nothing(insights: Insights) -> None:
    source = insights.dataverse(absent_is_empty=True)
    units = source.read_units({"Nobody": source.snapshots("Nobody")[-1]})

    assert list(source.read(units[0], ATTRIBUTES)) == []


@pytest.mark.parametrize(("when_absent", "is_empty"), [(None, False), ("refuse", False), ("empty", True)])
def test_a_definition_says_whether_nobody_means_empty(when_absent: str | None, is_empty: bool) -> None:
    checks = {"when_absent": when_absent} if when_absent else {}
    source = DataverseSourceSettings(type="dataverse", connection="any", page_size=70, checks=checks)

    assert DataverseSettings.of(source) == DataverseSettings(page_size=70, absent_is_empty=is_empty)


def test_segments_are_counted_from_the_memberships(insights: Insights) -> None:
    found = {one.name: one.members for one in insights.dataverse(page_size=700).segments()}

    assert found == {name: len(members) for name, members in insights.state.tables.members.items()}


def test_attributes_are_announced_under_the_tenants_names(insights: Insights) -> None:
    names = {one.name for one in insights.dataverse().segments()[0].attributes}

    assert {"CustomerId", "EMail", "Loyalty Tier", "Email Subscriber"} <= names


def test_the_snapshot_is_the_time_of_the_last_change(insights: Insights) -> None:
    assert insights.dataverse().snapshots("ChurnProne") == [insights.state.marked_at]


def test_without_a_time_mark_the_present_is_read(insights: Insights) -> None:
    insights.state.switches.time_marks = False

    found = read(insights.dataverse(), ("ChurnProne",))

    assert found["ChurnProne"].equals(expected(insights, "ChurnProne"))
    assert insights.dataverse().refresh_evidence(()).mark is None


def test_without_a_time_mark_the_memberships_are_read_once_more_to_check(insights: Insights) -> None:
    insights.state.switches.time_marks = False
    read(insights.dataverse(page_size=1000))

    pages = Counter(
        one.path.rsplit("/", 1)[-1]
        for one in insights.state.arrivals
        if one.query.get("$select", "").count(",")
    )
    assert pages["msdynci_customerprofiles"] == 3
    assert pages["msdynci_segmentmemberships"] == 2 * -(-len(insights.state.tables.in_segments) // 1000)


@pytest.mark.parametrize(
    ("settings", "everyone"),
    [
        ({"membership_type": "Customer", "segment_provider": "Audience insights"}, True),
        ({"membership_type": "Account"}, False),
        ({"segment_provider": "Somebody else"}, False),
    ],
)
@pytest.mark.parametrize("metadata", [True, False])
def test_only_memberships_of_the_wanted_kind_count(
    insights: Insights, settings: dict[str, str], everyone: bool, metadata: bool
) -> None:
    insights.state.switches.metadata = metadata
    source = insights.dataverse(**settings)
    (unit,) = source.read_units({"ChurnProne": source.snapshots("ChurnProne")[-1]})

    if everyone:
        rows = sum(batch.num_rows for _, batch in source.read(unit, ATTRIBUTES))
        assert rows == len(insights.state.tables.members["ChurnProne"])
    else:
        with pytest.raises(SourceError, match=r"All rows of the segment ChurnProne .* left out: msdynci_"):
            list(source.read(unit, ATTRIBUTES))


# What goes wrong


def test_throttling_is_waited_out_and_uses_up_no_try(insights: Insights) -> None:
    insights.state.faults.throttle_every = 2
    insights.state.faults.retry_after = "7"

    source = insights.dataverse(tries=1, page_size=500)
    found = read(source)

    assert found["ChurnProne"].equals(expected(insights, "ChurnProne"))
    assert set(insights.time.slept) == {7.0}
    assert source.reader.counts.throttled == len(insights.time.slept) > 5


def test_throttling_without_end_is_given_up(insights: Insights) -> None:
    insights.state.faults.throttle_every = 1
    insights.state.faults.retry_after = "600"

    with pytest.raises(SourceNotReadyError, match="Dataverse asks to wait for longer than 1800 s"):
        insights.dataverse().check()


def test_throttling_without_a_time_backs_off(insights: Insights) -> None:
    insights.state.faults.throttle_every = 1
    insights.state.faults.retry_after = None

    with pytest.raises(SourceNotReadyError):
        insights.dataverse().check()

    assert insights.time.slept[:4] == [1.0, 2.0, 4.0, 8.0]


def test_a_token_that_ends_while_paging_is_renewed(insights: Insights) -> None:
    insights.state.faults.expire_tokens_after = 8

    found = read(insights.dataverse(page_size=500))

    assert found["ChurnProne"].equals(expected(insights, "ChurnProne"))
    assert insights.state.tokens_given == 2


def test_a_token_that_is_never_good_is_told_with_what_to_grant(
    insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(insights.state, "token_seconds", 0)

    with pytest.raises(SourceError, match=r"refuses the app registration \(401\).*application user"):
        insights.dataverse().check()


@pytest.mark.parametrize("fault", ["html", "errors", "cut"])
def test_a_broken_answer_is_asked_for_again(insights: Insights, fault: str) -> None:
    source = insights.dataverse()
    units = source.read_units({"ChurnProne": source.snapshots("ChurnProne")[-1]})
    setattr(insights.state.faults, fault, 2)

    rows = sum(batch.num_rows for _, batch in source.read(units[0], ATTRIBUTES))

    assert rows == len(insights.state.tables.members["ChurnProne"])
    assert source.reader.counts.retried == 2


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("html", r"in 3 tries for .*; the last one: a page \(text/html\) where JSON was expected: a proxy"),
        ("errors", "in 3 tries for .*; the last one: status 500"),
        ("cut", "in 3 tries for .*; the last one: [0-9]+ bytes of application/json that are not whole JSON"),
    ],
)
def test_answers_that_stay_broken_are_told(insights: Insights, fault: str, told: str) -> None:
    setattr(insights.state.faults, fault, 3)

    with pytest.raises(SourceNotReadyError, match=told):
        insights.dataverse().check()


def test_a_next_link_to_another_host_is_not_followed(insights: Insights) -> None:
    insights.state.faults.foreign_link_after = 2

    with pytest.raises(
        SourceError, match=r"points to http://attacker\.example:80 .* the token is not sent there"
    ):
        read(insights.dataverse(page_size=500))


def test_a_page_that_comes_again_ends_the_reading(insights: Insights) -> None:
    insights.state.faults.repeat_page = 2

    with pytest.raises(SourceError, match="a page of msdynci_segmentmemberships a second time"):
        read(insights.dataverse(page_size=500))


@pytest.mark.parametrize("after_pages", [1, 3, 6])
@pytest.mark.parametrize("segments", [SEGMENTS, ("ChurnProne",)])
def test_without_a_time_mark_a_refresh_is_seen_by_the_memberships(
    insights: Insights, after_pages: int, segments: tuple[str, ...]
) -> None:
    insights.state.switches.time_marks = False
    source = insights.dataverse(page_size=1000)
    units = source.read_units({name: source.snapshots(name)[-1] for name in segments})
    insights.state.faults.refresh_after_pages = insights.state.pages + after_pages

    with pytest.raises(SnapshotChangedError, match="Dataverse was refreshed while this run was reading"):
        next(source.read(units[0], ATTRIBUTES))


def test_without_a_time_mark_it_tells_what_goes_unnoticed(insights: Insights) -> None:
    insights.state.switches.time_marks = False
    source = insights.dataverse()

    read(source, ("ChurnProne",))

    assert "a profile that changed meanwhile goes unnoticed" in " ".join(doubts_of(source))


def test_a_refresh_that_begins_while_paging_voids_what_was_read(insights: Insights) -> None:
    source = insights.dataverse(page_size=500)
    units = source.read_units({"ChurnProne": source.snapshots("ChurnProne")[-1]})
    insights.state.faults.refresh_after_pages = insights.state.pages + 7

    with pytest.raises(SnapshotChangedError, match="refreshed again while this run was reading"):
        list(source.read(units[0], ATTRIBUTES))


def test_a_refresh_between_choosing_and_reading_is_noticed_before_anything_is_read(
    insights: Insights,
) -> None:
    source = insights.dataverse()
    units = source.read_units({"ChurnProne": source.snapshots("ChurnProne")[-1]})
    insights.state.advance()
    before = insights.state.pages

    with pytest.raises(SnapshotChangedError):
        next(source.read(units[0], ATTRIBUTES))

    assert insights.state.pages == before


def test_a_refresh_between_looking_and_choosing_has_to_end_first(insights: Insights) -> None:
    source = insights.dataverse()
    chosen = source.snapshots("ChurnProne")[-1]
    insights.state.advance()

    with pytest.raises(SourceNotReadyError, match="a refresh runs"):
        source.read_units({"ChurnProne": chosen})


def test_a_few_members_without_profile_come_marked_with_their_id_alone(insights: Insights) -> None:
    insights.state.faults.profiles_missing = 10
    source = insights.dataverse()
    (unit,) = source.read_units({name: source.snapshots(name)[-1] for name in SEGMENTS})

    rows = [row for _, batch in source.read(unit, ATTRIBUTES) for row in batch.to_pylist()]

    assert source.last_join is not None
    assert 0 < source.last_join.without_profile <= 10
    assert len(rows) == sum(len(one) for one in insights.state.tables.members.values())
    missing = set(insights.state.tables.profiles.column("CustomerId")[:10].to_pylist())
    marked = [row for row in rows if row.get(WITHOUT_PROFILE)]
    assert {row["CustomerId"] for row in marked} <= missing
    assert [row for row in rows if row["CustomerId"] in missing] == marked
    assert {row["EMail"] for row in marked} == {None}
    assert any("what they permit isn't known" in text for text in source.doubts)


def test_many_members_without_profile_mean_that_the_refresh_has_not_ended(insights: Insights) -> None:
    insights.state.faults.profiles_missing = 500
    source = insights.dataverse()
    (unit,) = source.read_units({"ChurnProne": source.snapshots("ChurnProne")[-1]})

    with pytest.raises(SourceNotReadyError, match=r"members have no profile in Dataverse.*allowed: 1\.0%"):
        list(source.read(unit, ATTRIBUTES))


def test_a_missing_table_is_told(insights: Insights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment_exports.sources.dataverse.source.PROFILES", "msdynci_other")

    with pytest.raises(
        SourceError, match="no table msdynci_other; is it the one of Customer Insights - Data"
    ):
        insights.dataverse().check()


@pytest.mark.parametrize("settings", [{"page_size": 0}, {"page_size": 5001}, {"parallel_reads": 53}])
def test_documented_limits_hold(settings: dict[str, int]) -> None:
    with pytest.raises(SourceError, match="must be 1 to"):
        DataverseSettings(**settings)


def test_a_sample_shows_some_profiles_as_they_are_read(insights: Insights) -> None:
    attributes = ("FirstName", "EMail", "CustomerId", "PreviousCustomerId")
    found = insights.dataverse().sample("ChurnProne", attributes, 7)

    assert found.schema.names == list(attributes)
    profiles = insights.state.tables.profiles.select(list(attributes)).to_pylist()
    known = {row["CustomerId"]: row for row in profiles}
    assert [known[row["CustomerId"]] for row in found.to_pylist()] == found.to_pylist()
    assert found.num_rows == 7
