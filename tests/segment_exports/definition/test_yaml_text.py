"""YAML as plain values, and nothing else."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.definition.yaml_text import YamlTextError, read_yaml, written
from segment_exports.settings import bounds


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: Yes", {"a": "Yes"}),
        ("a: [NO, on, Off]", {"a": ["NO", "on", "Off"]}),
        ("a: [17:00, 05:30]", {"a": ["17:00", "05:30"]}),
        ("a: 2026-01-01", {"a": "2026-01-01"}),
        ("a: 010", {"a": "010"}),
        ("a: 0x10", {"a": "0x10"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: [1, -2, 0.05, true, False, null, ~, '']", {"a": [1, -2, 0.05, True, False, None, None, ""]}),
        ("a: '1'", {"a": "1"}),
        ("5: x\ntrue: y", {"5": "x", "true": "y"}),
        ("<<: x", {"<<": "x"}),
        ("", None),
        ("# nothing\n", None),
        ("- a\n- {b: c}", ["a", {"b": "c"}]),
        ("a: " + "9" * 5000, {"a": "9" * 5000}),
        ("a: .nan", {"a": ".nan"}),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    assert read_yaml(text).value == value


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: !!python/object/apply:os.system [id]", 2, "tag"),
        ("a: !!str 5", 1, "tag"),
        ("a: ! x", 1, "tag"),
        ("a: &x 1\nb: 2", 1, "anchor"),
        ("a:\n  - *x", 2, "alias"),
        ("a: 1\nb: 2\na: 3", 3, "the key a twice"),
        ("? [a]\n: b", 1, "isn't text"),
        ("a: 1\n---\nb: 2", 2, "more than one document"),
        ("a: 1\n? - b", 2, "isn't text"),
        ("a: \x07", 1, "control character"),
        ("[" * 60_000, 1, "nested deeper"),
    ],
)
def test_what_is_refused_names_its_line(text: str, line: int | None, problem: str) -> None:
    with pytest.raises(YamlTextError, match=problem) as refused:
        read_yaml(text)
    if line:
        assert refused.value.line == line


def test_a_bomb_of_aliases_is_refused_at_the_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "\n".join(f"b{n}: &b{n} [*a, *a]" for n in range(50))
    with pytest.raises(YamlTextError, match="anchor"):
        read_yaml(bomb)


def test_a_file_has_so_many_characters_and_not_one_more() -> None:
    text = "a: 1\n"
    most = text + "#" * (bounds.DEFINITION_CHARACTERS - len(text))
    assert read_yaml(most).value == {"a": 1}
    with pytest.raises(YamlTextError, match="the file has 262,145 characters; at most 262,144 are allowed"):
        read_yaml(f"{most}#")


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ("{a: ", "}"), ("[{a: ", "}]")])
def test_lists_and_mappings_are_so_deep_and_not_one_deeper(opened: str, closed: str) -> None:
    levels = bounds.DEFINITION_NESTING // (2 if opened.startswith("[{") else 1)
    most = opened * levels + "1" + closed * levels
    assert read_yaml(f"{most}\n").value
    with pytest.raises(YamlTextError, match="is nested deeper than 20 levels"):
        read_yaml(f"[{most}]\n")


def test_every_key_and_item_knows_its_line() -> None:
    document = read_yaml("a: 1\nb:\n  c:\n    - x\n    - y\n")
    assert document.line_of(("b", "c", 1)) == 5
    assert document.line_of(("b", "c")) == 3
    assert document.line_of(("b", "missing")) == 2
    assert document.line_of(("missing",)) is None


_TEXT = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=20)


def values_of(texts: st.SearchStrategy[str], leaves: int) -> st.SearchStrategy[object]:
    return st.recursive(
        st.none() | st.booleans() | st.integers(-(10**17), 10**17) | texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=leaves,
    )


@settings(max_examples=100)
@given(values_of(_TEXT, leaves=20))
def test_json_is_yaml_and_means_the_same(value: object) -> None:
    assert read_yaml(json.dumps(value, ensure_ascii=False)).value == value


@settings(max_examples=200)
@given(st.text(st.sampled_from("ab:-[]{},&*!|>'\"#%@?\n\t 0é\x00\x85\u2028"), max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    with suppress(YamlTextError):
        read_yaml(text)


_ANY = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('\u2028\u2029\x85\r\n\v\f\ufeff\u202e"\\:#,{}')
)


@settings(max_examples=200)
@given(values_of(_ANY, leaves=10))
def test_what_is_written_stands_on_one_line_and_is_read_as_the_same(value: object) -> None:
    text = written(value)
    assert text.isprintable()
    assert read_yaml(f"a: {text} # {text}\nb: 1\n").value == {"a": value, "b": 1}
    assert read_yaml(f"# {text}\nb: 1\n").value == {"b": 1}


def test_a_plain_text_is_written_without_quotes_and_another_one_with() -> None:
    assert written("High Value") == "High Value"
    assert written("null") == '"null"'
    assert written("Größe: 1\u2028evil: 2") == '"Größe: 1\\U00002028evil: 2"'
