"""Names of files that stand for a text: bounded, harmless, and another one for every other text."""

from __future__ import annotations

import unicodedata
from pathlib import PureWindowsPath
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.records.storing.file_names import (
    earlier_file_name,
    file_name,
    file_names,
    is_cut,
    text_of,
)
from segment_exports.settings import bounds

NEAR = st.text(st.sampled_from("aAcCtT0~.%-_ 4f:+\u00e9e\u0301\u043d\u041a😀"), max_size=60)
"""Texts that are near to each other, to what names are written with, and to each other's names."""
TEXTS = st.one_of(
    NEAR,
    st.text(st.characters(), max_size=60),
    st.text(st.sampled_from("A-Za-z0-9_.~:+-"), min_size=200, max_size=250),
    st.sampled_from(["", ".", "..", "CON", "con", "nul.txt", "NUL", "aux", "com1", "COM1.csv", "lpt9 .x"]),
    st.text("ab", min_size=115, max_size=125),
    NEAR.map(file_name),
    NEAR.map(lambda text: file_name(text * 10)),
)


def as_a_disk_sees_it(name: str) -> str:
    """Return what a disk that is blind to case, forms of Unicode and trailing dots makes of a name."""
    return unicodedata.normalize("NFC", name).casefold().rstrip(". ")


@given(TEXTS, TEXTS)
def test_two_texts_have_two_names_on_every_disk(one: str, other: str) -> None:
    is_same = as_a_disk_sees_it(file_name(one)) == as_a_disk_sees_it(file_name(other))
    assert is_same == (one == other)


@given(TEXTS)
def test_texts_that_differ_in_case_or_form_only_have_two_names(text: str) -> None:
    for other in (text.swapcase(), text.upper(), text.lower(), *forms_of(text), f"{text}.", f"{text} "):
        if other != text:
            assert as_a_disk_sees_it(file_name(text)) != as_a_disk_sees_it(file_name(other))


def forms_of(text: str) -> list[str]:
    return [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")]


@given(TEXTS)
def test_a_name_is_harmless_wherever_it_stands(text: str) -> None:
    name = file_name(text)
    assert 0 < len(name) <= bounds.FILE_NAME_BYTES
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set('/\\:*?"<>|$+\n')
    assert name[0] not in "-_. "
    assert name[-1] not in ". "
    for ending in ("", ".json", ".parquet"):
        assert not PureWindowsPath(f"{name}{ending}").is_reserved()


@given(TEXTS)
def test_a_name_tells_its_text_unless_that_was_cut(text: str) -> None:
    name = file_name(text)
    assert text_of(name) == (None if is_cut(name) and text else text)
    assert len(text.encode("utf-8", "surrogatepass")) <= bounds.FILE_NAME_BYTES or is_cut(name)


@given(TEXTS)
def test_a_text_is_found_under_the_name_that_it_had_and_under_no_other_ones(text: str) -> None:
    earlier = earlier_file_name(text)
    if earlier is not None:
        assert text_of(earlier) == text
        assert file_names(text) == (file_name(text), earlier)


@given(TEXTS, TEXTS)
def test_an_earlier_name_is_never_the_name_of_another_text(one: str, other: str) -> None:
    assert one == other or earlier_file_name(one) not in file_names(other)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("newsletter", "newsletter"),
        ("scheduled__2026-11-27T05:00:00+00:00", "scheduled__2026-11-27T05%3A00%3A00%2B00%3A00"),
        ("autopilot_default", "autopilot_default"),
        ("extract 3", "extract 3"),
        ("Gold", "Gold~c1"),
        ("GOLD", "GOLD~cf"),
        ("HighValueSegment", "HighValueSegment~c211"),
        ("..", "%2E%2E"),
        ("aux.txt", "%61ux.txt"),
        ("-rf", "%2Drf"),
        ("_accounts", "%5Faccounts"),
        ("~", "%7E"),
        ("gold.", "gold%2E"),
        ("a" * 120, "a" * 120),
    ],
)
def test_a_plain_text_stands_as_it_is_and_others_can_still_be_read(text: str, name: str) -> None:
    assert file_name(text) == name


@pytest.mark.parametrize("text", ["newsletter", "manual__2026-11-27T05:00:00.123+00:00", "x" * 120, "a b@c"])
def test_plain_texts_have_the_name_that_they_always_had(text: str) -> None:
    assert file_name(text) == quote(text, safe="-_.@ ")
    assert earlier_file_name(text) is None


def test_a_text_as_long_as_a_name_may_be_is_its_name_and_one_byte_more_is_cut() -> None:
    longest = "x" * bounds.FILE_NAME_BYTES
    assert file_name(longest) == longest
    cut = file_name(f"{longest}x")
    assert len(cut) <= bounds.FILE_NAME_BYTES
    assert is_cut(cut)
    assert cut != file_name(f"{longest}y")


def test_a_long_text_begins_its_name() -> None:
    assert file_name("Ä" * 300).startswith("%C3%84%C3%84")
    assert file_name("x" * 300).startswith("x" * 80)


@pytest.mark.parametrize("name", ["run (copy)", "%zz", "gold~c0", "GOLD~c1~c1", "a" * 256])
def test_a_name_that_is_none_of_ours_tells_no_text(name: str) -> None:
    assert text_of(name) is None
    assert not is_cut(name)
