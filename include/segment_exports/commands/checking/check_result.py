"""What holding a definition against its source found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class SegmentCheck:
    """What a run would read of one segment now; None where that is not known without reading it all."""

    name: str
    list: str
    snapshot: datetime | None = None
    rows: int | None = None
    rows_with_address: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True)
class ToldOfRun:
    """What others than the definition say of its runs: ``problems`` would stop each, ``notes`` would not."""

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    """One definition held against its source: ``problems`` would stop a run, ``notes`` would not."""

    export: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    segments: tuple[SegmentCheck, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether nothing would stop a run."""
        return not self.problems
