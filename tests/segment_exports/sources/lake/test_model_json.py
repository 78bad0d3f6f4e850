"""model.json: what is taken from it, the specification's defaults, and what is told of a broken one."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.settings import bounds
from segment_exports.sources import Attribute
from segment_exports.sources.lake.model_json import CsvFormat, parse_model


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
    return parse_model(raw, "model.json").table("HighValueSegment").files[0][1]


def test_a_table_has_columns_and_files() -> None:
    entity = parse_model(model(), "model.json").table("HighValueSegment")
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


def test_a_table_without_columns_is_not_announced() -> None:
    found = parse_model(model(None, attributes=None), "model.json")
    assert found.names == []
    with pytest.raises(SourceError, match=r"model\.json describes no attributes of HighValueSegment"):
        found.table("HighValueSegment")


def test_null_counts_as_left_out() -> None:
    nulls = {"columnHeaders": None, "delimiter": None, "quoteStyle": None, "csvStyle": None, "encoding": None}
    assert formats(model(nulls)) == CsvFormat()
    attributes = [{"name": "CustomerId", "dataType": None}]
    found = parse_model(model(None, attributes=attributes, partitions=None), "model.json")
    table = found.table("HighValueSegment")
    assert table.attributes == (Attribute("CustomerId", "string"),)
    assert table.files == ()


@pytest.mark.parametrize(
    "raw", [b"{", b"<html>", b"", b'{"entities": []', b'{"entities": []}}', b"\xff\xfe{"]
)
def test_one_that_is_no_json_may_be_whole_in_a_moment(raw: bytes) -> None:
    with pytest.raises(SourceNotReadyError, match=r"lake/model\.json isn't whole: it can't be read as JSON"):
        parse_model(raw, "lake/model.json")


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"[]", "the file: is a list of 0 items; it must be a mapping of keys"),
        (b"{}", "entities: is missing; it is required"),
        (b'{"entities": null}', "entities: is missing; it is required"),
        (b'{"entities": {}}', "entities: is a mapping of 0 keys; it must be a list"),
    ],
)
def test_one_of_another_shape_is_told(raw: bytes, told: str) -> None:
    with pytest.raises(SourceError) as refused:
        parse_model(raw, "lake/model.json")
    assert str(refused.value) == f"lake/model.json can't be used: {told}"


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (model(None, partitions=[{}]), "partitions (item 1).location: is missing"),
        (model(None, partitions=[{"location": None}]), "partitions (item 1).location: is missing"),
        (model(None, partitions={}), "partitions: is a mapping of 0 keys; it must be a list"),
        (model(None, attributes=[{}]), "attributes (item 1).name: is missing"),
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
        (model({"encoding": "Unicode_Escape"}), "encoding isn't one that Python knows"),
        (
            model(None, attributes=[{"name": "A"}, {"name": "A"}]),
            "HighValueSegment has more than one attribute A",
        ),
    ],
)
def test_a_broken_table_is_told_by_its_name_when_it_is_asked_for(raw: bytes, told: str) -> None:
    found = parse_model(raw, "lake/model.json")
    with pytest.raises(SourceError) as refused:
        found.table("HighValueSegment")
    assert told in str(refused.value)
    assert str(refused.value).startswith("lake/model.json")
    assert "HighValueSegment" in str(refused.value)


def test_one_table_twice_is_refused_when_it_is_asked_for() -> None:
    twice = json.loads(model())
    twice["entities"] *= 2
    twice["entities"].append({"name": "Other", "attributes": [{"name": "A"}]})
    found = parse_model(json.dumps(twice).encode(), "model.json")
    assert found.table("Other").columns == ("A",)
    with pytest.raises(SourceError, match="describes HighValueSegment more than once"):
        found.table("HighValueSegment")


def test_a_table_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(SourceError) as refused:
        parse_model(model(), "lake/model.json").table("HighValueSegments")
    assert str(refused.value) == (
        "lake/model.json has no table HighValueSegments. Did you mean HighValueSegment? "
        "It has: HighValueSegment"
    )


def doubled(raw: bytes, key: str, value: object) -> bytes:
    """Write a key once more after where it stands, in whatever mapping that is."""
    before, _, after = raw.partition(f'"{key}":'.encode())
    return before + f'"{key}": {json.dumps(value)}, "{key}":'.encode() + after


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("attributes", [{"name": "CustomerId"}], "table HighValueSegment"),
        ("partitions", [], "table HighValueSegment"),
        ("location", "y.csv", "partitions (item 1)"),
        ("fileFormatSettings", {}, "partitions (item 1)"),
        ("columnHeaders", True, "partitions (item 1).fileFormatSettings"),
        ("encoding", "UTF-8", "partitions (item 1).fileFormatSettings"),
        ("dataType", "string", "attributes (item 1)"),
    ],
)
def test_a_key_that_stands_twice_in_a_table_is_a_fault_of_the_table(
    key: str, value: object, place: str
) -> None:
    raw = doubled(model({"columnHeaders": False, "encoding": "UTF-8"}), key, value)
    found = parse_model(raw, "lake/model.json")
    with pytest.raises(SourceError) as refused:
        found.table("HighValueSegment")
    told = str(refused.value)
    assert told.startswith("lake/model.json: table HighValueSegment can't be used: ")
    assert place in told
    assert f"has {key} more than once, and only one of them can be right" in told


@pytest.mark.parametrize(("key", "value"), [("entities", []), ("culture", "de-DE")])
def test_a_key_that_stands_twice_in_the_file_is_a_fault_of_the_file(key: str, value: object) -> None:
    raw = doubled(b'{"culture": "en-US", ' + model().removeprefix(b"{"), key, value)
    with pytest.raises(SourceError, match=f"lake/model.json can't be used: the file: has {key} more than"):
        parse_model(raw, "lake/model.json")


def test_a_table_with_two_names_is_neither() -> None:
    raw = model().replace(b'"name": "HighValueSegment"', b'"name": "Other", "name": "HighValueSegment"')
    with pytest.raises(SourceError, match="table HighValueSegment can't be used: it: has name more"):
        parse_model(raw, "model.json").table("HighValueSegment")


def test_a_key_that_nobody_reads_may_stand_twice() -> None:
    raw = doubled(model(None, description="a"), "description", "b")
    assert parse_model(raw, "model.json").table("HighValueSegment").columns


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"entities":' * 100_000, b'{"x": ' + b"[" * 50_000])
def test_one_that_is_nested_without_end_is_told_not_a_traceback(raw: bytes) -> None:
    with pytest.raises(
        SourceError, match=r"lake/model\.json can't be used: lists or mappings are nested too"
    ):
        parse_model(raw, "lake/model.json")


def soon(raw: bytes, table: str = "HighValueSegment") -> str:
    """Return what a model is refused with; it must come soon."""
    begun = time.perf_counter()
    with pytest.raises(SourceError) as refused:
        parse_model(raw, "model.json").table(table)
    assert time.perf_counter() - begun < 20
    return str(refused.value)


def columns(number: int) -> list[dict[str, str]]:
    return [{"name": f"a{one}"} for one in range(number)]


def test_columns_of_one_name_are_told_soon_however_many_there_are() -> None:
    """Each name was counted anew: 16,000 took half a minute, ten times as many an hour."""
    twice = [*columns(bounds.COLUMNS - 2), {"name": "a1"}, {"name": "a2"}]
    assert soon(model(attributes=twice)) == "model.json: HighValueSegment has more than one attribute a1, a2"
    many = columns(bounds.COLUMNS // 2) * 2
    assert soon(model(attributes=many)).endswith(" and 4960 more")


@pytest.mark.parametrize(
    ("part", "most", "one"),
    [("attributes", bounds.COLUMNS, 1), ("partitions", bounds.PARTITIONS, {"location": "x.csv"})],
)
def test_a_table_has_so_many_columns_and_files_and_not_one_more(part: str, most: int, one: Any) -> None:
    told = f"model.json: HighValueSegment has {most + 1:,} {part}; at most {most:,} are read"
    assert soon(model(**{part: [one] * (most + 1)})) == told
    assert told not in soon(model(**{part: [1] * most}))


def test_as_many_columns_as_may_be_are_read() -> None:
    entity = parse_model(model(attributes=columns(bounds.COLUMNS)), "model.json").table("HighValueSegment")
    assert len(entity.columns) == bounds.COLUMNS


def test_an_export_has_so_many_tables_and_not_one_more() -> None:
    tables = [{"name": f"t{number}", "partitions": [1]} for number in range(bounds.TABLES)]
    begun = time.perf_counter()
    found = parse_model(json.dumps({"entities": tables}).encode(), "model.json")
    assert len(found.without_columns) == bounds.TABLES
    assert time.perf_counter() - begun < 20
    told = "model.json describes 10,001 tables; at most 10,000 are read"
    assert soon(json.dumps({"entities": [*tables, tables[0]]}).encode()) == told


@pytest.mark.parametrize("one", [b"{},", b'{"name":"a"},', b"[],", b'"",', b"0,"])
def test_a_model_of_millions_of_values_is_not_read(one: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MODEL_VALUES", 20_000)
    told = "model.json has more than 20,000 values, and is not read"
    assert soon(b'{"entities":[' + one * 20_000 + b"{}]}") == told


def test_a_number_of_more_digits_than_python_takes_is_told_as_such() -> None:
    told = "model.json can't be used: a number in it has too many digits"
    assert soon(b'{"entities":[],"version":' + b"9" * 100_000 + b"}") == told
