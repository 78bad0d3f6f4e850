from __future__ import annotations

from datetime import UTC, datetime

import pytest

from segment_exports.errors import SourceError
from segment_exports.sources.snapshot_marks import SnapshotChangedError, ensure_unchanged, parse_time


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05T05:00:00Z", datetime(2026, 1, 5, 5, tzinfo=UTC)),
        ("2026-01-05T05:00:00.1234567Z", datetime(2026, 1, 5, 5, 0, 0, 123456, UTC)),
        ("2026-01-05T07:00:00+02:00", datetime(2026, 1, 5, 5, tzinfo=UTC)),
        ("2026-01-05T05:00:00", datetime(2026, 1, 5, 5, tzinfo=UTC)),
    ],
)
def test_times_are_utc(text: str, moment: datetime) -> None:
    assert parse_time(text, "it") == moment


@pytest.mark.parametrize("value", ["yesterday", "", "0001-01-01T00:00:00+14:00", 5, None])
def test_what_is_no_time_is_told(value: object) -> None:
    with pytest.raises(SourceError, match=r"modifiedon is (str|int|NoneType), not a time"):
        parse_time(value, "modifiedon")


def test_a_mark_that_moved_came_or_went_voids_what_was_read() -> None:
    ensure_unchanged("It", "a", "a")
    ensure_unchanged("It", None, None)
    for chosen, found in (("a", "b"), (None, "a"), ("a", None)):
        with pytest.raises(SnapshotChangedError, match="Nothing of it is delivered"):
            ensure_unchanged("It", chosen, found)
