from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.segment_exports.mapping.mapping_reference import (
    COLUMNS,
    DEFINITION,
    SEGMENTS,
    TENANTS,
    Row,
    map_plainly,
    stops,
)

from segment_exports.definition import ExportDefinition
from segment_exports.errors import DefinitionError, StagingError
from segment_exports.mapping.column_counts import Consent
from segment_exports.mapping.map_profiles import PieceSizes, map_profiles
from segment_exports.records.keyed_hash import HASH_TYPE, KeyedHasher
from segment_exports.records.profiles import WITHOUT_PROFILE
from segment_exports.records.staging import RunFiles, Store
from segment_exports.records.step_counts import SegmentReads
from segment_exports.records.tables.schemas import CONTACTS, INVALID, WITHHELD
from segment_exports.records.tables.sorted_tables import prefixes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

JUDGING = ExportDefinition.model_validate(
    DEFINITION.model_dump(by_alias=True, exclude_unset=True)
    | {"permission": {"attribute": "Consent", "equals": ("YES", "true")}}
)
"""The same, with the default of ``permission.when_nobody``."""
HASHER = KeyedHasher("a secret of sixteen characters")


@contextmanager
def a_run(tenant: dict[str, list[Row]], columns: Sequence[str] = tuple(COLUMNS)) -> Iterator[RunFiles]:
    """A run whose profiles have been extracted."""
    with tempfile.TemporaryDirectory() as folder:
        files = RunFiles(Store.local(folder), "manual__2026")
        for segment, rows in tenant.items():
            schema = pa.schema([pa.field(name, pa.string()) for name in columns])
            with files.store.writing(files.profiles(segment)) as path:
                table = pa.table([[row.get(name) for row in rows] for name in columns], schema=schema)
                pq.write_table(table, path)
        yield files


def read(files: RunFiles, name: str) -> list[dict[str, Any]]:
    with files.store.parquet_file(name) as file:
        return file.read().to_pylist()


def reads(tenant: dict[str, list[Row]], sample: int) -> SegmentReads:
    """What extract would have counted."""
    return SegmentReads(
        read={name: min(len(rows), sample) for name, rows in tenant.items()},
        snapshots=dict.fromkeys(tenant, "2026-01-06T05:00:00+00:00"),
        whole=dict.fromkeys(tenant, sample == 1000),
        judged=dict.fromkeys(tenant, True),
        extract_seconds=0.0,
    )


def refusals(people: frozenset[str]) -> npt.NDArray[np.uint64]:
    """What stands in the record of refusals of these addresses and customers."""
    return np.sort(prefixes(pa.array(map(HASHER.text, people), HASH_TYPE)))


def everything(files: RunFiles) -> list[Any]:
    """All that must not depend on the order of the rows."""
    summary = files.store.read_json(files.MAP) | {"seconds": 0}
    summary["invalid_reasons"].sort(key=repr)
    return [read(files, files.CONTACTS), read(files, files.WITHHELD), summary]


def profile(email: str | None, **values: str | None) -> Row:
    return {"EMail": email, "Consent": "Yes", **values}


def only_contact(tenant: dict[str, list[Row]], **options: Any) -> dict[str, Any]:
    with a_run({name: tenant.get(name, []) for name in SEGMENTS}) as files:
        map_profiles(DEFINITION, files, HASHER, **options)
        (contact,) = read(files, files.CONTACTS)
        return contact | {"payload": json.loads(contact["payload"])}


SIZES = st.builds(PieceSizes, batch=st.integers(1, 9), shard=st.integers(1, 9))
TOMBSTONES = st.frozensets(st.sampled_from(["ana@example.com", "c1", "p3", "nobody"]), max_size=2)
REFUSED = st.frozensets(st.sampled_from(["bob@example.com", "c2", "p1", "somebody"]), max_size=2)


