"""The access log by itself; what stands in it, the tests of each emulator say."""

from __future__ import annotations

import pytest

from segment_emulators.account_api.access_log import AccessLog, most_in_a_second


def test_a_limited_log_keeps_the_newest_and_counts_all() -> None:
    log = AccessLog(limit=2)
    for number in range(5):
        log.finish(log.add(float(number), 0.0, "GET", "/account"), float(number))
    assert [entry.number for entry in log.entries] == [4, 5]
    assert len(log) == 5
    assert log.totals["GET", None] == 5


def test_what_reads_is_no_write() -> None:
    log = AccessLog()
    get, post = log.add(0.0, 0.0, "GET", "/a"), log.add(0.0, 0.0, "POST", "/b")
    assert log.writes() == [post]
    post.reads = True
    assert (get.reads, log.writes()) == (True, [])


@pytest.mark.parametrize(
    ("times", "most"), [([], 0), ([0.0, 0.5, 0.99, 1.0], 3), ([0.0, 1.0, 2.0], 1), ([3.0, 3.0], 2)]
)
def test_most_in_a_second(times: list[float], most: int) -> None:
    assert most_in_a_second(times) == most
