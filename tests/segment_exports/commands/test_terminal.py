"""What commands say is text in any terminal."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from segment_exports.commands.exportable import Exportable, table
from segment_exports.commands.terminal import complain, say
from segment_exports.sources import Attribute, SegmentInfo

if TYPE_CHECKING:
    import pytest

HOSTILE = "Gold\x1b]0;owned\x07\u202e\n  - injected"


def test_names_of_others_reach_a_terminal_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{HOSTILE}\n")
    complain(HOSTILE)
    told = capsys.readouterr()
    assert told.out == told.err == "Gold\\x1b]0;owned\\x07\\u202e\n  - injected\n"


def test_a_name_stays_in_its_line_of_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    found = Exportable((SegmentInfo(HOSTILE, ()),), (Attribute(HOSTILE, "string"),))
    text = table(found, datetime(2026, 3, 1, tzinfo=UTC))
    assert "Gold\\x1b]0;owned\\x07\\u202e\\n  - injected" in text
    assert len(text.splitlines()) == 5


def test_a_terminal_of_another_encoding_is_told_what_it_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "latin-1", write_through=True))
    say("Größe → 長\udcff")
    assert raw.getvalue().decode("latin-1") == "Größe \\u2192 \\u9577\\udcff"
