"""Text from outside in Airflow's Markdown makes no link, picture, heading, table or HTML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from segment_exports.settings import bounds
from segment_exports.sieve.visible import in_one_line
from segment_exports_airflow.markdown import as_code, as_text, items, table

if TYPE_CHECKING:
    from markdown_it.token import Token

PARSER = MarkdownIt("gfm-like")
"""GitHub's Markdown, with links for bare addresses as Airflow shows it."""
LINKS_OF_AIRFLOW = re.compile(r"https?://|www\.[-.\w]|[-.\w+]@[-\w]", re.IGNORECASE)
"""What remark-gfm makes a link of in any text, escaped or not (mdast-util-gfm-autolink-literal)."""
HOSTILE = [
    "![x](https://evil.com/x.png)",
    "![x][1]\n\n[1]: https://evil.com/x.png",
    "[click](javascript:alert(1))",
    "<img src=x onerror=alert(1)>",
    "<https://evil.com>",
    "https://evil.com/x?a=b",
    "www.evil.com",
    "evil.com",
    "mailto:ann@evil.com",
    "//evil.com",
    "&lt;b&gt; &#60;i&#62;",
    "a | b |\n|---|---|",
    "`code` ```",
    "# heading",
    "1. one",
    "- [ ] task",
    "    indented",
    "***",
    "~~gone~~ **bold** _it_",
    "\\",
    "[^1]",
    "12) twelve",
    "=====",
    "{{ 7 * 7 }} {% raw %}",
]
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.lists(st.sampled_from([*HOSTILE, " ", "\n", "a"]), max_size=4).map("".join),
    st.text("[]()!<>|`\\#*_~:/.@-+= a1\nhtps\u2028", max_size=40),
    st.text(max_size=40),
)
HARMLESS = {"paragraph_open", "paragraph_close", "inline", "text", "text_special", "softbreak"}


def shown(tokens: list[Token]) -> str:
    return "".join(token.content for token in tokens).replace("\u2060", "")


def texts(tokens: list[Token]) -> list[Token]:
    return [inner for token in tokens for inner in token.children or []]


def kinds(tokens: list[Token]) -> set[str]:
    inner = (kinds(token.children or []) for token in tokens)
    return {token.type for token in tokens}.union(*inner)


PARSER.linkify.set({"fuzzy_link": False})  # type: ignore[union-attr]


@given(TEXTS)
def test_any_text_shows_as_itself_and_makes_nothing(text: str) -> None:
    tokens = PARSER.parse(f"before {as_text(text)} after\n\n# {as_text(text)}\n\nend")
    assert kinds(tokens) <= HARMLESS | {"heading_open", "heading_close"}
    wanted = in_one_line(text.strip())
    assert not any(LINKS_OF_AIRFLOW.search(token.content) for token in texts(tokens))
    paragraph, heading, _ = [shown(one.children or []) for one in tokens if one.type == "inline"]
    assert paragraph == f"before {wanted} after"
    assert heading == wanted.strip()


@given(TEXTS)
def test_as_code_any_text_shows_as_itself_too(text: str) -> None:
    tokens = PARSER.parse(f"before {as_code(text)} after")
    assert kinds(tokens) <= HARMLESS | {"code_inline"}
    assert shown(tokens[1].children or []) == f"before {in_one_line(text.strip())} after"


def test_what_needs_no_mark_has_none() -> None:
    for text in ("Win-back", "High Value (2026): 1/2, 50%", "stop_above_invalid", "a.b", "Größe"):
        assert as_text(text) == text


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=3))
def test_a_table_has_its_rows_and_columns_whatever_is_in_it(rows: list[tuple[str, str]]) -> None:
    tokens = PARSER.parse(table(("one", "two"), rows))
    assert not kinds(tokens) & {"link_open", "image", "html_inline", "html_block", "code_inline"}
    cells = [shown(one.children or []) for one in tokens if one.type == "inline"]
    assert cells == ["one", "two", *(in_one_line(cell.strip()).strip() for row in rows for cell in row)]


@given(TEXTS)
def test_the_lines_of_a_message_are_items_and_nothing_else(text: str) -> None:
    tokens = PARSER.parse(items(f"a.yaml has 2 errors:\n- {in_one_line(text)}\n- the second"))
    allowed = {"bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"}
    assert kinds(tokens) <= allowed | {"paragraph_open", "paragraph_close", "inline", "text"}
    assert sum(one.type == "bullet_list_open" for one in tokens) == 1


def test_a_table_ends_where_nobody_reads_on() -> None:
    told = table(("name",), [(f"s{number}",) for number in range(bounds.SHOWN_ROWS + 5)])
    assert told.endswith("… and 5 more")
    assert len(told.splitlines()) == bounds.SHOWN_ROWS + 4


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (HOSTILE[0], "image"),
        (HOSTILE[1], "image"),
        ("[click](https://evil.com)", "link_open"),
        ("<img src=x onerror=alert(1)>", "html_inline"),
        ("https://evil.com/x?a=b", "link_open"),
        ("ann@evil.com", "link_open"),
        ("//evil.com", "link_open"),
        ("`code`", "code_inline"),
    ],
)
def test_the_parser_of_these_tests_makes_more_of_what_is_not_escaped(text: str, kind: str) -> None:
    assert kind in kinds(PARSER.parse(f"before {text}"))
    assert kind not in kinds(PARSER.parse(f"before {as_text(text)} after"))
