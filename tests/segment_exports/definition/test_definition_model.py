"""What a definition may say, what it means, and what it gets by default."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from segment_exports.contact_fields.fields import STANDARD_FIELDS, FieldType, MappedField
from segment_exports.definition import (
    ExportDefinition,
    FieldMapping,
    LakeSource,
    LimitScope,
    ListTarget,
    Membership,
    NewPeople,
    OrttoSettings,
    Weekday,
)
from segment_exports.settings import bounds


def definition(**changes: Any) -> ExportDefinition:
    smallest: dict[str, Any] = {
        "name": "newsletter",
        "source": {"type": "lake", "path": "lake"},
        "segments": ["HighValueSegment"],
        "mapping": {"Email": "EMail"},
    }
    return ExportDefinition.model_validate({**smallest, **changes})


def test_the_smallest_definition_gets_the_documented_defaults() -> None:
    small = definition()
    assert small.destination.connection == "autopilot_default"
    assert small.destination.membership is Membership.AUTO
    assert (small.limit.profiles, small.limit.scope) == (100_000, LimitScope.DESTINATION)
    assert (small.when_permission_withdrawn, small.when_email_changes) == ("remove", "add")
    assert not small.removes_leavers
    assert small.guards.stop_above_invalid == 0.05
    assert small.guards.min_count == 50
    assert small.retention_days == 30
    assert small.history_days == bounds.HISTORY_DAYS
    assert small.refresh is None
    assert small.max_age_hours is None
    assert small.title == "newsletter"


def test_who_leaves_a_segment_leaves_its_list_where_permission_is_asked_for_unless_told_otherwise() -> None:
    permission = {"attribute": "Consent", "equals": "Yes"}
    assert definition(permission=permission).removes_leavers
    assert not definition(permission=permission, when_member_leaves="keep").removes_leavers
    assert definition(when_member_leaves="remove").removes_leavers


def test_a_segment_becomes_a_list_of_its_name_or_of_the_one_given() -> None:
    export = definition(
        segments=["HighValueSegment", {"name": "ChurnProne", "list": "Win-back", "list_id": "contactlist_1"}]
    )
    assert export.lists == (ListTarget("HighValueSegment", None), ListTarget("Win-back", "contactlist_1"))
    assert export.list_of("ChurnProne") == "Win-back"
    assert export.segment_names == ("HighValueSegment", "ChurnProne")
    with pytest.raises(KeyError):
        export.list_of("Win-back")


def test_two_segments_may_share_a_list() -> None:
    export = definition(segments=[{"name": "A", "list": "Both"}, {"name": "B", "list": "Both"}])
    assert export.lists == (ListTarget("Both", None),)


def test_the_mapped_fields_come_email_first_and_custom_last_whatever_the_order_of_the_file() -> None:
    mapping = {
        "custom": {"string--Loyalty--Tier": "Loyalty Tier", "date--Born": "DateOfBirth"},
        "LastName": "LastName",
        "Email": "EMail",
        "FirstName": "FirstName",
    }
    assert definition(mapping=mapping).mapping.fields == (
        MappedField("Email", "EMail", FieldType.STRING, custom=False),
        MappedField("FirstName", "FirstName", FieldType.STRING, custom=False),
        MappedField("LastName", "LastName", FieldType.STRING, custom=False),
        MappedField("date--Born", "DateOfBirth", FieldType.DATE, custom=True),
        MappedField("string--Loyalty--Tier", "Loyalty Tier", FieldType.STRING, custom=True),
    )


def test_the_fingerprint_follows_the_mapping_and_nothing_else() -> None:
    one = definition(mapping={"Email": "EMail", "FirstName": "FirstName", "Phone": "Telephone"})
    reordered = definition(
        mapping={"Phone": "Telephone", "FirstName": "FirstName", "Email": "EMail"}, recency="X"
    )
    other_attribute = definition(mapping={"Email": "EMail", "FirstName": "FullName", "Phone": "Telephone"})
    other_type = [
        definition(mapping={"Email": "EMail", "custom": {f"{kind}--Points": "Points"}})
        for kind in ("integer", "string")
    ]
    assert one.mapping_fingerprint == reordered.mapping_fingerprint
    assert one.mapping_fingerprint != other_attribute.mapping_fingerprint
    assert other_type[0].mapping_fingerprint != other_type[1].mapping_fingerprint


def test_every_attribute_is_read_once_and_the_ids_last() -> None:
    export = definition(
        mapping={"Email": "EMail", "FirstName": "FirstName", "custom": {"string--Id": "CustomerId"}},
        permission={"attribute": "Email Subscriber", "equals": "Yes"},
        recency="FirstName",
    )
    assert export.attributes == ("EMail", "FirstName", "Email Subscriber", "CustomerId", "PreviousCustomerId")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Yes", ("Yes",)),
        (["Yes", "y"], ("Yes", "y")),
        (True, ("true",)),
        (1, ("1",)),
        ([False, 0], ("false", "0")),
    ],
)
def test_permission_takes_one_value_or_several_as_the_sources_write_them(
    written: Any, meant: tuple[str, ...]
) -> None:
    assert definition(permission={"attribute": "A", "equals": written}).permission.equals == meant  # type: ignore[union-attr]


def test_a_refresh_runs_every_day_unless_days_are_given() -> None:
    daily = definition(refresh={"timezone": "America/Sao_Paulo", "times": ["05:00", "17:00"]})
    weekly = definition(refresh={"timezone": "UTC", "times": ["05:00"], "days": ["mon", "fri"]})
    assert daily.refresh
    assert daily.refresh.days == tuple(Weekday)
    assert weekly.refresh
    assert weekly.refresh.days == (Weekday.MON, Weekday.FRI)


@pytest.mark.parametrize("path", ["lake", "/data/lake", "../lake", "file:///data/lake"])
def test_a_folder_of_this_machine_needs_no_connection(path: str) -> None:
    source = definition(source={"type": "lake", "path": path}).source
    assert isinstance(source, LakeSource)
    assert not source.is_url


def test_an_object_store_is_a_url_and_a_connection() -> None:
    source = definition(
        source={"type": "lake", "path": "abfss://c/CustomerInsights_1/Export", "connection": "lake"}
    )
    assert source.source.is_url  # type: ignore[union-attr]


def test_every_standard_field_can_be_mapped_and_is_a_string() -> None:
    fields = definition(mapping={name: f"attribute of {name}" for name in STANDARD_FIELDS}).mapping.fields
    assert {field.target for field in fields} == set(STANDARD_FIELDS)
    assert {field.type for field in fields} == {FieldType.STRING}
    assert len(STANDARD_FIELDS) == 22


IN_FIELDS = {"membership": "field"}
SAME_FIELD = [{"name": "A", "list": "Win back"}, {"name": "B", "list": "Win--back"}]


@pytest.mark.parametrize("membership", ["auto", "bulk", "list"])
def test_only_where_lists_are_custom_fields_must_these_differ(membership: str) -> None:
    custom = {"boolean--List--Win--back": "Flag"}
    export = definition(
        destination={"membership": membership},
        segments=SAME_FIELD,
        mapping={"Email": "EMail", "custom": custom},
    )
    assert export.membership_fields == {}


def test_a_list_that_is_a_custom_field_may_have_several_segments_and_other_fields_beside_it() -> None:
    export = definition(
        destination=IN_FIELDS,
        segments=[{"name": "A", "list": "Win back"}, {"name": "B", "list": "Win back"}, "Gold"],
        mapping={"Email": "EMail", "custom": {"boolean--Gold": "Flag"}},
    )
    assert export.membership_fields == {
        "boolean--List--Win--back": "Win back",
        "boolean--List--Gold": "Gold",
    }


ORTTO = {"type": "ortto", "new_people": "subscribed", "create_fields": False}

REFUSED = {
    "no segments": {"segments": []},
    "a segment twice": {"segments": ["A", {"name": "A", "list": "B"}]},
    "one list of two ids": {
        "segments": [{"name": "A", "list": "L", "list_id": "1"}, {"name": "B", "list": "L", "list_id": "2"}]
    },
    "one id for two lists": {
        "segments": [{"name": "A", "list_id": "1"}, {"name": "B", "list_id": "1"}],
    },
    "a list whose title stands for unsubscribing": {"segments": [{"name": "A", "list": "@unsubscribe"}]},
    "a segment whose name does": {"segments": ["A", "@unsubscribe"]},
    "two lists of one custom field": {"destination": IN_FIELDS, "segments": SAME_FIELD},
    "a mapping into the custom field of a list": {
        "destination": IN_FIELDS,
        "mapping": {"Email": "E", "custom": {"boolean--List--HighValueSegment": "Flag"}},
    },
    "a mapping into the name of a list's custom field": {
        "destination": IN_FIELDS,
        "mapping": {"Email": "E", "custom": {"string--List--HighValueSegment": "Flag"}},
    },
    "no Email": {"mapping": {"FirstName": "FirstName"}},
    "an empty Email": {"mapping": {"Email": ""}},
    "unsubscribed": {"mapping": {"Email": "E", "unsubscribed": "U"}},
    "_autopilot_list": {"mapping": {"Email": "E", "_autopilot_list": "L"}},
    "a field in the wrong case": {"mapping": {"Email": "E", "firstname": "F"}},
    "a custom field without a type": {"mapping": {"Email": "E", "custom": {"Tier": "T"}}},
    "a custom field of an unknown type": {"mapping": {"Email": "E", "custom": {"words--Tier": "T"}}},
    "a custom field without a name": {"mapping": {"Email": "E", "custom": {"string--": "T"}}},
    "a custom field with a blank": {"mapping": {"Email": "E", "custom": {"string--Loyalty Tier": "T"}}},
    "a custom field of two types": {
        "mapping": {"Email": "E", "custom": {"string--Tier": "T", "integer--Tier": "T"}}
    },
    "a custom field that may be another in another case, in Ortto": {
        "destination": ORTTO,
        "mapping": {"Email": "E", "custom": {"string--Tier": "T", "string--tier": "T"}},
    },
    "permission, in Ortto": {
        "destination": ORTTO,
        "mapping": {"Email": "E", "custom": {"boolean--bol::p": "P"}},
    },
    "two tags that differ by case": {"destination": ORTTO, "segments": ["Gold", "GOLD"]},
    "two tags that differ by blanks": {"destination": ORTTO, "segments": ["Win back", "Win  back"]},
    "a tag's id that is no number": {
        "destination": ORTTO,
        "segments": [{"name": "A", "list_id": "one"}],
    },
    "values of what has no choices": {
        "mapping": {"Email": "E", "custom": {"string--Tier": {"attribute": "T", "values": ["a"]}}}
    },
    "a phone's format that is no country code": {
        "mapping": {"Email": "E", "custom": {"phone--Tier": {"attribute": "T", "format": "0061"}}}
    },
    "a way of membership that is Ortto's": {"destination": {"membership": "tag"}},
    "a way of membership in Ortto": {"destination": ORTTO | {"membership": "auto"}},
    "five requests at once in Ortto": {"destination": ORTTO | {"requests_in_flight": 5}},
    "Ortto's new people by another word": {"destination": ORTTO | {"new_people": "yes"}},
    "Ortto's new people unsaid": {"destination": {"type": "ortto", "create_fields": True}},
    "Ortto's missing fields unsaid": {"destination": {"type": "ortto", "new_people": "subscribed"}},
    "a country code that is none": {"destination": ORTTO | {"phone_country_code": "61"}},
    "permission without a value": {"permission": {"attribute": "A", "equals": []}},
    "five times a day": {
        "refresh": {"timezone": "UTC", "times": [f"0{hour}:00" for hour in range(5)]},
    },
    "no time": {"refresh": {"timezone": "UTC", "times": []}},
    "one time twice": {"refresh": {"timezone": "UTC", "times": ["05:00", "05:00"]}},
    "a time of one digit": {"refresh": {"timezone": "UTC", "times": ["5:00"]}},
    "hour 24": {"refresh": {"timezone": "UTC", "times": ["24:00"]}},
    "an unknown time zone": {"refresh": {"timezone": "Berlin", "times": ["05:00"]}},
    "a time zone that is a path": {"refresh": {"timezone": "../../etc/passwd", "times": ["05:00"]}},
    "an unknown day": {"refresh": {"timezone": "UTC", "times": ["05:00"], "days": ["monday"]}},
    "a limit of none": {"limit": {"profiles": 0}},
    "a limit in quotes": {"limit": {"profiles": "100"}},
    "a guard in percent": {"guards": {"stop_above_invalid": 5}},
    "an unknown key": {"segment": ["A"]},
    "a name in capitals": {"name": "Newsletter"},
    "a name with a hyphen": {"name": "news-letter"},
    "an account in the URL": {
        "source": {"type": "lake", "path": "abfss://c@account.dfs.core.windows.net/x", "connection": "lake"}
    },
    "a key in the URL": {"source": {"type": "lake", "path": "abfss://c/x?sig=secret", "connection": "lake"}},
    "dots in the URL": {"source": {"type": "lake", "path": "abfss://c/x/../y", "connection": "lake"}},
    "a URL without connection": {"source": {"type": "lake", "path": "abfss://c/x"}},
    "a folder with connection": {"source": {"type": "lake", "path": "lake", "connection": "lake"}},
    "Dataverse without connection": {"source": {"type": "dataverse"}},
    "an attribute with a line break": {"mapping": {"Email": "EMail\n"}},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        definition(**changes)


def test_a_definition_can_not_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        definition().name = "other"  # type: ignore[misc]


def test_every_standard_field_can_be_mapped_and_no_other_key_but_custom() -> None:
    assert tuple(FieldMapping.model_fields) == (*STANDARD_FIELDS, "custom")


def test_the_destination_is_autopilot_unless_it_says_otherwise() -> None:
    assert definition().destination.type == "autopilot"
    assert definition(destination={"connection": "other"}).destination.type == "autopilot"
    with pytest.raises(ValidationError, match="Input tag 'elsewhere'"):
        definition(destination={"type": "elsewhere"})


def test_an_export_to_ortto_says_what_has_no_default_and_keeps_its_lists_as_tags() -> None:
    there = definition(destination=ORTTO).destination
    assert isinstance(there, OrttoSettings)
    assert (there.connection, there.requests_in_flight) == ("ortto_default", 4)
    assert (there.new_people, there.create_fields) == (NewPeople.SUBSCRIBED, False)
    assert (there.membership, there.membership.kind) == (Membership.TAG, "list")


EVERYTHING = {
    "segments": [{"name": "Gold", "list_id": "contactlist_7"}, {"name": "B", "list": "Win-back"}],
    "mapping": {
        **{name: f"the {name}" for name in STANDARD_FIELDS},
        "custom": {f"{kind}--The--{kind}": f"a {kind}" for kind in FieldType},
    },
    "permission": {"attribute": "Consent", "equals": "Yes"},
}


def test_an_export_moves_to_ortto_by_its_destination_alone() -> None:
    here, there = definition(**EVERYTHING), definition(destination=ORTTO, **EVERYTHING)
    assert here.model_dump(exclude={"destination"}) == there.model_dump(exclude={"destination"})
    assert here.fields == there.fields
    assert here.lists == (ListTarget("Gold", "contactlist_7"), ListTarget("Win-back", None))
    assert there.lists == (ListTarget("Gold", None), ListTarget("Win-back", None))


def test_a_tag_that_is_there_is_adopted_by_its_id() -> None:
    adopted = definition(destination=ORTTO, segments=[{"name": "Gold", "list_id": "12"}])
    assert adopted.lists == (ListTarget("Gold", "12"),)


def test_phone_numbers_get_the_country_code_of_the_destination_where_their_field_names_none() -> None:
    mapping = {
        "Email": "EMail",
        "Fax": "Fax",
        "custom": {
            "phone--A": "A",
            "phone--B": {"attribute": "B", "format": "+44"},
            "date--C": {"attribute": "C", "format": "d.M.yyyy"},
        },
    }
    plain = definition(destination=ORTTO, mapping=mapping)
    coded = definition(destination=ORTTO | {"phone_country_code": "+61"}, mapping=mapping)
    assert [field.form for field in plain.fields] == [None, None, "d.M.yyyy", None, "+44"]
    assert [field.form for field in coded.fields] == [None, "+61", "d.M.yyyy", "+61", "+44"]
    assert plain.mapping_fingerprint != coded.mapping_fingerprint


def checked(**checks: Any) -> dict[str, Any]:
    return {"type": "lake", "path": "lake", "checks": checks}


@pytest.mark.parametrize(
    ("changes", "largest"),
    [
        (lambda number: {"max_age_hours": number}, 87_600),
        (
            lambda number: {"source": {"type": "lake", "path": "x", "checks": {"stale_after_days": number}}},
            3_650,
        ),
        (lambda number: {"limit": {"profiles": number}}, 1_000_000_000),
        (lambda number: {"guards": {"min_count": number}}, 1_000_000_000),
        (lambda number: {"guards": {"unsubscribe_empty_up_to": number}}, 1_000_000_000),
    ],
)
def test_no_number_is_beyond_what_can_be_reckoned_with(changes: Any, largest: int) -> None:
    assert definition(**changes(largest))
    for number in (largest + 1, 10**30, -1, float("inf"), float("nan"), 1e300):
        with pytest.raises(ValidationError):
            definition(**changes(number))
