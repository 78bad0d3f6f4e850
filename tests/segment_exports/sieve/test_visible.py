"""Text from outside shows as what it is, in a terminal, a log and a report."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.errors import NotFoundError, SourceError
from segment_exports.sieve.telling import LONGEST_MESSAGE
from segment_exports.sieve.visible import in_one_line, shortened, visible

ANY = st.text(st.characters(), max_size=50)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Größe 長い 😀", "Größe 長い 😀"),
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        ("a\rb\tc\x9b31m", r"a\rb\tc\x9b31m"),
        ("invoice\u202efdp.exe", r"invoice\u202efdp.exe"),
        ("go\u200bld\ufeff\u2066", r"go\u200bld\ufeff\u2066"),
        ("one\u2028two\x85three\v", r"one\u2028two\x85three\x0b"),
        ("\udcff", r"\udcff"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_what_is_not_seen_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(ANY)
def test_all_that_is_shown_is_printable_and_doing_it_again_changes_nothing(text: str) -> None:
    shown = visible(text)
    assert all(line.isprintable() for line in shown.split("\n"))
    assert visible(shown) == shown
    assert in_one_line(text).isprintable()
    assert shown.count("\n") == text.count("\n")


@given(ANY)
def test_in_an_error_nothing_is_hidden(text: str) -> None:
    told = str(SourceError(text))
    assert told == str(NotFoundError(text))
    assert all(line.isprintable() for line in told.split("\n"))


@given(st.text("ab", min_size=31, max_size=2000), st.integers(30, 40))
def test_a_long_text_is_cut_and_tells_how_much_is_left_out(text: str, longest: int) -> None:
    short = shortened(text, longest)
    assert len(short) <= longest
    if short != text:
        kept, told = short.split("… (")
        assert text.startswith(kept)
        assert int(told.split(" ")[0].replace(",", "")) + len(kept) == len(text)


def test_a_message_has_so_many_characters_and_not_one_more() -> None:
    longest = "x " * (LONGEST_MESSAGE // 2)
    assert str(SourceError(longest)) == longest
    told = str(SourceError(f"{longest}x"))
    assert len(told) <= LONGEST_MESSAGE
    assert told.endswith(" more characters)")


def test_no_message_is_longer_than_is_read() -> None:
    names = ", ".join(f"attribute_{number}" for number in range(10_000))
    told = str(SourceError(f"there is no attribute X; there are: {names}"))
    assert len(told) <= LONGEST_MESSAGE
    assert told.endswith(" more characters)")
    assert str(SourceError(told)) == told
