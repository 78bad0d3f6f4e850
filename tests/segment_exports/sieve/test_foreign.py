"""Errors that are not ours are told by kind, the system's reason and the status: never by their words."""

from __future__ import annotations

import errno
import traceback

import requests

from segment_exports.errors import UnforeseenError
from segment_exports.sieve.foreign import error_told, status_of

SAID = "PUT https://lake.example/x?sig=abc of ann@example.com"


class HttpResponseError(Exception):
    """As a storage library has it."""

    def __init__(self, message: str, status_code: int) -> None:
        super().__init__(message)
        self.status_code = status_code


def fail_with(error: Exception) -> None:
    raise error


def test_what_is_told_of_an_error() -> None:
    assert error_told(KeyError(SAID)) == "KeyError"
    assert error_told(OSError(errno.ENOSPC, SAID)) == "OSError, No space left on device"
    assert error_told(HttpResponseError(SAID, 403)) == "HttpResponseError, HTTP 403"
    assert error_told(requests.ConnectionError(SAID)) == "ConnectionError"


def test_the_status_is_that_of_an_error_or_of_what_caused_it() -> None:
    error = OSError(SAID)
    error.__cause__ = HttpResponseError(SAID, 404)
    assert status_of(error) == 404
    error.__cause__.__cause__ = error  # a circle has an end
    error.__cause__.status_code = 7
    assert status_of(error) is None


def test_an_error_that_nobody_foresaw_is_told_with_its_place_and_frames_and_without_words() -> None:
    error = HttpResponseError(SAID, 500)
    error.__cause__ = ValueError(SAID)
    try:
        fail_with(error)
    except HttpResponseError as caught:
        told = UnforeseenError.of(caught)

    shown = "".join(traceback.format_exception(told))
    assert str(told).startswith("HttpResponseError, HTTP 500 at sieve/test_foreign.py:")
    assert "in fail_with" in shown
    assert "lake.example" not in shown
