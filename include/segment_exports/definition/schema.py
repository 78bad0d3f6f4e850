"""The JSON Schema that editors check a definition with."""

from __future__ import annotations

import json
from typing import Any

from segment_exports.definition.model import ExportDefinition


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of an export definition as a file may write it."""
    schema = ExportDefinition.model_json_schema()
    parts = schema["$defs"]
    parts["SegmentTarget"]["title"] = "A segment and its list"
    schema["properties"]["segments"]["items"] = {
        "anyOf": [{"type": "string"}, {"$ref": "#/$defs/SegmentTarget"}]
    }
    parts["FieldMapping"]["properties"]["custom"]["additionalProperties"] = {
        "anyOf": [{"type": "string"}, {"$ref": "#/$defs/FieldSource"}]
    }
    one_value = {"type": ["string", "boolean", "integer"]}
    equals = parts["Permission"]["properties"]["equals"]
    parts["Permission"]["properties"]["equals"] = {
        "title": equals["title"],
        "description": equals["description"],
        "anyOf": [one_value, {"type": "array", "items": one_value, "minItems": 1}],
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """Return the schema as the file in ``docs`` holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
