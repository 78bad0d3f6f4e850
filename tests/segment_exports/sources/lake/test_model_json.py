"""model.json: what is taken from it, the specification's defaults, and what is told of a broken one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from segment_exports.errors import SourceError
from segment_exports.sources import Attribute
from segment_exports.sources.lake.model_json import CsvFormat, find_entity, parse_model


def model(settings: dict[str, Any] | None = None, **entity: Any) -> bytes:
    partition: dict[str, Any] = {"location": "x.csv"}
    if settings is not None:
        partition["fileFormatSettings"] = settings
    one = {
        "$type": "LocalEntity",
        "name": "HighValueSegment",
        "attributes": [{"name": "CustomerId", "dataType": "string"}, {"name": "Points", "dataType": "int64"}],
        "partitions": [partition],
        **entity,
    }
    return json.dumps({"name": "export", "version": "1.0", "entities": [one], "relationships": []}).encode()


def formats(raw: bytes) -> CsvFormat:
    return parse_model(raw, "model.json")["HighValueSegment"].files[0][1]


def test_a_table_has_columns_and_files() -> None:
    entity = parse_model(model(), "model.json")["HighValueSegment"]
    assert entity.attributes == (Attribute("CustomerId", "string"), Attribute("Points", "int64"))
    assert entity.columns == ("CustomerId", "Points")
    assert [location for location, _ in entity.files] == ["x.csv"]


@pytest.mark.parametrize("settings", [None, {}])
def test_absent_settings_have_the_defaults_of_the_specification(settings: dict[str, Any] | None) -> None:
    assert formats(model(settings)) == CsvFormat(header=None, delimiter=",", quoted=True, encoding="utf-8")


def test_settings_are_obeyed() -> None:
    settings = {
        "$type": "CsvFormatSettings",
        "columnHeaders": True,
        "delimiter": ";",
        "quoteStyle": "QuoteStyle.None",
        "csvStyle": "CsvStyle.QuoteAfterDelimiter",
        "encoding": "UTF-16LE",
    }
    assert formats(model(settings)) == CsvFormat(
        header=True, delimiter=";", quoted=False, encoding="utf-16le", stray_quotes=True
    )


def test_a_byte_order_mark_and_unknown_keys_are_passed_over() -> None:
    assert parse_model(b"\xef\xbb\xbf" + model(None, traits=[{"x": 1}]), "model.json")


def test_a_table_without_columns_is_left_out() -> None:
    assert parse_model(model(None, attributes=[]), "model.json") == {}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"{", "lake/model.json can't be used: the file: Invalid JSON"),
        (b"<html>", "Invalid JSON"),
        (b"[]", "the file: is a list of 0 items; it must be a mapping of keys"),
        (b"{}", "entities: is missing"),
        (b'{"entities": {}}', "entities: is a mapping of 0 keys; it must be a list"),
        (b'{"entities": [{}]}', "entities (item 1).name: is missing"),
        (b'{"entities": [{"name": 5}]}', "entities (item 1).name: is 5; it must be text"),
        (
            b'{"entities": [{"name": "A", "partitions": [{}]}]}',
            "entities (item 1).partitions (item 1).location: is missing",
        ),
        (model({"delimiter": "||"}), "fileFormatSettings of HighValueSegment: delimiter must be one ASCII"),
        (
            model({"delimiter": "\0"}),
            "delimiter must be one ASCII character, but no quote, line break or NUL",
        ),
        (model({"delimiter": "\n"}), "delimiter must be one ASCII character"),
        (model({"delimiter": '"'}), "delimiter must be one ASCII character"),
        (model({"quoteStyle": "Csv"}), "quoteStyle must be QuoteStyle.Csv or QuoteStyle.None"),
        (model({"csvStyle": "x"}), "csvStyle must be one of"),
        (model({"encoding": "utf-99"}), "encoding isn't one that Python knows"),
        (model({"encoding": "rot13"}), "encoding isn't one that Python knows"),
        (model({"encoding": "idna"}), "encoding isn't one that Python knows"),
        (
            model(None, attributes=[{"name": "A"}, {"name": "A"}]),
            "HighValueSegment has more than one attribute A",
        ),
    ],
)
def test_a_broken_one_is_told(raw: bytes, told: str) -> None:
    with pytest.raises(SourceError) as refused:
        parse_model(raw, "lake/model.json")
    assert told in str(refused.value)
    assert str(refused.value).startswith("lake/model.json")


def test_one_table_twice_is_refused() -> None:
    twice = json.loads(model())
    twice["entities"] *= 2
    with pytest.raises(SourceError, match="describes HighValueSegment more than once"):
        parse_model(json.dumps(twice).encode(), "model.json")


def test_a_table_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(SourceError) as refused:
        find_entity(parse_model(model(), "model.json"), "HighValueSegments", "lake/model.json")
    assert str(refused.value) == (
        "lake/model.json has no table HighValueSegments. Did you mean HighValueSegment? "
        "It has: HighValueSegment"
    )
