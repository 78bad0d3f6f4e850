"""Traces of other programs in a text that should be YAML: git's marks, Markdown, odd characters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

LINE_ENDS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNPRINTABLE = yaml.reader.Reader.NON_PRINTABLE
_HIDDEN_LINE_END = re.compile("[\x85\u2028\u2029]")
_OF_GIT = re.compile(r"(<{7}|={7}|>{7})( |$)")
_OF_OTHERS = {
    re.compile("```|~~~"): "is a fence of Markdown, not of YAML; delete the line",
    re.compile(" *//"): "begins with //; a comment begins with #",
    re.compile("%"): "begins with %, as only directives of YAML do, which aren't allowed here; delete the "
    "line, or put its text in quotes",
}


def trace_in(text: str, lines: Sequence[str], suspects: Sequence[int]) -> tuple[str, int] | None:
    """Return what of another program a broken text holds, and its line from 0; None where there is nothing.

    :param suspects: lines in which the fault lies, as the parser tells.
    """
    if odd := _UNPRINTABLE.search(text):
        return f"holds a control character (U+{ord(odd.group()):04X}); delete it", _line(text, odd)
    if odd := _HIDDEN_LINE_END.search(text):
        return (
            f"holds a line end that editors don't show (U+{ord(odd.group()):04X}), as web pages and word "
            "processors have it; delete it",
            _line(text, odd),
        )
    for number, line in enumerate(lines):
        if mark := _OF_GIT.match(line):
            return (
                f"begins with {mark[1]}, where git left two versions of the file; keep one of them, and "
                "delete its marks",
                number,
            )
    found = ((why, at) for at in suspects for form, why in _OF_OTHERS.items() if form.match(lines[at]))
    return next(found, None)


def _line(text: str, found: re.Match[str]) -> int:
    return len(LINE_ENDS.split(text[: found.start()])) - 1
