"""The JSON Schema that editors use says what the model says, and the published one is current."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from segment_exports.definition import ExportDefinition, json_schema
from segment_exports.definition.__main__ import main
from segment_exports.definition.yaml_text import read_yaml

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = ROOT / "docs/export-definition.schema.json"


def test_the_published_schema_is_current(tmp_path: Path) -> None:
    written = tmp_path / "schema.json"
    assert main(["--write-schema", str(written)]) == 0
    assert PUBLISHED.read_text(encoding="utf-8") == written.read_text(encoding="utf-8"), "run: make schema"


def test_it_is_a_schema_and_describes_every_key() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == set(ExportDefinition.model_fields)


def test_the_example_fits_it() -> None:
    example = read_yaml((ROOT / "include/exports/newsletter.yaml").read_text(encoding="utf-8")).value
    jsonschema.validate(example, json.loads(PUBLISHED.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"segments": ["A", {"name": "B"}, {"name": "C", "list": "D"}]}, True),
        ({"permission": {"attribute": "A", "equals": True}}, True),
        ({"permission": {"attribute": "A", "equals": ["Yes", "1"]}}, True),
        ({"segments": []}, False),
        ({"segments": [{"list": "D"}]}, False),
        ({"mapping": {"Email": "E", "unsubscribed": "U"}}, False),
        ({"mapping": {}}, False),
        ({"source": {"type": "lak", "path": "x"}}, False),
        ({"destination": {}}, True),
        ({"destination": {"connection": "other", "membership": "bulk"}}, True),
        ({"destination": {"type": "ortto", "new_people": "subscribed", "create_fields": True}}, True),
        ({"destination": {"type": "ortto", "new_people": "subscribed"}}, False),
        ({"destination": {"membership": "tag"}}, False),
        ({"destination": {"new_people": "subscribed", "create_fields": True}}, False),
        ({"limit": {"profiles": 0}}, False),
        ({"refresh": {"timezone": "UTC", "times": ["05:00", "17:30"], "days": ["mon"]}}, True),
        ({"refresh": {"timezone": "UTC", "times": ["5:00"]}}, False),
        ({"refresh": {"timezone": "UTC", "times": ["05:00"], "days": ["monday"]}}, False),
        ({"when_member_leaves": "delete"}, False),
        ({"more": 1}, False),
    ],
)
def test_editor_and_model_agree(changes: dict[str, Any], fits: bool) -> None:
    content = {
        "name": "newsletter",
        "source": {"type": "lake", "path": "x"},
        "segments": ["A"],
        "mapping": {"Email": "E"},
        **changes,
    }
    assert jsonschema.Draft202012Validator(json_schema()).is_valid(content) is fits
    if fits:
        ExportDefinition.model_validate(content)
