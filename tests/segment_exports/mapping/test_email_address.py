from __future__ import annotations

import unicodedata

import email_validator
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.mapping.email_address import EmailRefusal, judge_email, judge_emails, mask_email

ATOM = st.text("abz019!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=8)
LOCAL_PARTS = st.lists(ATOM, min_size=1, max_size=3).map(".".join) | st.text("ab.@\"' (", max_size=6)
LABELS = st.text("abxn09-", min_size=1, max_size=70) | st.sampled_from(
    ["xn--mller-kva", "MÜLLER", "ab--c", ""]
)
SUFFIXES = st.sampled_from(
    ["com", "de", "c", "museum", "xn--p1ai", "123", "test", "local", "invalid", "onion", "co-m", "com.", ""]
)
NEARLY_ADDRESSES = st.builds(
    lambda local, labels, suffix: f"{local}@{'.'.join([*labels, suffix])}",
    LOCAL_PARTS,
    st.lists(LABELS, min_size=1, max_size=4),
    SUFFIXES,
)
ADDRESSES = NEARLY_ADDRESSES | st.text(max_size=20) | st.text("aA@.b\u00a0\u200bİß\u017fÅé", max_size=12)


def judged(*values: str | None) -> list[str | EmailRefusal]:
    columns = judge_emails(pa.array(values, pa.string()))
    pairs = zip(columns.emails.to_pylist(), columns.refusals.to_pylist(), strict=True)
    return [EmailRefusal(refusal.partition(":")[0]) if email is None else email for email, refusal in pairs]


@pytest.mark.parametrize(
    "text",
    [
        "anna@example.com",
        " anna@example.com\n",
        "\u00a0Anna@Example.COM\u3000",
        "\ufeffANNA@example.com\u200b",
        "\x01anna@example.com\x00\x00",
        "\u3164anna@example.com\u2800 \ufe0f",
    ],
)
def test_white_space_and_case_make_no_other_address(text):
    assert judged(text) == ["anna@example.com"]


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("Bücher@MÜLLER.de", "bücher@müller.de"),
        ("ÜBER@example.com", "über@example.com"),
        ("bu\u0308cher@mu\u0308ller.de", "bücher@müller.de"),
        ("bücher@xn--mller-kva.de", "bücher@müller.de"),
        ("o'neill+news@mail.example.org", "o'neill+news@mail.example.org"),
        ("_a=b'@example.org", "_a=b'@example.org"),
        ("x@shop.test", "x@shop.test"),
        ("用户@例子.公司", "用户@例子.公司"),
    ],
)
def test_good_addresses_come_out_normalised(text, normalised):
    assert judged(text) == [normalised]


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (None, EmailRefusal.MISSING),
        ("", EmailRefusal.MISSING),
        (" \u00a0\t", EmailRefusal.MISSING),
        ("n/a", EmailRefusal.NO_AT_SIGN),
        ("anna\uff20example.com", EmailRefusal.NO_AT_SIGN),
        ("a@x.de; b@x.de", EmailRefusal.SEVERAL_AT_SIGNS),
        ("Anna <anna@example.com>", EmailRefusal.DISPLAY_NAME),
        ("@example.com", EmailRefusal.BAD_LOCAL_PART),
        ("anna.@example.com", EmailRefusal.BAD_LOCAL_PART),
        ("an na@example.com", EmailRefusal.BAD_LOCAL_PART),
        ('"an na"@example.com', EmailRefusal.BAD_LOCAL_PART),
        ("an\u202ena@example.com", EmailRefusal.INVISIBLE_CHARACTER),
        ("'anna@example.com", EmailRefusal.LEADING_MARK),
        ("=ANNA@example.com", EmailRefusal.LEADING_MARK),
        ("=anna@müller.de", EmailRefusal.LEADING_MARK),
        ("\u2022anna@example.com", EmailRefusal.LEADING_MARK),
        ("ann\ufffd@example.com", EmailRefusal.BROKEN_CHARACTER),
        ("ann@ex\ufffdmple.com", EmailRefusal.BROKEN_CHARACTER),
        ("anna@", EmailRefusal.BAD_DOMAIN),
        ("anna@localnet", EmailRefusal.BAD_DOMAIN),
        ("anna@test", EmailRefusal.BAD_DOMAIN),
        ("anna@example..com", EmailRefusal.BAD_DOMAIN),
        ("anna@-example.com", EmailRefusal.BAD_DOMAIN),
        ("anna@[127.0.0.1]", EmailRefusal.BAD_DOMAIN),
        (f"anna@{'b' * 64}.com", EmailRefusal.BAD_DOMAIN),
        ("anna@printer.local", EmailRefusal.RESERVED_DOMAIN),
        ("anna@localhost", EmailRefusal.RESERVED_DOMAIN),
        ("anna@shop.invalid", EmailRefusal.RESERVED_DOMAIN),
        ("a" * 250 + "@example.com", EmailRefusal.TOO_LONG),
        ("ü" * 130 + "@example.com", EmailRefusal.TOO_LONG),
        ("a" * 1_000_000, EmailRefusal.TOO_LONG),
    ],
)
def test_bad_addresses_are_refused_with_a_reason(text, refusal):
    assert judged(text) == [refusal]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\ufe0f@x.com", "invisible_character: U+FE0F VARIATION SELECTOR-16"),
        ("a@\u3164x.com", "invisible_character: U+3164 HANGUL FILLER"),
        ("a\x00b@x.com", "invisible_character: U+0000 CONTROL CHARACTER"),
        ("'a@x.com", "leading_mark: U+0027 APOSTROPHE"),
        ("o\u2019neil@x.com", "ambiguous_letter: U+2019 RIGHT SINGLE QUOTATION MARK"),
        ("ann\u2013lee@x.com", "ambiguous_letter: U+2013 EN DASH"),
    ],
)
def test_the_character_for_which_an_address_is_refused_is_named(text, told):
    assert judge_emails(pa.array([text, "o'neil@x.com"])).refusals.to_pylist() == [told, None]


