"""The generated tenant: the same for everyone, and with the changes and the dirt that it promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from email_validator import EmailNotValidError, validate_email

from segment_emulators.tenant import (
    ATTRIBUTE_NAMES,
    BLOCK,
    MEMBERSHIP_SCHEMA,
    PROFILE_SCHEMA,
    SEGMENTS,
    DailyRates,
    Tenant,
)
from segment_emulators.tenant_columns import DIRT

if TYPE_CHECKING:
    from collections.abc import Callable

CUSTOMERS = 20_000
QUIET = DailyRates(0, 0, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return Tenant(CUSTOMERS)


@pytest.fixture(scope="module")
def first(tenant: Tenant) -> pa.Table:
    return pa.Table.from_batches(tenant.snapshot(0))


@pytest.fixture(scope="module")
def second(tenant: Tenant) -> pa.Table:
    return pa.Table.from_batches(tenant.snapshot(1))


def by_id(table: pa.Table, *columns: str) -> dict[str, tuple[object, ...]]:
    """Return CustomerId → values of the columns; of a customer's two equal rows one."""
    chosen = [table[name].to_pylist() for name in columns]
    return dict(zip(table["CustomerId"].to_pylist(), zip(*chosen, strict=True), strict=True))


class TestSameForEveryone:
    def test_the_same_seed_gives_the_same_rows(self, first: pa.Table) -> None:
        assert pa.Table.from_batches(Tenant(CUSTOMERS).snapshot(0)).equals(first)

    def test_another_seed_gives_other_customers(self, first: pa.Table) -> None:
        other = pa.Table.from_batches(Tenant(CUSTOMERS, seed=8).snapshot(0))
        assert not set(other["CustomerId"].to_pylist()) & set(first["CustomerId"].to_pylist())

    def test_a_greater_tenant_begins_with_the_smaller_one(self, first: pa.Table) -> None:
        greater = pa.Table.from_batches(Tenant(2 * CUSTOMERS).snapshot(0))
        assert greater.slice(0, first.num_rows).equals(first)

    def test_the_figures_of_the_default_tenant(
        self, tenant: Tenant, first: pa.Table, second: pa.Table
    ) -> None:
        assert first.num_rows == CUSTOMERS + len(tenant.dirt_ids("duplicate_row")) == 20_020
        assert len(by_id(second, "EMail")) == 20_000 + 100 - 9 - 28
        assert {event: len(ids) for event, ids in tenant.events(1).items()} == {
            "joined": 100, "changed": 194, "withdrawn": 33, "moved": 54, "merged": 9, "erased": 28,
        }  # fmt: skip
        assert {name: tenant.members(0, name) for name in SEGMENTS} == {
            "HighValueSegment": 4980, "ChurnProne": 2929, "NewsletterReaders": 16_093,
        }  # fmt: skip

    def test_memory_is_bounded_by_the_block(self) -> None:
        rows = [batch.num_rows for batch in Tenant(3 * BLOCK + 5).snapshot(0)]
        assert len(rows) == 4
        assert max(rows) < BLOCK * 1.01