@settings(max_examples=80, deadline=None)
@given(
    TENANTS,
    SIZES,
    TOMBSTONES,
    REFUSED,
    st.sampled_from([1000, 1, 2, 5]),
    st.booleans(),
    st.sampled_from([*SEGMENTS, None]),
)
def test_profiles_become_what_a_plain_reading_says(
    tenant, sizes, erased, refused, sample, believes_nobody, silent
):
    tenant = tenant | {name: [row | {"Consent": ""} for row in tenant[name]] for name in {silent} - {None}}
    assume(not stops(tenant, sample=sample))
    expected = map_plainly(
        tenant, erased=erased, refused=refused, sample=sample, believes_nobody=believes_nobody
    )
    with a_run(tenant) as files:
        summary = map_profiles(
            DEFINITION if believes_nobody else JUDGING,
            files,
            HASHER,
            reads=reads(tenant, sample),
            erased=frozenset(map(HASHER.text, erased)),
            refused=refusals(refused),
            sizes=sizes,
        )
        check_contacts(read(files, files.CONTACTS), expected.contacts)
        for name, is_unjudged in ((files.WITHHELD, False), (files.UNJUDGED, True)):
            here = {
                email: reason
                for email, reason in expected.withheld.items()
                if (reason == "permission_unjudged") is is_unjudged
            }
            assert people(files, name) == {
                (HASHER.text(email), HASHER.text(customer) if customer else None)
                for email in here
                for customer in expected.customers[email]
            }
            withheld = {row["email_hash"]: row["reason"] for row in read(files, name)}
            assert withheld == {HASHER.text(email): reason for email, reason in here.items()}
            assert list(withheld) == sorted(withheld)
        invalid = [tuple(row.values())[:5] for row in read(files, files.INVALID)]
        assert invalid == expected.invalid
        assert summary.to_json()["profiles"] == expected.counts
        assert files.store.read_json(files.MAP) == summary.to_json()


def people(files: RunFiles, name: str) -> set[tuple[bytes, bytes | None]]:
    return {(row["email_hash"], row["customer_hash"]) for row in read(files, name)}


def check_contacts(rows: list[dict[str, Any]], expected: dict[str, dict[str, Any]]) -> None:
    assert {row["email"] for row in rows} == set(expected)
    assert [row["email_hash"] for row in rows] == sorted(HASHER.text(email) for email in expected)
    for row in rows:
        contact = expected[row["email"]]
        assert row["email_hash"] == HASHER.text(row["email"])
        assert row["segments"] == contact["segments"]
        assert row["payload_hash"] == HASHER.text(row["payload"])
        winner = row["customer_id"], row["customer_hash"], json.loads(row["payload"])
        assert winner in [as_written(customer, values) for customer, _, values in contact["winners"]]
        others = contact["ids"] - {row["customer_id"]}
        assert set(row["previous_customer_hashes"]) == set(map(HASHER.text, others))


def as_written(customer: str | None, values: dict[str, Any]) -> tuple[Any, ...]:
    sent = {key: value for key, value in values.items() if value is not None}
    custom = {key: sent.pop(key) for key in list(sent) if "--" in key}
    payload = sent | ({"custom": custom} if custom else {})
    return customer, HASHER.text(customer) if customer else None, payload


