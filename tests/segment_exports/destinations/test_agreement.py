"""An agreement is one only if somebody gave it, to the present text, on a day that has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.destinations.agreement import (
    Agreement,
    agreement_text,
    agreement_version,
    signed_agreement,
)

VERSION = agreement_version("Autopilot")
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def fault(agreed_at: str = "2026-03-01", agreed_by: str = "Maria Silva") -> str | None:
    return Agreement(agreed_by, agreed_at, VERSION).fault(NOW)


@pytest.mark.parametrize(
    "agreed_at",
    [
        "2026-03-01",
        "2026-03-02",
        "2026-03-02T09:30:00+00:00",
        "2026-03-02T09:34:00Z",
        "2026-03-02 23:29:00",
        "2026-03-02T23:29:00+14:00",
        "2026-03-01T20:00:00.123-08:00",
        "2019-01-01",
        "2024-02-29",
    ],
)
def test_a_day_or_time_that_has_begun_somewhere_is_taken(agreed_at: str) -> None:
    assert fault(agreed_at) is None


def test_the_day_in_the_earliest_zone_is_taken() -> None:
    late = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    assert Agreement("Maria", "2026-03-03", VERSION).fault(late) is None
    assert Agreement("Maria", "2026-03-03", VERSION).fault(late - timedelta(seconds=1)) is not None


@pytest.mark.parametrize(
    "agreed_at", ["2026-03-03", "2999-01-01", "2026-03-02T09:36:00Z", "2026-03-02T23:31:00", "9999-12-31"]
)
def test_an_agreement_still_to_come_is_none(agreed_at: str) -> None:
    assert "still to come" in (fault(agreed_at) or "")


@pytest.mark.parametrize(
    "agreed_at",
    [
        "never", "yesterday", "today", "03.01.2026", "01/03/2026", "2026-3-1", "20260301", "2026-W09-7",
        "2026-060", "2026-02-30", "2026-13-01", "2026-03-01T25:00:00", "2026-03-01T", "2026-03-01x10:00",
        "1772323200", "\u0662\u0660\u0662\u0666-\u0660\u0663-\u0660\u0661", "2026-03-01 and later",
        "-2026-03-01", "0000-01-01",
        "2026-03-01T10:00:00+99:00", "true", "2026-03-01\n2026-03-02",
    ],
)  # fmt: skip
def test_what_is_no_day_or_time_is_none(agreed_at: str) -> None:
    assert fault(agreed_at) == (
        "Agreed on must be the day, or the time, of the agreement, such as 2026-03-02"
    )


@pytest.mark.parametrize("agreed_at", ["2018-12-31", "1970-01-01", "0001-01-01", "0226-03-02"])
def test_nobody_agreed_before_there_was_anything_to_transfer(agreed_at: str) -> None:
    assert "is before 2019-01-01" in (fault(agreed_at) or "")


@pytest.mark.parametrize("agreed_by", ["-", "?", "123", "\u200b", "...", "\U0001f600"])
def test_who_agreed_has_a_name(agreed_by: str) -> None:
    assert fault(agreed_by=agreed_by) == "Agreed by must be the name of who agreed"


@pytest.mark.parametrize("agreed_by", ["Maria\nSilva", "Maria\x1b[2J", "M" * 201, "Maria\u202eavliS"])
def test_a_name_is_short_and_on_one_line(agreed_by: str) -> None:
    assert "at most 200 characters on one line" in (fault(agreed_by=agreed_by) or "")


@pytest.mark.parametrize(
    "agreed_by", ["Maria Silva", "X", "M" * 200, "\u5f20\u4f1f", "\u05d3\u05e0\u05d4", "D'Arcy O\u2019Neil"]
)
def test_a_name_may_be_of_any_language(agreed_by: str) -> None:
    assert fault(agreed_by=agreed_by) is None


@pytest.mark.parametrize("value", [True, 5, 20260301, ["Maria"], {"name": "Maria"}, None, "", "  "])
@pytest.mark.parametrize("key", ["agreed_by", "agreed_at", "agreed_text"])
def test_what_is_no_text_is_no_agreement(key: str, value: object) -> None:
    assert Agreement.of({**signed_agreement("Maria"), key: value}) is None


@given(st.datetimes(datetime(2019, 1, 2), datetime(2030, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)))  # noqa: DTZ001
def test_who_signs_now_has_agreed(now: datetime) -> None:
    agreement = Agreement.of(signed_agreement("Maria", now))
    assert agreement is not None
    assert agreement.fault(now) is None


@given(st.text(max_size=40), st.text(max_size=12))
def test_any_text_is_judged(agreed_at: str, agreed_by: str) -> None:
    told = fault(agreed_at, agreed_by)
    assert told is None or told.isprintable()


def test_who_agreed_to_a_transfer_to_the_one_agreed_to_no_other() -> None:
    agreement = Agreement.of(signed_agreement("Maria", receiver="Ortto"))
    assert agreement is not None
    assert agreement.is_current("Ortto")
    assert not agreement.is_current("Autopilot")


def test_the_text_on_autopilot_is_the_one_that_was_agreed_to_all_along() -> None:
    """Else everybody would be asked again."""
    assert agreement_version("Autopilot") == "18be68180e3e"


@pytest.mark.parametrize("receiver", ["Autopilot", "Ortto"])
def test_the_text_names_the_receiver_and_says_what_it_must(receiver: str) -> None:
    for word in ("compliance boundary", "personal data", "privacy and security", f"Insights to {receiver},"):
        assert word in agreement_text(receiver)
