from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from segment_exports.sources.web.read_ahead import read_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_all_items_of_all_readers_come_each_reader_in_its_order() -> None:
    found = list(read_ahead([range(100), range(100, 150), []]))

    assert sorted(found) == list(range(150))
    assert [item for item in found if item < 100] == list(range(100))


def test_nothing_to_read_is_nothing() -> None:
    assert list(read_ahead([])) == []


def test_readers_do_not_run_far_ahead() -> None:
    made: list[int] = []

    def reader() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    reading = read_ahead([reader()], waiting=2)
    assert next(reading) == 0
    time.sleep(0.1)

    assert len(made) <= 5
    reading.close()


def test_the_error_of_a_reader_is_raised_where_it_is_read() -> None:
    def reader() -> Iterator[int]:
        yield 1
        raise ValueError("broken page")

    with pytest.raises(ValueError, match="broken page"):
        list(read_ahead([reader()]))


def test_readers_stop_when_nobody_reads_on() -> None:
    ended = threading.Event()

    def reader() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            ended.set()

    reading = read_ahead([reader()])
    next(reading)
    reading.close()

    assert ended.wait(60)