@settings(max_examples=40, deadline=None)
@given(TENANTS, SIZES, st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_the_size_of_pieces_matters(tenant, sizes, random):
    assume(not stops(tenant))
    with a_run(tenant) as files:
        map_profiles(DEFINITION, files, HASHER)
        expected = everything(files)
    shuffled = {name: random.sample(rows, len(rows)) for name, rows in tenant.items()}
    with a_run(shuffled) as files:
        map_profiles(DEFINITION, files, HASHER, sizes=sizes)
        assert everything(files) == expected


@settings(max_examples=30, deadline=None)
@given(TENANTS, st.frozensets(st.sampled_from(SEGMENTS), min_size=1))
def test_a_run_of_some_segments_maps_only_those(tenant, chosen):
    kept = tuple(name for name in SEGMENTS if name in chosen)
    assume(not stops(tenant, kept))
    expected = map_plainly(tenant, kept)
    with a_run({name: rows for name, rows in tenant.items() if name in chosen}) as files:
        summary = map_profiles(DEFINITION, files, HASHER, segments=sorted(chosen))
        check_contacts(read(files, files.CONTACTS), expected.contacts)
        assert list(summary.segments_read) == list(kept)
        assert summary.to_json()["profiles"] == expected.counts


def test_a_segment_whose_permission_is_empty_speaks_only_for_those_who_are_held_back_for_other_reasons():
    silent = [
        profile(f"{name}@x.de", CustomerId=customer, Consent="")
        for name, customer in (("ana", "c1"), ("ben", "c2"), ("cem", "p3"), ("dora", "c5"))
    ]
    silent.append(profile("eva", CustomerId="c6", Consent=""))
    silent.append(profile("finn", CustomerId="c1", Consent=""))
    spoken = [profile("dora@x.de", CustomerId="c5", Consent="No"), profile("gus@x.de", CustomerId="c7")]
    with a_run({"Gold": silent, "Silver": spoken, "Bronze": []}) as files:
        summary = map_profiles(
            JUDGING,
            files,
            HASHER,
            erased=frozenset({HASHER.text("c1")}),
            refused=refusals(frozenset({"c2"})),
        )
        assert {row["email"] for row in read(files, files.CONTACTS)} == {"gus@x.de"}
        assert {row["email_hash"]: row["reason"] for row in read(files, files.WITHHELD)} == {
            HASHER.text("ana@x.de"): "erased",
            HASHER.text("ben@x.de"): "permission_refused_earlier",
            HASHER.text("dora@x.de"): "permission_refused",
        }
        assert all(HASHER.text(row["email"]) == row["email_hash"] for row in read(files, files.WITHHELD))
        assert people(files, files.UNJUDGED) == {(HASHER.text("cem@x.de"), HASHER.text("p3"))}
        withdrawn = {row["customer_id"]: row["withdrawn"] for row in read(files, files.INVALID)}
        assert withdrawn == {"c6": False, None: True}, "who was erased is not named"
    assert str(summary.unjudged_permission).startswith("Consent (permission.attribute) has no value")


def test_a_member_of_several_segments_is_one_contact_of_all_of_them():
    contact = only_contact(
        {
            "Bronze": [profile("Ana@example.com", Name="third")],
            "Silver": [profile("ana@example.com", Name="second", CustomerId="c9")],
        }
    )
    assert contact["segments"] == ["Silver", "Bronze"]
    assert contact["payload"] == {"Email": "ana@example.com", "FirstName": "second"}
    assert contact["customer_id"] == "c9"


def test_the_newest_row_wins_within_a_segment_as_a_whole():
    rows = [
        profile("a@x.de", Name="old", Points="1", Updated="2024-01-01T00:00:00Z", CustomerId="c1"),
        profile("a@x.de", Points="2", Updated="2024-01-01T00:00:00-01:00", CustomerId="c2"),
        profile("a@x.de", Name="undated", Points="3", CustomerId="c0"),
    ]
    contact = only_contact({"Gold": rows})
    assert contact["payload"] == {"Email": "a@x.de", "custom": {"integer--Points": 2}}
    assert contact["customer_id"] == "c2"


def test_the_lowest_customer_id_wins_among_equally_new_rows():
    rows = [profile("a@x.de", Name="none"), *(profile("a@x.de", Name=one, CustomerId=one) for one in "cab")]
    assert only_contact({"Gold": rows})["payload"]["FirstName"] == "a"


@pytest.mark.parametrize("attribute", ["CustomerId", "Name", "PreviousCustomerId"])
def test_rows_that_tie_give_the_same_contact_in_any_order(attribute):
    rows = [profile("a@x.de", **{attribute: value}) for value in ("c1", "c2", "c3")]
    assert only_contact({"Gold": rows}) == only_contact({"Gold": rows[::-1]})


def test_one_refusal_withholds_the_address_in_all_segments():
    tenant = {
        "Gold": [profile("a@x.de"), profile("b@x.de")],
        "Bronze": [profile("A@x.de ", Consent="No")],
    }
    assert only_contact(tenant)["email"] == "b@x.de"


def test_a_refusal_counts_even_where_its_row_is_invalid():
    tenant = {
        "Gold": [profile("a@x.de")],
        "Silver": [profile("a@x.de", Points="many", Consent="")],
        "Bronze": [],
    }
    with a_run(tenant) as files:
        summary = map_profiles(DEFINITION, files, HASHER)
        assert (summary.invalid, summary.withheld, summary.contacts) == (1, 1, 0)
        assert [row["reason"] for row in read(files, files.WITHHELD)] == ["permission_empty"]


@pytest.mark.parametrize(
    ("refused", "meant"),
    [
        ("Anna <anna@x.de>", ["anna@x.de"]),
        ("anna@x.de; BEA@x.de", ["anna@x.de", "bea@x.de"]),
        ("anna at x.de", ["anna@x.de"]),
        ("an\ufe0fna@x.de", ["anna@x.de"]),
        ("'anna@x.de", ["anna@x.de"]),
    ],
)
def test_a_refusal_under_what_is_no_address_counts_for_each_address_that_it_may_mean(refused, meant):
    rows = [
        profile(refused, Consent="No", CustomerId="c1"),
        *(profile(address, CustomerId=f"d{number}") for number, address in enumerate(meant)),
        profile("other@x.de"),
    ]
    with a_run({"Gold": rows[1:], "Silver": [], "Bronze": rows[:1]}) as files:
        summary = map_profiles(DEFINITION, files, HASHER)
        assert [row["email"] for row in read(files, files.CONTACTS)] == ["other@x.de"]
        withheld = {(HASHER.text(address), HASHER.text("c1")) for address in meant}
        assert withheld <= people(files, files.WITHHELD)
        assert summary.withheld_addresses == {"permission_refused": len(meant)}
        assert (summary.invalid, summary.withheld) == (1, len(meant))


def test_a_refusal_under_an_address_that_hardly_is_one_counts_for_that_which_it_may_mean_too():
    gold = [profile("e-mail=anna@x.de"), profile("anna@x.de"), profile("r&d@x.de"), profile("d@x.de")]
    bronze = [profile("E-Mail=anna@x.de", Consent="No"), profile("r&d@x.de", Consent="No")]
    assert only_contact({"Gold": gold, "Bronze": bronze})["email"] == "d@x.de"


def test_permission_under_what_is_no_address_speaks_for_and_against_nobody():
    tenant = {"Gold": [profile("YAS\u0130N@x.de"), profile("yasin@x.de", Name="Yasin")]}
    assert only_contact(tenant)["email"] == "yasin@x.de"


def test_an_erased_person_does_not_come_back_under_a_new_customer_id():
    tenant = {
        "Gold": [profile("new@x.de", CustomerId="c2", PreviousCustomerId="c1"), profile("b@x.de")],
    }
    assert only_contact(tenant, erased=frozenset([HASHER.text("c1")]))["email"] == "b@x.de"


def test_an_export_without_permission_and_recency_takes_everybody():
    definition = ExportDefinition.model_validate(
        {
            "name": "plain",
            "source": {"type": "lake", "path": "lake"},
            "segments": ["Gold"],
            "mapping": {"Email": "EMail"},
        }
    )
    with a_run({"Gold": [{"EMail": "a@x.de"}, {"EMail": "b@x.de"}]}, ["EMail", "CustomerId"]) as files:
        summary = map_profiles(definition, files, HASHER)
        assert summary.contacts == 2
        assert summary.to_json()["recency_unreadable"] == 0
        assert read(files, files.CONTACTS)[0]["previous_customer_hashes"] == []


def test_segments_without_profiles_give_empty_files():
    with a_run({name: [] for name in SEGMENTS}) as files:
        summary = map_profiles(DEFINITION, files, HASHER)
        assert summary.read == summary.contacts == 0
        for name, schema in (
            (files.CONTACTS, CONTACTS),
            (files.INVALID, INVALID),
            (files.WITHHELD, WITHHELD),
        ):
            with files.store.parquet_file(name) as file:
                assert file.schema_arrow.equals(schema)
                assert file.metadata.num_rows == 0


def test_the_summary_counts_reasons_empty_values_and_unreadable_dates():
    rows = [
        profile("a@x.de", Name="A", Updated="last week"),
        profile("a@x.de", Name="A", Updated="2024-05-06"),
        profile("nobody"),
        profile("b@x.de", Points="x"),
        profile("c@x.de", Points="y", Consent="No"),
    ]
    with a_run({"Gold": rows, "Silver": [], "Bronze": []}) as files:
        written = map_profiles(DEFINITION, files, HASHER, clock=iter([10.0, 12.5]).__next__).to_json()
    assert written["invalid_reasons"] == [
        {"field": "integer--Points", "reason": "not_an_integer", "profiles": 2},
        {"field": "Email", "reason": "no_at_sign", "profiles": 1},
    ]
    assert written["withheld_addresses"] == {"permission_refused": 1}
    assert written["empty_values"] == {
        "Email": 0,
        "FirstName": 3,
        "boolean--Active": 5,
        "date--Born": 5,
        "float--Income": 5,
        "integer--Points": 3,
    }
    assert written["recency_unreadable"] == 1
    assert written["seconds"] == 2.5
    permission = {"yes": 4, "empty": 0, "other": 1}
    assert written["segments"]["Gold"] == {"read": 5, "contacts": 1, "permission": permission}


def test_a_member_without_a_profile_is_refused_and_has_neither_withdrawn_nor_an_empty_column() -> None:
    unknown = {"CustomerId": "c2", WITHOUT_PROFILE: "true"}
    tenant = {"Gold": [profile("a@x.de", CustomerId="c1"), unknown], "Silver": [unknown], "Bronze": []}
    with a_run(tenant, (*COLUMNS, WITHOUT_PROFILE)) as files:
        summary = map_profiles(JUDGING, files, HASHER)
        invalid, withheld = read(files, files.INVALID), read(files, files.WITHHELD)

    told = [(row["customer_id"], row["field"], row["reason"], row["withdrawn"]) for row in invalid]
    assert told == [("c2", "CustomerId", "no_profile", False)] * 2
    assert withheld == []
    assert summary.contacts == 1
    assert summary.unjudged_permission is None
    assert summary.columns["Gold"].consents == {Consent.YES: 1}
    assert summary.columns["Gold"].rows - summary.columns["Gold"].empty["EMail"] == 1
    assert summary.columns["Silver"].rows == 0
    assert not +summary.columns["Silver"].empty


def test_invalid_rows_are_told_with_their_number_and_a_masked_address():
    rows = [
        profile("a@x.de"),
        profile("john.doe@", CustomerId="c7", PreviousCustomerId="c5; c6"),
        profile("john@x.de", Born="3/4/2001", Consent="No"),
        profile("jane@x.de", Born="3/4/2001", Consent=""),
    ]
    with a_run({"Gold": [], "Silver": rows, "Bronze": []}) as files:
        map_profiles(DEFINITION, files, HASHER, sizes=PieceSizes(batch=2))
        assert [tuple(row.values()) for row in read(files, files.INVALID)] == [
            ("Silver", 2, "c7", "Email", "bad_domain", "j***@***", False, "c5; c6", False),
            ("Silver", 3, None, "date--Born", "not_a_date", "j***@x***.de", True, None, False),
            ("Silver", 4, None, "date--Born", "not_a_date", "j***@x***.de", True, None, True),
        ]


def test_what_the_destination_can_not_hold_makes_its_row_invalid_with_field_and_reason():
    settings = {"type": "ortto", "new_people": "subscribed", "create_fields": True}
    mapping = {
        "Email": "EMail",
        "FirstName": "Name",
        "MobilePhone": "Points",
        "custom": {"text--Born": "Born"},
    }
    changes = {"destination": settings, "mapping": mapping}
    definition = ExportDefinition.model_validate(DEFINITION.model_dump(exclude_unset=True) | changes)
    rows = [
        profile("a@x.de", Name="ü" * 255, Points="+61 401 234 567", Born="x" * 4_000),
        profile("b@x.de", Name="ü" * 256, Points="none"),
        profile("c@x.de", Points="0401 234 567"),
        profile("d@x.de", Born="x" * 4_001),
    ]
    with a_run({"Gold": rows, "Silver": [], "Bronze": []}) as files:
        map_profiles(definition, files, HASHER)
        assert [(row["row"], row["field"], row["reason"]) for row in read(files, files.INVALID)] == [
            (2, "FirstName", "longer_than_255_characters"),
            (3, "MobilePhone", "phone_without_country_code"),
            (4, "text--Born", "longer_than_4000_characters"),
        ]
        (contact,) = read(files, files.CONTACTS)
        assert json.loads(contact["payload"]) == {
            "str::email": "a@x.de",
            "str::first": "ü" * 255,
            "@MobilePhone": {"phone": "61401234567", "parse_with_country_code": True},
            "@text--Born": "x" * 4_000,
        }


def test_a_contact_that_no_request_takes_is_invalid():
    settings = {"type": "ortto", "new_people": "subscribed", "create_fields": True}
    mapping = {"Email": "EMail", "custom": {f"multiselect--Interests{n}": "Name" for n in range(62)}}
    changes = {"destination": settings, "mapping": mapping}
    definition = ExportDefinition.model_validate(DEFINITION.model_dump(exclude_unset=True) | changes)
    choices = [";".join(f"{number:0200}" for number in range(count)) for count in (140, 160)]
    rows = [profile("a@x.de", Name=choices[0]), profile("b@x.de", Name=choices[1])]
    with a_run({"Gold": rows, "Silver": [], "Bronze": []}) as files:
        map_profiles(definition, files, HASHER)
        assert [(row["row"], row["field"], row["reason"]) for row in read(files, files.INVALID)] == [
            (2, "Email", "larger_than_a_request"),
        ]
        (contact,) = read(files, files.CONTACTS)
        assert contact["email"] == "a@x.de"


def test_contacts_lie_in_row_groups_of_at_most_16384_sorted_by_hash():
    rows = [profile(f"user{number}@example.com") for number in range(40_000)]
    with a_run({"Gold": rows, "Silver": [], "Bronze": []}) as files:
        map_profiles(DEFINITION, files, HASHER, sizes=PieceSizes(shard=20_000))
        with files.store.parquet_file(files.CONTACTS) as file:
            groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
            hashes = file.read(["email_hash"]).column(0).to_pylist()
    assert sum(groups) == 40_000
    assert max(groups) <= 16_384
    assert hashes == sorted(hashes)


def test_files_of_a_step_that_fails_do_not_appear():
    with a_run({"Gold": [profile("a@x.de")]}) as files:
        with pytest.raises(StagingError, match=r"profiles/Silver~c1\.parquet is missing\. Clear the task"):
            map_profiles(DEFINITION, files, HASHER)
        assert files.store.names() == ["profiles"]


def test_a_profile_file_without_a_mapped_attribute_is_named():
    with (
        a_run({name: [profile("a@x.de")] for name in SEGMENTS}, ["EMail", "Consent", "CustomerId"]) as files,
        pytest.raises(StagingError, match=r"Gold~c1\.parquet has no column Name, Active, Born"),
    ):
        map_profiles(DEFINITION, files, HASHER)


def test_a_segment_that_the_definition_does_not_have_is_refused():
    with (
        a_run({}) as files,
        pytest.raises(DefinitionError, match="reference has no segment Tin; it has Gold, Silver, Bronze"),
    ):
        map_profiles(DEFINITION, files, HASHER, segments=["Gold", "Tin"])


def test_the_summary_refuses_counts_that_do_not_add_up(monkeypatch):
    monkeypatch.setattr("segment_exports.mapping.map_profiles._Counts.add_shard", lambda *_: None)
    with (
        a_run({name: [profile("a@x.de")] for name in SEGMENTS}) as files,
        pytest.raises(StagingError, match="3 profiles were read, but the fate of 0 is known"),
    ):
        map_profiles(DEFINITION, files, HASHER)
