from __future__ import annotations

import unicodedata
from collections import defaultdict

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.mapping.address_folding import ambiguous_letter, fold, named
from segment_exports.mapping.email_address import EmailRefusal, judge_email, judge_emails, same_address

CASED = [
    letter
    for letter in map(chr, [*range(0xD800), *range(0xE000, 0x20000)])
    if letter.lower() != letter or letter.upper() != letter or unicodedata.normalize("NFKC", letter) != letter
]
LETTERS = st.sampled_from(CASED) | st.characters(categories=["L", "M", "N"])
TEXTS = st.text(LETTERS | st.sampled_from("abkIs.-@ßςİı\u0307\u0301"), max_size=12)


def as_is(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_the_normal_form_makes_no_other_text(text):
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text)) == fold(text)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_a_text_without_ambiguous_letters_folds_to_one_without_them(text):
    if ambiguous_letter(text) is None:
        assert ambiguous_letter(fold(text)) is None


def test_letters_fold_together_only_one_to_one():
    folded = defaultdict(set)
    for letter in CASED:
        if ambiguous_letter(letter) is None:
            folded[fold(letter)].add(as_is(letter))
    for small, letters in folded.items():
        assert len(letters | {small}) <= 2
        for letter in letters - {small}:
            assert (letter.lower(), small.upper()) == (small, letter)


@settings(max_examples=400, deadline=None)
@given(TEXTS, TEXTS)
def test_two_texts_fold_together_only_letter_by_letter(one, other):
    if ambiguous_letter(one) or ambiguous_letter(other) or fold(one) != fold(other):
        return
    assert len(as_is(one)) == len(as_is(other))
    for left, right in zip(as_is(one), as_is(other), strict=True):
        assert left == right or {left.lower(), right.lower()} == {fold(left)}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.sampled_from(CASED), min_size=1, max_size=3), min_size=1, max_size=3))
def test_no_address_is_sent_that_was_not_in_the_source(words):
    text = f"x{'.'.join(words)}@mail.example.com"
    judged = judge_email(text)
    if not isinstance(judged, EmailRefusal):
        assert judged == fold(text)
        assert ambiguous_letter(text) is None


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("YAS\u0130N@example.com", "U+0130 LATIN CAPITAL LETTER I WITH DOT ABOVE"),
        ("YASI\u0307N@example.com", "U+0307 COMBINING DOT ABOVE"),
        ("yasi\u0307n@example.com", "U+0307 COMBINING DOT ABOVE"),
        ("yas\u0131n@example.com", "U+0131 LATIN SMALL LETTER DOTLESS I"),
        ("info@F\u0130RMA.com", "U+0130 LATIN CAPITAL LETTER I WITH DOT ABOVE"),
        ("info@xn--k-ekaa7p.com", "U+0131 LATIN SMALL LETTER DOTLESS I"),
        ("\u212aate@example.com", "U+212A KELVIN SIGN"),
        ("\u212bsa@example.com", "U+212B ANGSTROM SIGN"),
        ("\u017fara@example.com", "U+017F LATIN SMALL LETTER LONG S"),
        ("STRA\u1e9eE@example.com", "U+1E9E LATIN CAPITAL LETTER SHARP S"),
        ("\ufb01ona@example.com", "U+FB01 LATIN SMALL LIGATURE FI"),
        ("anna@\ufb01rma.com", "U+FB01 LATIN SMALL LIGATURE FI"),
        ("\uff41nna@example.com", "U+FF41 FULLWIDTH LATIN SMALL LETTER A"),
        ("anna@\uff45xample.com", "U+FF45 FULLWIDTH LATIN SMALL LETTER E"),
        ("anna\u00b2@example.com", "U+00B2 SUPERSCRIPT TWO"),
        ("ΟΔΟΣ@example.com", "U+03A3 GREEK CAPITAL LETTER SIGMA"),
        ("info@ΟΔΟΣ.gr", "U+03A3 GREEK CAPITAL LETTER SIGMA"),
    ],
)
def test_an_ambiguous_letter_is_refused_and_named(text, letter):
    columns = judge_emails(pa.array([text, "anna@example.com"]))
    assert columns.emails.to_pylist() == [None, "anna@example.com"]
    assert columns.refusals.to_pylist() == [f"ambiguous_letter: {letter}", None]


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ВЛАДИМИР@ПОЧТА.рф", "владимир@почта.рф"),
        ("ÅSA.ØSTBY@example.com", "åsa.østby@example.com"),
        ("οδος@example.com", "οδος@example.com"),
        ("οδοσ@example.com", "οδοσ@example.com"),
        ("info@straße.de", "info@straße.de"),
        ("info@xn--strae-oqa.de", "info@straße.de"),
        ("น้ำ@example.com", "น้ำ@example.com"),
        ("KISS@EXAMPLE.COM", "kiss@example.com"),
    ],
)
def test_letters_of_one_small_form_fold_and_others_stay(text, folded):
    assert judge_email(text) == folded


@pytest.mark.parametrize(
    "other",
    [" Bücher@MÜLLER.de", "bu\u0308cher@mu\u0308ller.de", "bücher@xn--mller-kva.de", "bücher@müller.de"],
)
def test_another_form_of_an_address_is_the_same_address(other):
    assert same_address("bücher@müller.de", other)
    assert same_address(other, "bücher@müller.de")


@pytest.mark.parametrize(
    "other", ["bucher@müller.de", "bücher@muller.de", "b\u00fccher", "", "yas\u0131n@x.de"]
)
def test_another_address_is_not_the_same(other):
    assert not same_address("bücher@müller.de", other)


def test_a_character_without_a_name_is_shown_by_its_number():
    assert named("\ue000") == "U+E000 without a name"
