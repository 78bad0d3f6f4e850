"""Words of a service about nobody: more of them are kept than of one about people, and names of ours."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.sieve.harmless_words import ALSO_NAMES, JOINING, OF_SERVICES, TELLING
from segment_exports.sieve.secrets_in_use import keep_secret
from segment_exports.sieve.sifting import sift


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("The query specified in the URI is not valid.", "The query specified in the URI is not valid."),
        (
            "Could not find a property named 'msdynci_tier' on type 'Microsoft.Dynamics.CRM.contact'.",
            "Could not find a property named 'msdynci_tier' on type ….",
        ),
        (
            "Number of requests exceeded the limit of 6000 over a time window of 300 seconds.",
            "Number of requests exceeded the limit of … over a time window of … seconds.",
        ),
        ("The row of ann@example.com (Ann Example) is not valid", "The row of … (…) is not valid"),
        ("Das geht nicht", ""),
    ],
)
def test_an_engineer_can_act_on_what_is_left(said: str, kept: str) -> None:
    assert sift(said, names={"msdynci_tier"}, of_service=True) == kept


def test_a_secret_of_harmless_words_is_a_gap() -> None:
    keep_secret("update-the-store-key")
    assert sift("the key update-the-store-key is invalid", of_service=True) == "the key … is invalid"


def test_words_of_services_tell_nothing_of_people_and_are_not_kept_where_they_may() -> None:
    assert sift("the tenant is unknown") == "the … is unknown"
    assert sift("The Page of Grant is invalid", of_service=True) == "The … of … is invalid"


@given(st.text(max_size=300))
def test_of_any_text_only_listed_words_are_kept_on_one_line(text: str) -> None:
    kept = sift(f"the query {text} is invalid", of_service=True)

    words = {word.strip("'") for word in re.split(r"[^\w']+|_", kept.lower())}
    assert words <= JOINING | TELLING | OF_SERVICES | {""}
    assert len(kept) <= 200
    assert kept.isprintable()


def test_the_lists_hold_plain_words_and_names_that_are_in_them() -> None:
    listed = JOINING | TELLING | OF_SERVICES
    assert [word for word in listed if not word.replace("'", "").isalpha() or word != word.lower()] == []
    assert listed >= ALSO_NAMES
