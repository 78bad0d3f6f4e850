"""Every field of a mapping arrives at Ortto as the field and the value that the README's table tells."""

from __future__ import annotations

from typing import Any

import pytest
from tests.segment_exports.destinations.ortto.conftest import Account

from segment_exports.contact_fields.fields import STANDARD_FIELDS, FieldType
from segment_exports.definition import ExportDefinition

ODD = ['<b>"Win" & back</b>', "😀", 'x"@Company', "Ação", "back\\slash", "a:b,c"]
CHOICES = {
    "select": {"attribute": "A", "values": ["S", "M"]},
    "multiselect": {"attribute": "A", "values": ["x", "y", "z"]},
}


class Typed(Account):
    """An account to which a definition of every field and type goes."""

    @property
    def definition(self) -> ExportDefinition:
        custom: dict[str, Any] = {f"{kind}--The--{kind}": CHOICES.get(kind, "A") for kind in FieldType}
        plain = super().definition.model_dump(exclude_unset=True)
        mapping = dict.fromkeys(STANDARD_FIELDS, "A") | {
            "custom": custom | {f"string--{name.replace(' ', '--')}": "A" for name in ODD}
        }
        there = plain["destination"] | {"phone_country_code": "+61"}
        return ExportDefinition.model_validate(plain | {"mapping": mapping, "destination": there})


@pytest.fixture
def typed(account: Account) -> Account:
    return Typed(account.emulator, account.run, account.folder)


VALUES = {
    "LastName": 'O"Neil <b> 😀',
    "Phone": "+61 401 234 567",
    "MailingCity": "Melbourne",
    "MailingPostalCode": "0800",
    "MobilePhone": "0401 234 567",
    "Title": 'Head, of: "@Company":',
    "text--The--text": "ü" * 4_000,
    "integer--The--integer": "9007199254740991",
    "float--The--float": "9.99",
    "boolean--The--boolean": "false",
    "date--The--date": "1980-03-04T00:00:00.000Z",
    "phone--The--phone": "(04) 0123 4567",
    "geo--The--geo": "Köln",
    "select--The--select": "M",
    "multiselect--The--multiselect": "x; y",
} | {f"string--{name.replace(' ', '--')}": f"of {name}" for name in ODD}


def by_name(account: Account, email: str) -> dict[str, Any]:
    """What the account holds of a person, by the names of custom fields and the ids of others."""
    names = {one.field_id: one.name for one in account.emulator.account.fields.custom()}
    fields = account.emulator.account.contacts_by_email()[email]["fields"]
    return {names.get(key, key): value for key, value in fields.items()}


def test_every_type_and_any_name_arrives(typed: Account) -> None:
    assert typed.send(typed.person("Ann", values=VALUES)).complete

    held = by_name(typed, "ann@example.com")
    assert {key: held[key] for key in ("str::first", "str::last", "str::postal")} == {
        "str::first": "Ann",
        "str::last": 'O"Neil <b> 😀',
        "str::postal": "0800",
    }
    assert held["Job title"] == VALUES["Title"]
    assert held["The text"] == "ü" * 4_000
    assert (held["The integer"], held["The float"], held["The boolean"]) == (9007199254740991, 9990, False)
    assert {key: held["The date"][key] for key in ("year", "month", "day")} == {
        "year": 1980,
        "month": 3,
        "day": 4,
    }
    assert (held["geo::city"]["name"], held["The geo"]["name"]) == ("Melbourne", "Köln")
    assert (held["The select"], held["The multiselect"]) == ("M", ["x", "y"])
    assert {name: held[name] for name in ODD} == {name: f"of {name}" for name in ODD}
    phones = [held[name] for name in ("phn::phone", "Mobile phone", "The phone")]
    assert [one["n"] for one in phones] == ["401234567", "401234567", "401234567"]
    assert {one["c"] for one in phones} == {"61"}


def test_choices_are_replaced_where_the_person_is_known(typed: Account) -> None:
    typed.send(typed.person("Ann", values=VALUES))
    known = typed.id_of("ann@example.com")

    changed = VALUES | {"multiselect--The--multiselect": "z"}
    assert typed.send(typed.person("Ann", values=changed, contact_id=known)).complete

    assert by_name(typed, "ann@example.com")["The multiselect"] == ["z"]