SHOWS_INK = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""Characters of category Cf that are seen: signs that stand above or around numbers."""
UNSEEN = "\u2800\u034f\u115f\u1160\u17b4\u17b5\u180b\u2065\u3164\uffa0"
"""Those of other categories that are not."""


def test_no_address_has_a_character_that_cannot_be_seen():
    every = map(chr, [*range(0xD800), *range(0xE000, 0x30000), *range(0xE0000, 0xE1000)])
    formats = [one for one in every if unicodedata.category(one) == "Cf" and one not in SHOWS_INK]
    others = [
        *map(chr, range(0xFE00, 0xFE10)),
        *"\u034f\u115f\u1160\u17b4\u17b5\u180b\u2065\u3164\uffa0",
    ]
    unseen = [one for one in [*formats, *others] if not 0x13430 <= ord(one) < 0x13440]
    texts = [text for one in unseen for text in (f"a{one}b@x.com", f"a@x{one}y.com")]
    assert set(judged(*texts)) == {EmailRefusal.INVISIBLE_CHARACTER}


def test_the_rows_of_a_column_keep_their_places():
    assert judged("B@x.de", None, "ü@x.de", "nobody", "a@x.de") == [
        "b@x.de",
        EmailRefusal.MISSING,
        "ü@x.de",
        EmailRefusal.NO_AT_SIGN,
        "a@x.de",
    ]


def test_a_slice_and_an_empty_column_are_judged():
    column = pa.array(["a@x.de", "b@x.de", None])
    assert judge_emails(column.slice(1)).emails.to_pylist() == ["b@x.de", None]
    assert len(judge_emails(column.slice(3)).emails) == 0


@settings(max_examples=200, deadline=None)
@given(NEARLY_ADDRESSES)
def test_columns_accept_nothing_that_the_library_refuses(text):
    (answer,) = judged(text)
    if not isinstance(answer, EmailRefusal):
        found = email_validator.validate_email(answer, check_deliverability=False, test_environment=True)
        assert found.normalized == answer


@settings(max_examples=200, deadline=None)
@given(st.lists(ADDRESSES, max_size=4))
def test_a_column_is_judged_as_its_single_addresses_are(texts):
    assert judged(*texts) == [judge_email(text) for text in texts]


@settings(max_examples=200, deadline=None)
@given(ADDRESSES)
def test_a_normalised_address_stays_as_it_is(text):
    address = judge_email(text)
    if not isinstance(address, EmailRefusal):
        assert judge_email(address) == address


def test_ordinary_addresses_are_judged_without_the_library(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("called one by one")

    monkeypatch.setattr(email_validator, "validate_email", refuse)
    assert judged(" Anna.Silva+news@mail.example.com ") == ["anna.silva+news@mail.example.com"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("john.doe@example.com", "j***@e***.com"),
        (" John.Doe@mail.example.co.uk ", "J***@m***.uk"),
        ("john.doe at example.com", "j***"),
        ("a@x.de; b@y.de", "a***@y***.de"),
        ("@", "***@***"),
        ("john@x.de/" + "secret" * 9, "j***@x***"),
        ("  ", None),
        (None, None),
    ],
)
def test_reports_show_only_a_mask_of_an_address(text, shown):
    assert mask_email(text) == shown
