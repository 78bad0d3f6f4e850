"""The lines of a text that should be YAML, as people see them: indents, what is above, what one lacks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from segment_exports.definition.yaml_traces import LINE_ENDS

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = re.compile(r" *(- +)*[^ \t#\"'\[{](?:(?![ \t]#).)*?:([ \t]|$)")
_CONTENT = re.compile(r"[ \t]*[^ \t#]")
_NO_BLANK_AFTER_COLON = re.compile(r" *(- +)*[\w-]+:[^ \t]")
_NO_BLANK_AFTER_HYPHEN = re.compile(r" *-[^ \t-]")
_TEXT_BELOW = re.compile(r".*: +([|>])[-+0-9]*( +#.*)?")
_QUOTES_AND_BRACKETS = re.compile(
    r"""  "(?:[^"\\]|\\.)*"  |  '[^']*'  |  (?<=\s)\#[^\n]*  |  (?P<open>[\[{])  |  (?P<close>[\]}])  """,
    re.VERBOSE,
)
ODD_BLANKS = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff"
ODD_BLANK = re.compile(f"[{ODD_BLANKS}]")
HAS_ODD_BLANK = (
    "has a non-breaking space or the like, as web pages and word processors have it, where a blank belongs; "
    "type it anew"
)


class Lines(list[str]):
    """Lines by their number from 0."""

    def __init__(self, text: str) -> None:
        super().__init__(LINE_ENDS.split(text))

    def indent(self, number: int) -> int:
        """Return with how many blanks a line begins."""
        return len(self[number]) - len(self[number].lstrip(" "))

    def above(self, number: int) -> int | None:
        """Return the nearest line above with content."""
        return next((one for one in reversed(range(number)) if _CONTENT.match(self[one])), None)

    def levels(self, end: int) -> dict[int, int]:
        """Return the columns in which a line may begin, and the last line before ``end`` that began so."""
        levels = dict[int, int]()
        for number in range(end):
            line = self[number]
            if not _CONTENT.match(line):
                continue
            indent = self.indent(number)
            levels = {level: at for level, at in levels.items() if level < indent} | {indent: number}
            if (item := re.match(r" *(- +)+(?=[^ #].*?:( |$))", line)) is not None:
                levels[item.end()] = number
        return levels

    def closes(self, number: int, column: int) -> bool:
        """Return whether the bracket at a place is closed in the end, by brackets that are in no quotes."""
        depth = 0
        for found in _QUOTES_AND_BRACKETS.finditer("\n".join([self[number][column:], *self[number + 1 :]])):
            depth += bool(found["open"]) - bool(found["close"])
            if found["close"] and depth == 0:
                return True
        return False

    def lacks(self, number: int) -> Iterator[str]:
        """Give what is wrong with a line by itself, that should begin a key or an item."""
        line = self[number]
        if ODD_BLANK.search(line):
            yield HAS_ODD_BLANK
        if _NO_BLANK_AFTER_HYPHEN.match(line):
            yield "lacks a blank after the hyphen; write - item"
        if _NO_BLANK_AFTER_COLON.match(line) and not KEY.match(line):
            yield "lacks a blank after the colon; write key: value"
        if re.search("[\uff1a\ufe55\ufe13]", line):
            yield "has a full-width colon; type a plain one (:), and a blank after it"
        if re.match(r" *[\w-]+ *=", line):
            yield "has = where a colon and a blank belong; write key: value"
        if stray := re.match(r" *(- +)*([\]},])", line):
            yield f"begins with {stray[2]}, which belongs to nothing; take it away"
        if re.match(r" *:( |$)", line):
            yield "lacks a key before its colon"
        above = self.above(number)
        if above is not None and (begun := _TEXT_BELOW.fullmatch(self[above])):
            yield (
                f"isn't indented deeper than line {above + 1}, which begins a text with {begun[1]}; indent "
                "it by two blanks more, or write it as key: value"
            )
