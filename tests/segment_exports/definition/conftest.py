from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALLEST = """\
name: {name}
source: {{type: lake, path: lake}}
segments: [HighValueSegment]
mapping: {{Email: EMail}}
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a definition file: the smallest good one, or a text of one's own, plus more lines."""

    def write(text: str | None = None, *, more: str = "", file: str = "newsletter.yaml") -> Path:
        path = tmp_path / file
        body = SMALLEST.format(name=path.stem) if text is None else text
        path.write_text(body + more, encoding="utf-8")
        return path

    return write
