"""Errors that are not ours: their own words may hold a person's data, a URL with its query or a token."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def error_told(error: BaseException) -> str:
    """Return what an error is: its kind, the system's name of what went wrong, and the HTTP status."""
    number = getattr(error, "errno", None)
    reason = os.strerror(number) if isinstance(number, int) else ""
    status = status_of(error)
    return ", ".join(filter(None, [type(error).__name__, reason, f"HTTP {status}" if status else ""]))


def reason_told(error: OSError) -> str:
    """Return the system's name of what went wrong with a file, else as :func:`error_told`."""
    return os.strerror(error.errno) if error.errno else error_told(error)


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status of an error or of what caused it; every client library has a name of its own."""
    for one in _causes(error):
        for name in ("status_code", "status", "code"):
            value = getattr(one, name, None)
            if isinstance(value, int) and 400 <= value < 600:
                return value
    return None


def place_of(error: BaseException) -> str:
    """Return the module and line where an error arose, as ``records/staging.py:68``; "" where it has none."""
    trace = error.__traceback__
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    file = trace.tb_frame.f_code.co_filename
    return f"{'/'.join(file.split('/')[-2:])}:{trace.tb_lineno}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
