from __future__ import annotations

import pytest

from segment_exports.errors import SourceError
from segment_exports.settings import bounds
from segment_exports.sources.attribute_names import AttributeNames, ServiceAttribute

NAMES = AttributeNames(
    [
        ServiceAttribute("msdynci_customerid", "String"),
        ServiceAttribute("msdynci_email", "String", "EMail"),
        ServiceAttribute("msdynci_email_loyalty", "String", "EMail_Loyalty"),
        ServiceAttribute("msdynci_loyaltytier", "String"),
        ServiceAttribute("msdynci_straße", "String"),
        ServiceAttribute("modifiedon", "DateTime", "Modified On"),
    ],
    table="the table",
    prefix="msdynci_",
)


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("msdynci_email", "msdynci_email"),
        ("EMail", "msdynci_email"),
        ("e-mail", "msdynci_email"),
        ("EMail_Loyalty", "msdynci_email_loyalty"),
        ("Loyalty Tier", "msdynci_loyaltytier"),
        ("Loyalty_x0020_Tier", "msdynci_loyaltytier"),
        ("CustomerId", "msdynci_customerid"),
        ("STRASSE", "msdynci_straße"),
        ("Modified On", "modifiedon"),
    ],
)
def test_a_name_is_found_by_itself_by_its_label_or_by_its_form(wanted: str, name: str) -> None:
    found = NAMES.find(wanted)

    assert found is not None
    assert found.name == name


def test_a_name_that_fits_two_columns_asks_for_the_exact_one() -> None:
    names = AttributeNames(
        [ServiceAttribute("a_b", "String"), ServiceAttribute("ab", "String")], table="the table"
    )

    assert names.resolve(["ab"])["ab"].name == "ab"
    with pytest.raises(SourceError, match="'A B' may be any of a_b, ab of the table; write one of these"):
        names.find("A B")


def test_unknown_names_are_told_together_with_those_that_exist() -> None:
    with pytest.raises(SourceError, match="the table has no attribute 'X', 'Y'; it has: CustomerId, EMail, "):
        NAMES.resolve(["X", "EMail", "Y"])


def test_names_that_a_read_would_not_find_can_be_asked_for() -> None:
    assert NAMES.unknown(["X", "EMail", "msdynci_email", "Loyalty_x0020_Tier", "PreviousCustomerId"]) == ["X"]


def test_previous_ids_may_be_missing() -> None:
    assert list(NAMES.resolve(["EMail", "PreviousCustomerId"])) == ["EMail"]


def test_a_message_does_not_list_hundreds_of_names() -> None:
    many = AttributeNames([ServiceAttribute(f"a{number:03}", "String") for number in range(100)], table="t")

    assert many.known().endswith("a039 and 60 more")


def test_columns_are_announced_as_the_tenant_calls_them() -> None:
    assert [one.name for one in NAMES.announced()] == [
        "CustomerId", "EMail", "EMail_Loyalty", "loyaltytier", "straße", "Modified On",
    ]  # fmt: skip


def test_a_table_may_have_so_many_attributes_and_no_more() -> None:
    some = (ServiceAttribute(f"a{number}", "String") for number in range(bounds.COLUMNS))
    assert AttributeNames(some, table="t").find("a7") is not None
    many = (ServiceAttribute("again", "String") for _ in range(bounds.COLUMNS + 1))
    with pytest.raises(SourceError, match="t has more than 10,000 attributes, which no table has"):
        AttributeNames(many, table="t")
