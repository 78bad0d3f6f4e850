"""What messages call the fields of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_exports.settings.connection_fields import LABELS, label, label_and_key

if TYPE_CHECKING:
    from segment_exports.settings.connection_fields import Naming


@pytest.mark.parametrize(
    ("key", "called"),
    [
        ("agreed_by", "Agreed by"),
        ("agreed_at", "Agreed on (agreed_at)"),
        ("agreed_text", "Data privacy and compliance (agreed_text)"),
        ("ca_bundle", "CA bundle"),
        ("instance_id", "Instance ID"),
        ("subscription_api_key", "Subscription key (subscription_api_key)"),
    ],
)
def test_a_key_stands_beside_the_forms_words_only_where_they_are_others(key: str, called: str) -> None:
    assert label_and_key(key) == called
    assert label(key) == called.partition(" (")[0]


def test_who_reads_the_form_finds_one_field_by_its_words() -> None:
    assert len({one.lower() for one in LABELS.values()}) == len(LABELS)


@pytest.mark.parametrize("called", [label, label_and_key])
def test_what_no_form_has_stays(called: Naming) -> None:
    assert called("enabeld") == "enabeld"
