"""Several page readers at work while the pages that came are used."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

T = TypeVar("T")

_LOOK_UP_SECONDS = 0.2


@dataclass(frozen=True)
class _Failure:
    error: BaseException


class _Ended:
    pass


def read_ahead(readers: Sequence[Iterable[T]], *, waiting: int = 1) -> Iterator[T]:
    """Yield what the readers bring, in the order in which it comes.

    Each reader has its own thread; at most ``waiting`` items a reader lie ready, so that memory stays
    flat. The first error of a reader is raised here, and all stop. Closing the iterator stops them too.
    """
    ready: queue.Queue[Any] = queue.Queue(max(1, len(readers) * waiting))
    stopped = threading.Event()
    for reader in readers:
        threading.Thread(target=_work, args=(reader, ready, stopped), daemon=True).start()
    try:
        left = len(readers)
        while left:
            item = ready.get()
            if isinstance(item, _Failure):
                raise item.error
            if isinstance(item, _Ended):
                left -= 1
            else:
                yield item
    finally:
        stopped.set()


def _work(reader: Iterable[Any], ready: queue.Queue[Any], stopped: threading.Event) -> None:
    try:
        for item in reader:
            if not _put(item, ready, stopped):
                return
    except BaseException as error:  # noqa: BLE001 - it is raised in the thread that reads
        _put(_Failure(error), ready, stopped)
    else:
        _put(_Ended(), ready, stopped)


def _put(item: Any, ready: queue.Queue[Any], stopped: threading.Event) -> bool:
    while not stopped.is_set():
        try:
            ready.put(item, timeout=_LOOK_UP_SECONDS)
        except queue.Full:
            continue
        return True
    return False
