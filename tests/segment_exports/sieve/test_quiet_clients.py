"""The libraries that talk to servers for us log nothing, at whatever level Airflow logs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from segment_exports.sieve.quiet_clients import LIBRARIES, quiet_clients

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What a handler of the root logger hears at DEBUG (caplog also listens where nothing is handed up)."""
    root, handler = logging.getLogger(), _Heard()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.texts
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("library", LIBRARIES)
def test_nothing_of_a_library_reaches_the_log_not_even_of_a_logger_with_a_level_of_its_own(
    library: str, heard: list[str]
) -> None:
    quiet_clients()
    below = logging.getLogger(f"{library}.below")
    below.setLevel(logging.DEBUG)
    for logger in (logging.getLogger(library), below, logging.getLogger(f"{library}.other")):
        for level in (logging.DEBUG, logging.WARNING, logging.ERROR):
            logger.log(level, "GET /?sig=secret")

    assert heard == []


def test_our_own_log_is_heard(heard: list[str]) -> None:
    quiet_clients()
    logging.getLogger("segment_exports.sources").debug("told")

    assert heard == ["told"]