class TestShape:
    def test_every_attribute_is_text(self, tenant: Tenant) -> None:
        assert next(tenant.profiles(0)).schema == PROFILE_SCHEMA
        assert PROFILE_SCHEMA.names == list(ATTRIBUTE_NAMES)

    def test_ids_are_32_hexadecimal_digits_and_stand_once(self, tenant: Tenant, first: pa.Table) -> None:
        ids = first["CustomerId"]
        assert pc.all(pc.match_substring_regex(ids, "^[0-9a-f]{32}$")).as_py()
        doubled = pc.value_counts(ids).filter(pc.greater(pc.value_counts(ids).field("counts"), 1))
        assert set(doubled.field("values").to_pylist()) == set(tenant.dirt_ids("duplicate_row"))

    @pytest.mark.parametrize(
        ("column", "pattern"),
        [
            ("DateOfBirth", r"^\d{4}-\d\d-\d\d$"),
            ("CreatedOn", r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"),
            ("RewardPoints", r"^(\d+|n/a)$"),
            ("Income", r"^\d+\.\d\d$"),
            ("Email Subscriber", "^(Yes|No)$"),
            ("Gender", "^(Female|Male)$"),
            ("Loyalty Tier", "^(high|medium|low)$"),
            ("Telephone", r"^\(\d{3}\) 555-01\d\d$"),
            ("PreviousCustomerId", "^[0-9a-f]{32}(;[0-9a-f]{32}){0,2}$"),
        ],
    )
    def test_values_have_their_form(self, first: pa.Table, column: str, pattern: str) -> None:
        values = pc.drop_null(first[column])
        assert len(values)
        assert pc.all(pc.match_substring_regex(values, pattern)).as_py()

    def test_some_values_are_missing(self, first: pa.Table) -> None:
        missing = {name for name in ATTRIBUTE_NAMES if first[name].null_count}
        assert missing == {"EMail", "Telephone", "DateOfBirth", "Occupation", "PreviousCustomerId"}
        assert first["PreviousCustomerId"].null_count > 0.98 * first.num_rows

    def test_no_address_can_belong_to_anybody(self, first: pa.Table) -> None:
        addresses = pc.utf8_trim_whitespace(pc.utf8_lower(pc.drop_null(first["EMail"])))
        with_domain = addresses.filter(pc.match_substring_regex(addresses, "@."))
        reserved = pc.match_substring_regex(with_domain, r"[@.\-]example(\.?\.com|\.org|\.net)?$")
        assert with_domain.filter(pc.invert(reserved)).to_pylist() == []

    def test_snapshots_are_a_day_apart(self) -> None:
        tenant = Tenant(10, first_snapshot=datetime(2026, 3, 1, 5, tzinfo=UTC))
        assert tenant.snapshot_time(2) == datetime(2026, 3, 3, 5, tzinfo=UTC)


class TestSegments:
    def test_shares_and_overlap(self, first: pa.Table) -> None:
        for name, share in SEGMENTS.items():
            assert pc.mean(first[name]).as_py() == pytest.approx(share, abs=0.02)
        in_all = pc.and_(first["HighValueSegment"], pc.and_(first["ChurnProne"], first["NewsletterReaders"]))
        assert pc.sum(in_all).as_py() > 0.01 * CUSTOMERS

    @pytest.mark.parametrize("snapshot", [0, 1])
    def test_a_segment_s_table_holds_its_members_rows(
        self, tenant: Tenant, first: pa.Table, second: pa.Table, snapshot: int
    ) -> None:
        whole = (first, second)[snapshot]
        table = pa.Table.from_batches(tenant.segment(snapshot, "ChurnProne"))
        assert table.equals(whole.filter(whole["ChurnProne"]).select(list(ATTRIBUTE_NAMES)))
        assert len(set(table["CustomerId"].to_pylist())) == tenant.members(snapshot, "ChurnProne")

    def test_memberships_are_one_row_per_customer(self, tenant: Tenant, second: pa.Table) -> None:
        memberships = pa.Table.from_batches(tenant.memberships(1))
        assert memberships.schema == MEMBERSHIP_SCHEMA
        expected = {
            customer: [name for name, member in zip(SEGMENTS, flags, strict=True) if member]
            for customer, flags in by_id(second, *SEGMENTS).items()
        }
        assert memberships.num_rows == len(expected)
        assert {row["CustomerId"]: row["segments"] for row in memberships.to_pylist()} == expected

    def test_other_segments_may_be_asked_for(self) -> None:
        tenant = Tenant(1000, segments={"Nobody": 0.0, "Everybody": 1.0}, rates=QUIET)
        assert (tenant.members(0, "Nobody"), tenant.members(0, "Everybody")) == (0, 1000)

    def test_an_unknown_segment_is_told_with_those_that_exist(self, tenant: Tenant) -> None:
        with pytest.raises(KeyError, match="no segment 'Typo'; there are HighValueSegment, ChurnProne"):
            next(tenant.segment(0, "Typo"))


@pytest.fixture(scope="module")
def clean() -> tuple[Tenant, pa.Table, pa.Table]:
    tenant = Tenant(CUSTOMERS, dirt=False)
    before, after = (pa.Table.from_batches(tenant.snapshot(day)) for day in (0, 1))
    return tenant, before, after


class TestTheNextDay:
    def test_who_came_and_who_went(self, clean: tuple[Tenant, pa.Table, pa.Table]) -> None:
        tenant, before, after = clean
        events = tenant.events(1)
        old, new = set(before["CustomerId"].to_pylist()), set(after["CustomerId"].to_pylist())
        assert new - old == set(events["joined"])
        previous = by_id(after, "PreviousCustomerId")
        absorbed = {str(previous[customer][0]).split(";")[0] for customer in events["merged"]}
        assert old - new == set(events["erased"]) | absorbed
        assert len(absorbed) == len(events["merged"]) > 0

    @pytest.mark.parametrize(
        ("event", "columns"),
        [
            ("changed", ("Loyalty Tier", "RewardPoints", "Income", "City", "StreetAddress")),
            ("withdrawn", ("Email Subscriber",)),
            ("moved", ("EMail",)),
        ],
    )
    def test_exactly_those_changed_that_the_events_name(
        self, clean: tuple[Tenant, pa.Table, pa.Table], event: str, columns: tuple[str, ...]
    ) -> None:
        tenant, before, after = clean
        old, new = by_id(before, *columns), by_id(after, *columns)
        changed = {customer for customer in old.keys() & new.keys() if old[customer] != new[customer]}
        assert changed == set(tenant.events(1)[event])
        for customer in changed:
            assert all(a != b for a, b in zip(old[customer], new[customer], strict=True))

    def test_who_withdrew_had_permitted(self, clean: tuple[Tenant, pa.Table, pa.Table]) -> None:
        tenant, before, after = clean
        old, new = by_id(before, "Email Subscriber"), by_id(after, "Email Subscriber")
        for customer in tenant.events(1)["withdrawn"]:
            assert (old[customer], new[customer]) == (("Yes",), ("No",))

    def test_some_enter_and_some_leave_each_segment(self, clean: tuple[Tenant, pa.Table, pa.Table]) -> None:
        _, before, after = clean
        for name in SEGMENTS:
            old, new = by_id(before, name), by_id(after, name)
            both = old.keys() & new.keys()
            assert any(old[customer] < new[customer] for customer in both)
            assert any(old[customer] > new[customer] for customer in both)

    def test_who_took_in_another_is_in_that_one_s_segments(self) -> None:
        tenant = Tenant(2_000, dirt=False, rates=replace(QUIET, merged=0.5))
        before = by_id(pa.Table.from_batches(tenant.snapshot(0)), *SEGMENTS)
        after = by_id(pa.Table.from_batches(tenant.snapshot(1)), "PreviousCustomerId", *SEGMENTS)
        merged = tenant.events(1)["merged"]
        assert len(merged) > 300
        for customer in merged:
            previous, *members = after[customer]
            absorbed = str(previous).split(";")[0]
            assert absorbed not in after
            either = [a or b for a, b in zip(before[customer], before[absorbed], strict=True)]
            assert members == either

    def test_nothing_happens_in_a_quiet_tenant(self) -> None:
        tenant = Tenant(1_000, rates=QUIET)
        today, tomorrow = (pa.Table.from_batches(tenant.snapshot(day)) for day in (0, 5))
        assert today.equals(tomorrow)

    def test_a_later_day_builds_on_the_day_before(self, tenant: Tenant, second: pa.Table) -> None:
        third = pa.Table.from_batches(tenant.snapshot(2))
        gone = set(second["CustomerId"].to_pylist()) - set(third["CustomerId"].to_pylist())
        assert len(gone) == len(tenant.events(2)["erased"]) + len(tenant.events(2)["merged"])

    def test_days_before_the_first_do_not_exist(self, tenant: Tenant) -> None:
        with pytest.raises(ValueError, match="count from 0"):
            next(tenant.snapshot(-1))


def _refused(address: str) -> bool:
    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return True
    return False


class TestDirt:
    @pytest.mark.parametrize("kind", DIRT)
    def test_its_number_is_known(self, tenant: Tenant, kind: str) -> None:
        assert len(tenant.dirt_ids(kind)) == 20
        assert len(Tenant(50).dirt_ids(kind)) == 1
        assert Tenant(50, dirt=False).dirt_ids(kind) == []

    @pytest.mark.parametrize(
        ("kind", "column", "has"),
        [
            ("missing_address", "EMail", lambda text: text is None),
            ("blank_address", "EMail", lambda text: text is not None and not text.strip()),
            ("malformed_address", "EMail", _refused),
            ("international_address", "EMail", lambda text: not text.isascii() and not _refused(text)),
            ("mixed_case_address", "EMail", lambda text: text != text.lower() and not _refused(text)),
            ("emoji_name", "FirstName", lambda text: "🌻" in text),
            ("quoted_name", "FirstName", lambda text: '"' in text),
            ("comma_in_street", "StreetAddress", lambda text: "," in text),
            ("line_break_in_street", "StreetAddress", lambda text: "\r\n" in text),
            ("wrong_type", "RewardPoints", lambda text: text == "n/a"),
            ("formula", "LastName", lambda text: text.startswith("=")),
        ],
    )
    def test_it_is_where_it_says_and_nowhere_else(
        self, tenant: Tenant, first: pa.Table, kind: str, column: str, has: Callable[[object], bool]
    ) -> None:
        values = by_id(first, column)
        dirty = set(tenant.dirt_ids(kind))
        assert all(has(values[customer][0]) for customer in dirty)
        clean = by_id(pa.Table.from_batches(replace(tenant, dirt=False).snapshot(0)), column)
        others = {other for name in DIRT if name != kind for other in tenant.dirt_ids(name)}
        assert not any(has(text) for customer, (text,) in clean.items() if customer not in others and text)

    def test_shared_addresses(self, tenant: Tenant, first: pa.Table) -> None:
        order = list(by_id(first, "EMail"))
        rows = by_id(first, "EMail", "Email Subscriber")
        for kind in ("shared_address", "shared_address_variant", "shared_address_refused"):
            for customer in tenant.dirt_ids(kind):
                other = order[order.index(customer) - 1]
                (address, permits), (other_address, other_permits) = rows[customer], rows[other]
                assert str(address).strip().lower() == other_address
                assert (address == other_address) == (kind != "shared_address_variant")
                if kind == "shared_address_refused":
                    assert (permits, other_permits) == ("No", "Yes")

    def test_all_other_addresses_are_distinct(self, tenant: Tenant, first: pa.Table) -> None:
        shared = {
            customer
            for kind in ("shared_address", "shared_address_variant", "shared_address_refused")
            for customer in tenant.dirt_ids(kind)
        }
        addresses = [
            str(address).strip().lower()
            for customer, (address,) in by_id(first, "EMail").items()
            if customer not in shared and address is not None and not _refused(str(address).strip())
        ]
        assert len(addresses) == len(set(addresses))

    def test_a_clean_tenant_has_none(self) -> None:
        table = pa.Table.from_batches(Tenant(2_000, dirt=False).snapshot(0))
        assert table.num_rows == 2_000
        assert table["EMail"].null_count == 0
        assert not any(_refused(address) for address in table["EMail"].to_pylist())
