"""Any destination says what contact fields become there, and refuses what a mapping may not fill."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa

from segment_exports.contact_fields.fields import STANDARD_FIELDS, FieldType, MappedField
from segment_exports.contact_fields.opening import fields_of

if TYPE_CHECKING:
    from tests.destinations.conftest import Stand

PHONES = ("Phone", "MobilePhone", "Fax")
CUSTOM = {
    "string--Tier": "gold",
    "integer--Points": "12",
    "float--Score": "1.5",
    "boolean--Member": "true",
    "date--Since": "2021-03-04T05:06:07.000Z",
}


def mapped() -> list[MappedField]:
    standard = [MappedField(name, name, FieldType.STRING, custom=False) for name in STANDARD_FIELDS]
    custom = [MappedField(name, name, FieldType(name.partition("--")[0]), custom=True) for name in CUSTOM]
    return standard + custom


def test_each_contact_becomes_one_json_object_that_holds_every_value(stand: Stand) -> None:
    names = {name: f'{name} is "quoted" \\ ü' for name in STANDARD_FIELDS if name not in PHONES}
    values = {**names, "Email": "ann@example.com", **dict.fromkeys(PHONES, "+61 401 234 567"), **CUSTOM}
    columns = [pa.array([values[one.target]]) for one in mapped()]
    (text,) = fields_of(stand.eyes.name).render(mapped(), columns)

    leaves = _leaves(json.loads(text.as_py()))
    assert sorted(leaves) == sorted(leaf for name in values for leaf in stand.eyes.told(name, values[name]))


def test_what_is_empty_is_left_out_and_equal_values_give_equal_text(stand: Stand) -> None:
    columns = [pa.array(["ann@example.com"] * 2), *(pa.nulls(2, pa.string()) for _ in mapped()[1:])]
    first, second = fields_of(stand.eyes.name).render(mapped(), columns).to_pylist()

    assert first == second
    assert list(_leaves(json.loads(first))) == ["ann@example.com"]


def test_nobody_can_be_subscribed_by_a_mapping(stand: Stand) -> None:
    assert stand.eyes.permission_fields <= fields_of(stand.eyes.name).refused.keys()


def _leaves(value: object) -> list[str]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    return [str(value)]
