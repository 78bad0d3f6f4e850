"""The README's table of what each field of a mapping becomes is what the code makes of it."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pytest

from segment_exports.contact_fields.fields import STANDARD_FIELDS, FieldType, MappedField
from segment_exports.contact_fields.opening import fields_of
from segment_exports.mapping.field_values import convert

README = Path(__file__).resolve().parents[3] / "README.md"
EMAIL = MappedField("Email", "EMail", FieldType.STRING, custom=False)
EXAMPLES = {
    FieldType.STRING: ("Loyalty--Tier", "gold"),
    FieldType.INTEGER: ("Points", "12"),
    FieldType.FLOAT: ("Income", "9.99"),
    FieldType.BOOLEAN: ("Active", "Yes"),
    FieldType.DATE: ("Born", "1980-03-04"),
    FieldType.TEXT: ("Notes", "long"),
    FieldType.PHONE: ("Work", "+61 401 234 567"),
    FieldType.GEO: ("Home", "Melbourne"),
    FieldType.SELECT: ("Size", "M"),
    FieldType.MULTISELECT: ("Colors", "red; blue"),
}


def standard_rows() -> list[str]:
    """One row for the standard fields that are alike in Ortto: its own of a type, or made of a type."""
    ortto = fields_of("ortto")
    fields = [MappedField(name, name, FieldType.STRING, custom=False) for name in STANDARD_FIELDS]
    there = sorted(
        ((ortto.there(one), one.target) for one in fields),
        key=lambda pair: (pair[0].is_made, pair[0].type, STANDARD_FIELDS.index(pair[1])),
    )
    rows = []
    for (is_made, kind), group in groupby(there, key=lambda pair: (pair[0].is_made, pair[0].type)):
        some = list(group)
        targets = ", ".join(f"`{target}`" for _, target in some)
        names = ", ".join(f"*{one.name}*" if is_made else f"`{one.name}`" for one, _ in some)
        rows.append(f"| {targets} | of the same name | {'custom ' * is_made}{names}: {kind} |")
    return rows


def custom_row(kind: FieldType) -> str:
    name, given = EXAMPLES[kind]
    field = MappedField(f"{kind}--{name}", name, kind, custom=True)
    values = convert(pa.array([given]), kind).values

    def sent(destination: str) -> str:
        payload = fields_of(destination).render([EMAIL, field], [pa.array(["a@x.de"]), values])[0].as_py()
        contact = json.loads(payload)
        contact |= contact.pop("custom", {})
        return json.dumps(list(contact.values())[1], separators=(",", ":"))

    here, there = fields_of("autopilot").there(field), fields_of("ortto").there(field)
    return (
        f"| `{field.target}` of `{given}` | `{here.name}`: `{sent('autopilot')}` | "
        f"*{there.name}*, {there.type}: `{sent('ortto')}` |"
    )


@pytest.mark.parametrize("row", [*standard_rows(), *map(custom_row, FieldType)])
def test_the_readme_tells_what_a_field_becomes(row: str) -> None:
    assert row in README.read_text(encoding="utf-8").splitlines(), row


def test_it_tells_nothing_else() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    head = lines.index("| `mapping` | in Autopilot | in Ortto |")
    after = lines[head:].index("")
    assert lines[head + 2 : head + after] == [*standard_rows(), *map(custom_row, FieldType)]
