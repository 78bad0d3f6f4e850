"""What people type wrong, and what they are told: the line and the cause."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.definition.yaml_text import YamlTextError, read_yaml

BLANKS = "is indented with a tab; YAML takes blanks only, two for each level"
ITEMS = "begins a text that goes on in the next line; let each item of a list begin in the same column"
ODD = "has a non-breaking space or the like"
NEITHER = "has neither a key with a colon (key: value) nor a hyphen with a blank (- item)"


def refusal(text: str) -> YamlTextError | None:
    try:
        read_yaml(text)
    except YamlTextError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("text", "line", "cause"),
    [
        ("a:\n\tb: 1\n", 2, BLANKS),
        ("a:\n  b: c\n \td: 1\n", 3, BLANKS),
        ("a:\n\t- b\n", 2, BLANKS),
        ("a:\n-\tb\n", 2, "has a tab where a blank belongs"),
        (
            "a:\n    b: 1\n  c: 2\n",
            3,
            "is indented by 2 blanks, which fits no line that it could hang from: ",
        ),
        (
            "a:\n  - b\n - c\n",
            3,
            "by 1 blank, which fits no line that it could hang from: line 1 has none, line 2 has",
        ),
        (
            "x: 1\na:\n  - b: 1\n   c: 2\n",
            4,
            "is indented by 3 blanks, which fits no line that it could hang",
        ),
        ("a: 1\n  b: 2\n", 2, "is indented deeper than line 1, which has a value already"),
        ("a:\n  b: 1\n\n  # why\n    c: 2\n", 5, "is indented deeper than line 2, which has a value already"),
        ("a:\n  - b: 1\n     c: 2\n", 3, "is indented deeper than line 2, which has a value already"),
        ("a: 1\n- b\n", 2, "is an item of a list (-) in the column of the key of line 1"),
        ("a:\n  - b\n  c: 1\n", 3, "is a key in the column of the hyphens (line 2)"),
        ("- a: 1\nb: 2\n", 2, "is a key in the column of the hyphens (line 1)"),
        ("a:\n  - b\n    - c\n", 2, ITEMS),
        ("a:\n  -b\n  - c\n", 2, ITEMS),
        ("a:\n  -b\n  -c\n", 2, ITEMS),
        (
            "a: - b\n",
            1,
            "begins a list on the line of its key; write each item on a line of its own below it",
        ),
        ("a:\n  - b\n  -c\n", 3, "lacks a blank after the hyphen; write - item"),
        ("a: %b\n", 1, "has a value that begins with %; put it in quotes"),
        ("a:\n  - 1\n  - @b\n", 3, "has a value that begins with @; put it in quotes"),
        ("a: [`b`]\n", 1, "has a value that begins with `; put it in quotes"),
        ("x: 1\na: *b*\n", 2, "has a value that begins with *; put it in quotes"),
        ("a: & b\n", 1, "has a value that begins with &; put it in quotes"),
        ("a: > 100 people\n", 1, "has a value that begins with >; put it in quotes"),
        ("a: | b\n", 1, "has a value that begins with |; put it in quotes"),
        ("a: , b\n", 1, "has a value that begins with ,; put it in quotes"),
        ("a: !b c\n", 1, "uses a YAML tag (!); only plain values are allowed, in quotes if they begin so"),
        ("a: *b\n", 1, "uses an anchor or alias (& or *); write the value out, or in quotes if it begins so"),
        ("a: {{ b }}\n", 1, "has a key that isn't text; put a value that begins with { or [ in quotes"),
        ("a: Sale: now\n", 1, "has a value that holds a colon and a blank; put the value in quotes"),
        ("a: Sale:\n", 1, "has a value that holds a colon and a blank; put the value in quotes"),
        ("a:\n  - b: c: d\n", 2, "has a value that holds a colon and a blank; put the value in quotes"),
        ("a:b\nc: 1\n", 1, "lacks a blank after the colon; write key: value"),
        ("a: 1\nb:c\nd: 1\n", 2, "lacks a blank after the colon; write key: value"),
        ("a:\n  b:c\n  d: 1\n", 2, "lacks a blank after the colon; write key: value"),
        ("a: 1\nb = 2\n", 2, "has = where a colon and a blank belong; write key: value"),
        ("a: 1\nb\nc: 2\n", 2, NEITHER),
        ('a: "b\nc: 1\n', 1, 'opens a quote (") that is never closed'),
        ("x: 1\na: 'b\nc: 1\n", 2, "opens a quote (') that is never closed"),
        (
            'a: "Yes\nb: 1\nc: ["05:00"]\n',
            1,
            'opens a quote (") that is closed only in line 3; one is missing',
        ),
        (
            "a: 'Don't'\n",
            1,
            "has text after a closing quote ('); within single quotes write an apostrophe twice",
        ),
        (
            'a: "b" or "c"\n',
            1,
            'has text after a closing quote ("); put the whole value in quotes, and write a',
        ),
        ('a: "C:\\data"\n', 1, "has a backslash in double quotes, where it means more than itself"),
        ("a: [b, c\nd: {e: 1}\n", 1, "opens a bracket ([) that is never closed, or a comma is missing"),
        ("x: 1\na: {b: 1\nc: {d: 1}\n", 2, "opens a bracket ({) that is never closed, or a comma is missing"),
        ("a: [b, [c, d]\n", 1, "opens a bracket ([) that is never closed"),
        ("a: [", 1, "opens a bracket ([) that is never closed"),
        ("a: [\n", 1, "opens a bracket ([) that is never closed"),
        ("a: [\n  b,\n  c}\n", 3, "closes with } what line 1 opens with ["),
        (
            "a: [b]]\n",
            1,
            "has text after a closing ]; put the whole value in quotes, or take the bracket away",
        ),
        ("a: [new] offers\n", 1, "has text after a closing ]; put the whole value in quotes"),
        ("a: {b: 1 c: 2}\n", 1, "lacks a comma within { } before character 11"),
        ("a: 1\nb: 2\na: 3\n", 3, "has the key a twice, first in line 1; take one away"),
        ("a: 1\n---\nb: 2\n", 2, "holds more than one document (---); one is allowed, so take the line away"),
        ("a: 1\nb: \x00\n", 2, "holds a control character (U+0000); delete it"),
        ("a:\n\u00a0 b: 1\n", 2, ODD),
        ("a:\u00a0b\nc: 1\n", 1, ODD),
        ("a: b\u00a0\n", 1, ODD),
        (
            "a: \u201cb\u201d\n",
            1,
            "has typographic quotes, as word processors write them; type straight ones",
        ),
        (
            "a: [\u2018b\u2019]\n",
            1,
            "has typographic quotes, as word processors write them; type straight ones",
        ),
        ("x: 1\r\na:\r\n\tb: 1\r\n", 3, BLANKS),
        ("  a: 1\nb: 2\n", 1, "is indented deeper than line 2; let both begin in the same column"),
        ("a: }b\n", 1, "has a value that begins with }; put it in quotes"),
        ("a: ? b\n", 1, "has a value that begins with ?; put it in quotes"),
        ("a: [b,, c]\n", 1, "has a comma with nothing before it; take it away"),
        ('a: ["b" "c"]\n', 1, "lacks a comma within [ ] before character 9"),
        ("a: [b #1, c]\nd: 1\n", 1, "has a # after a blank, which begins a comment"),
        ('{"a": 1,\n "b": 2\n "c": [3]}\n', 2, "lacks a comma at its end, within the bracket ({) of line 1"),
        ('{"a": 1,\n "b": "}"\n "c": 3\n', 1, "opens a bracket ({) that is never closed"),
        ('{\n  // b\n  "a": 1\n}\n', 2, "begins with //; a comment begins with #"),
        ("a:\n  -\u00a0b\n  - c\n", 2, ODD),
        ("x: 1\na\uff1a\n  b: 1\n", 2, "has a full-width colon; type a plain one (:), and a blank after it"),
        ("a: 1\n: 2\n", 2, "lacks a key before its colon"),
        ("a:\n  - b: 1\n  -c: 2\n", 3, "lacks a blank after the hyphen; write - item"),
        ("[a]\nb: 1\n", 1, NEITHER),
        ("k" * 1100 + ": 1\n", 1, "has a key of more than 1,024 characters"),
        ("a: |\nb c\nd: 1\n", 2, "isn't indented deeper than line 1, which begins a text with |"),
        ("%YAML 2.0\n---\na: 1\n", 1, "begins with %, as only directives of YAML do"),
        ("```yaml\na: 1\n```\n", 1, "is a fence of Markdown, not of YAML; delete the line"),
        ("a: 1\n```\n", 2, "is a fence of Markdown, not of YAML; delete the line"),
        ("a:\n<<<<<<< HEAD\n  b: 1\n=======\n  b: 2\n>>>>>>> x\n", 2, "begins with <<<<<<<, where git left"),
        (
            "a:\n  - b\n    c: d\n",
            3,
            "is indented deeper than line 2, which has no key; begin that with one too",
        ),
        ("a:\n  * b\n  * c\n", 2, "begins with *, where a hyphen and a blank belong; write - item"),
        ('a: "b", "c"\n', 1, "has a comma after a closing quote; put several values in square brackets"),
        ('a: 1\n"b:"\n  c: 1\n', 2, "has its colon within the quotes; write it after them"),
        ('a: 1\n"b:\n  c: "1"\n', 2, "opens a quote (\") that isn't closed in its line"),
        (
            "a: \u2033b\u2033\n",
            1,
            "has typographic quotes, as word processors write them; type straight ones",
        ),
        ("a: 1\n]b: 2\n", 2, "begins with ], which belongs to nothing; take it away"),
        ("a: 1\n,b: 2\n", 2, "begins with ,, which belongs to nothing; take it away"),
        ("a: 1\nb #c: 2\nd: 3\n", 2, NEITHER),
        ("a: b\u2028c\nd: 1\n", 1, "holds a line end that editors don't show (U+2028)"),
    ],
)
def test_the_cause_is_told_with_its_line(text: str, line: int, cause: str) -> None:
    refused = refusal(text)
    assert cause in str(refused)
    assert refused
    assert refused.line == line


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: b\r\nc:\r\n  - d\r\n", {"a": "b", "c": ["d"]}),
        ("a:\tb\n", {"a": "b"}),
        ("a: it's\n", {"a": "it's"}),
        ("a: b\n  c\n", {"a": "b c"}),
        ("a: the \u201cbest\u201d of all\n", {"a": "the \u201cbest\u201d of all"}),
        ('a: "\u201cb\u201d"\n', {"a": "\u201cb\u201d"}),
        ("a: 'b\u00a0'\n", {"a": "b\u00a0"}),
        ("a: |\n  b\n  - c\n", {"a": "b\n- c\n"}),
        ("a: -5\n", {"a": -5}),
        ("a: b - c\n", {"a": "b - c"}),
        ("a: 100 %\n", {"a": "100 %"}),
    ],
)
def test_what_is_good_is_read(text: str, value: object) -> None:
    assert read_yaml(text).value == value


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [
                "a: 1",
                "  b: 2",
                "- c",
                "  - d",
                "\te: 3",
                "f:",
                'g: "',
                "h: '",
                "i: [",
                "j: }",
                "  k",
                "-l",
                "m:n",
                "",
                "#",
            ]
        ),
        max_size=8,
    )
)
def test_whatever_is_wrong_a_line_of_the_text_is_named(lines: list[str]) -> None:
    refused = refusal("\n".join(lines))
    if refused is not None:
        assert 1 <= (refused.line or 0) <= max(len(lines), 1)
        assert "\n" not in str(refused)
