"""What a text that is no address may mean: read generously, since it is read only where somebody refuses."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.mapping.email_address import EmailRefusal, judge_email
from segment_exports.mapping.meant_addresses import (
    meant_addresses,
    meant_texts,
)
from segment_exports.settings import bounds


def meant(text: str) -> set[str]:
    return set(meant_addresses(pa.array([text]))[0].as_py())


WHO, OTHER = "who@x.com", "other@y.com"


@pytest.mark.parametrize(
    "text",
    [
        "Who <who@x.com>",
        "<who@x.com",
        "who@x.com (at work)",
        "who(work)@x.com",
        "who@(work)x.com",
        '"who"@x.com',
        '="who@x.com"',
        "'who@x.com'",
        "''who@x.com",
        "=who@x.com",
        "=+'who@x.com",
        "\u2018who@x.com\u2019",
        "\u201ewho@x.com\u201c",
        "\u00abwho@x.com\u00bb",
        "`who@x.com`",
        "**who@x.com**",
        "_who@x.com_",
        "- who@x.com",
        "\u2022who@x.com",
        "\u2709 who@x.com",
        "who@x.com!",
        "who@x.com?",
        "who@x.com*",
        "who@x.com\\",
        "who@x.com,",
        "who@x.com...",
        "who@x.com\u3002",
        "who@x\uff0ecom\uff01",
        "who@x.com#ext",
        "who@x.com-",
        "mailto:who@x.com",
        "mailto:who@x.com?subject=hi",
        "http://who@x.com",
        "https://y.com/leave?email=who%40x.com&list=3",
        '<a href="mailto:who@x.com">write</a>',
        "E-Mail=<who@x.com>",
        "E-Mail: who@x.com",
        "smtp:who@x.com",
        "{email:who@x.com}",
        "who%40x.com",
        "who&#64;x.com",
        "who&#x40;x&period;com",
        "who&commat;x.com",
        "who=40x.com",
        "who\\u0040x.com",
        "&lt;who@x.com&gt;",
        "who at x.com",
        "who AT x dot com",
        "who (at) x (dot) com",
        "who[at]x[dot]com",
        "who<at>x.com",
        "who_at_x.com",
        "who arroba x ponto com",
        "who[@]x.com",
        "who@@x.com",
        "who @ @ x.com",
        "who@ x.com",
        "who@[x.com]",
        "who@.x.com",
        "who.@x.com",
        ".who@x..com",
        "who@x,com",
        "who@x com",
        "who@x . com",
        "wh o@x.com",
        "who@\nx.com",
        "\x01who@x.com\x7f!",
        "wh\x00o@x.com",
        "w\ufe0fho@x.com",
        "wh\u034fo@x.com",
        "who@\u3164x.com",
        "wh\u115f\u2800o@x.com",
        "wh\u00ado@x.com",
        "\uff57\uff48\uff4f\uff20x.com",
        "nobody, not at all: who@x.com",
    ],
)
def test_a_person_would_read_the_address_from_it(text):
    assert isinstance(judge_email(text), EmailRefusal)
    assert WHO in meant(text)


@pytest.mark.parametrize(
    "between",
    [
        *"/|&;,\u3001?=+#*_-:\\!\u00b7\u2022\t\n\x00\u00a0\u2028",
        " ",
        " or ",
        " / ",
        "><",
        "\\n",
        "%20",
        "&nbsp;",
        "\u2013",
    ],
)
def test_of_several_in_one_text_each_is_meant(between):
    assert {WHO, OTHER, "ann.lee+b@z.co.uk"} <= meant(between.join([WHO, OTHER, "ann.lee+b@z.co.uk"]))


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("YAS\u0130N@F\u0130RMA.EXAMPLE.COM", {"yasin@firma.example.com"}),
        ("yas\u0131n@firma.example.com", {"yasin@firma.example.com"}),
        ("Ka\u00dfner.Stra\u1e9ee@x.de", {"ka\u00dfner.stra\u00dfe@x.de", "kassner.strasse@x.de"}),
        ("ΝΙΚΟΣ@x.gr", {"νικος@x.gr", "νικοσ@x.gr"}),
        ("o\u2019neil@x.com", {"o'neil@x.com"}),
        ("\u2018o\u2019neil@x.com\u2019", {"o'neil@x.com"}),
        ("ann\u2011lee@x.com", {"ann-lee@x.com"}),
        ("น้ำ <น้ำ@example.com>", {"น้ำ@example.com"}),
        ("ann,lee@x.com", {"ann.lee@x.com"}),
    ],
)
def test_plain_letters_and_signs_are_meant_by_those_that_stand_for_them(text, addresses):
    assert addresses <= meant(text)


@pytest.mark.parametrize(
    "text", ["", " ", "nobody", "@", "@@@", "a@", "@x.com", "at home", "a@b", "n/a", "%40"]
)
def test_where_no_address_can_be_read_none_is_meant(text):
    assert meant(text) == set()


def test_an_ordinary_mistake_means_its_own_address_only():
    assert meant("Ann Lee <ann.lee+news@mail.example.co.uk>") == {"ann.lee+news@mail.example.co.uk"}
    assert meant("<o'neil@x.com>") == {"o'neil@x.com"}


def test_each_row_of_a_column_is_read_for_itself():
    column = pa.array(["<b@x.com>", None, "a@x.com;b@x.com", "nobody", "<b@x.com>"])
    one, several = ["b@x.com"], ["a@x.com", "b@x.com"]
    assert meant_addresses(column).to_pylist() == [one, None, several, [], one]
    assert meant_addresses(column.slice(3, 1)).to_pylist() == [[]]
    assert meant_addresses(pa.array([], pa.string())).to_pylist() == []


ATOMS = st.text("abz09", min_size=1, max_size=6)
ADDRESSES = st.builds("{}.{}@{}.example.com".format, ATOMS, ATOMS, ATOMS)
SEPARATORS = st.sampled_from([*' ;,<>()[]{}|/\\?!*=:&#"`\u201c\u2018\u2022\u3001\n\t\x00', " <", '="'])
AROUND = st.text("ab.1-_+'=%&@;:/ \u00e9", max_size=8)


@settings(max_examples=150, deadline=None)
@given(ADDRESSES, AROUND, SEPARATORS, SEPARATORS, AROUND)
def test_an_address_is_meant_wherever_a_separator_stands_on_both_sides(address, left, before, after, right):
    assert address in meant(f"{left}{before}{address}{after}{right}")


@settings(max_examples=100, deadline=None)
@given(st.text("a@.= ,;'\"()%40&\u0130\u00df\u03a3\ufe0f\x00", max_size=5000) | st.text(max_size=300))
def test_whatever_stands_there_it_means_so_many_at_most_and_each_is_an_address(text):
    assert len(meant_texts(text)) <= bounds.MEANT_ADDRESSES
    assert all(judge_email(one) == one for one in meant(text))


@pytest.mark.parametrize(
    "piece", ["@", "a@b.", "@a", "a.b@", "(", "a@b.c,", " ", "=40", "&#64;", "\u03a3\u00df@a.b", "-a.b@"]
)
def test_a_text_without_end_is_read_no_further_than_a_long_one(piece):
    assert len(meant(piece * 500_000)) <= bounds.MEANT_ADDRESSES


def test_an_address_is_found_as_far_as_a_text_is_read_and_no_character_further():
    before = "." * (bounds.MEANT_CHARACTERS - len(WHO) - 1) + " "
    assert WHO in meant(before + WHO)
    assert WHO not in meant(f".{before}{WHO}")


def test_a_text_means_so_many_addresses_and_not_one_more():
    many = [f"p{number}@x.io" for number in range(bounds.MEANT_ADDRESSES + 1)]
    assert len(" ".join(many)) <= bounds.MEANT_CHARACTERS
    assert meant_texts(" ".join(many[:-1])) == set(many[:-1])
    assert meant_texts(" ".join(many)) == set(many[:-1])
