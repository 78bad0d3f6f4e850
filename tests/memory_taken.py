"""The most memory that a piece of work takes, as the system counts it.

Not by ``tracemalloc``: on Python 3.11 a process may crash when it stops while other threads allocate.
"""

from __future__ import annotations

from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
"""See proc(5), ``clear_refs``."""


class MemoryTaken:
    """A context in which the peak is counted from anew; ``most`` is how many bytes it rose by.

    It is 0 where the system doesn't tell (elsewhere than on Linux).
    """

    most = 0

    def __enter__(self) -> MemoryTaken:
        if _CLEAR.exists():
            _CLEAR.write_text(_RESET_PEAK)
            self._before = _peak()
        return self

    def __exit__(self, *_: object) -> None:
        if _CLEAR.exists():
            self.most = _peak() - self._before


def _peak() -> int:
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
