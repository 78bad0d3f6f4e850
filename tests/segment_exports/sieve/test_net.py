"""The last net under every text of ours: nothing of the shape of an address or a secret gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.errors import DestinationError, NotFoundError, SourceError
from segment_exports.records.problems import Reason, record_problem, recorded_problems
from segment_exports.records.staging import Store
from segment_exports.records.warnings import record_warnings, recorded_warnings
from segment_exports.sieve.net import name_told, netted
from segment_exports.sources.web.answer_status import RefusedError


@pytest.mark.parametrize(
    "text",
    [
        "a@b.example",
        "<eva+news@mail.example.com>",
        "email=Eva.Braun@example.com;",
        '"o\'hara@example.co.uk" is taken',
        "müller@exämple.de",
        "/contact/eva%40example.com/x",
        "/contact/eva%2540example.com/x",
        "eva&#64;example.com",
        "eva&#x40;example.com",
        "eva\\u0040example.com",
        "eva\uff20example.com",
        "e\u200bva@exam\u200bple.com",
    ],
)
def test_addresses_are_taken_out(text: str) -> None:
    told = netted(text)
    assert "<address>" in told
    assert "example" not in told
    assert "eva" not in told.lower()


@given(st.emails(), st.text(max_size=50))
def test_no_address_survives(address: str, around: str) -> None:
    local, _, domain = address.rpartition("@")
    if all(letter not in "\"'<>(){}[],;:=/ " for letter in local):
        assert f"{local}@{domain}" not in netted(f"{around} {address} {around}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Authorization: Bearer abcdefgh.ijklmnop", "Authorization: Bearer ***"),
        ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln there", "got *** there"),
        ("https://x.example/f?sv=1&sig=a%2Fb&se=2", "https://x.example/f?sv=1&sig=***&se=2"),
        ("client_secret=s3cr3t&x", "client_secret=***&x"),
        ("a\x1b[31m\u202ered\u2028line\ttab\nnext", "a[31mred line\ttab\nnext"),
        ("https://login.example/t and 12 x 5", "https://login.example/t and 12 x 5"),
    ],
)
def test_what_looks_like_a_secret_or_is_not_seen_is_taken_out(text: str, told: str) -> None:
    assert netted(text) == told


def test_a_name_of_others_is_told_on_one_line_and_cut() -> None:
    assert name_told("Gold\n\x00customers of ann@example.com") == "Gold customers of <address>"
    assert len(name_told("x" * 5000)) == 200


@pytest.mark.parametrize(
    "error",
    [
        SourceError("ann@example.com"),
        DestinationError("ann@example.com", status=500),
        NotFoundError("ann@example.com"),
        RefusedError("ann@example.com", reason="x"),
    ],
)
def test_every_error_of_ours_passes_it(error: Exception) -> None:
    assert str(error) == "<address>"


def test_problems_and_warnings_that_are_kept_pass_it(tmp_path) -> None:
    store = Store.local(tmp_path)
    record_problem(store, "extract", Reason("ann@example.com"))
    record_warnings(store, "extract", ["ann@example.com"])

    assert recorded_problems(store) == {"extract": Reason("<address>")}
    assert recorded_warnings(store) == ["<address>"]
