"""Ctrl-C, ``kill`` and a closed terminal end a command in the same way: once, with all that it started."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_on_signals() -> None:
    """Make the first of these signals a KeyboardInterrupt, and those after it nothing.

    A terminal that closes sends more than one, and the second must not stop the ending halfway. What the
    caller ignores stays ignored: ``nohup make up`` outlives its terminal.
    """
    for one in _SIGNALS:
        if signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, _interrupt_once)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let no signal, such as a second and impatient Ctrl-C, leave half of the processes behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, signal.SIG_IGN) for one in _SIGNALS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _interrupt_once(number: int, frame: object) -> None:  # noqa: ARG001 - the signature of a handler
    for one in _SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    raise KeyboardInterrupt
