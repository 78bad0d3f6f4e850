from __future__ import annotations

import hashlib
import hmac

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.errors import LedgerError
from segment_exports.records.keyed_hash import HASH_BYTES, HASH_TYPE, KeyedHasher

SECRET = "a secret of the tests that is long enough"


def test_a_hash_is_the_first_half_of_an_hmac_with_sha_256() -> None:
    full = hmac.new(SECRET.encode(), "müller@example.com".encode(), hashlib.sha256).digest()
    assert KeyedHasher(SECRET).text("müller@example.com") == full[:HASH_BYTES]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(st.none(), st.text())), st.integers(0, 5))
def test_a_column_is_hashed_value_by_value_and_null_stays_null(texts: list[str | None], start: int) -> None:
    hasher = KeyedHasher(SECRET)
    try:
        column = pa.array(texts, pa.string())
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    expected = [None if text is None else hasher.text(text) for text in texts]
    assert hasher.column(column).type == HASH_TYPE
    assert hasher.column(column.slice(start)).to_pylist() == expected[start:]
    assert hasher.column(pa.chunked_array([column, column], pa.string())).to_pylist() == expected * 2
    assert hasher.column(column.cast(pa.binary())).to_pylist() == expected


def test_another_secret_gives_other_hashes_and_another_fingerprint() -> None:
    one, other = KeyedHasher(SECRET), KeyedHasher(f"{SECRET}!")
    assert one.text("a") != other.text("a")
    assert one.fingerprint != other.fingerprint
    assert SECRET not in one.fingerprint
    assert KeyedHasher(SECRET).fingerprint == one.fingerprint


def test_a_short_secret_is_refused_without_being_told() -> None:
    with pytest.raises(LedgerError, match="has 6 characters; it must have at least 16") as raised:
        KeyedHasher("secret")
    assert "secret" not in str(raised.value).replace("openssl", "")
