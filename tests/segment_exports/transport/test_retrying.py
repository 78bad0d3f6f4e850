from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.transport.retrying import RetrySettings, retry_after

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def test_waits_double_up_to_the_longest() -> None:
    longest = [RetrySettings().wait(failures, lambda: 1.0) for failures in range(1, 10)]

    assert longest == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_jitter_is_full() -> None:
    assert RetrySettings().wait(3, lambda: 0.0) == 0
    assert RetrySettings().wait(3, lambda: 0.25) == 0.5


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("17", 17.0),
        ("1.5", 1.5),
        ("Sun, 01 Mar 2026 12:01:30", 90.0),
        ("inf", None),
        ("9" * 400, None),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 13:01:30 +0100", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1_0", None),
        ("nan", None),
        ("0x10", None),
        ("1e3", None),
        ("Sun, 99 Mar 2026 12:01:30 GMT", None),
        ("Sun, 01 Mar 99999999999 12:01:30 GMT", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value, seconds) -> None:
    assert retry_after({"Retry-After": value}, lambda: NOW) == seconds


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("Sun, 01 Mar 2026 09:00:00 GMT", 3600.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("yesterday", 0.0),
        ("", 0.0),
    ],
)
def test_a_date_is_counted_from_the_clock_of_the_answer(told: str, seconds: float) -> None:
    """Ours is two hours ahead of the first one's."""
    headers = {"Retry-After": "Sun, 01 Mar 2026 10:00:00 GMT", "Date": told}
    assert retry_after(headers, lambda: NOW) == seconds


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_header_breaks_the_wait(value: str, date: str) -> None:
    seconds = retry_after({"Retry-After": value, "Date": date}, lambda: NOW)
    assert seconds is None or 0 <= seconds < float("inf")


def test_no_header_asks_for_nothing() -> None:
    assert retry_after({}, lambda: NOW) is None
