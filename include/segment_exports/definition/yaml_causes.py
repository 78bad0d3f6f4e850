"""Why a text can't be read as YAML, in words that tell what to type: the cause, not what the parser missed.

The parser tells where it stopped; the cause is looked for in the line itself and in what it hangs from.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import yaml

from segment_exports.definition.yaml_lines import HAS_ODD_BLANK, KEY, ODD_BLANK, ODD_BLANKS, Lines
from segment_exports.definition.yaml_traces import trace_in

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEY_WITH_VALUE = re.compile(r" *(- +)*[^ \t#].*?:[ \t]+[^ \t#]")
_SPECIAL = "%@`*&!|>,?]}"
_LONGEST_KEY = 1024
"""Characters of a key, as YAML has it."""
_CLOSERS = {"[": "]", "{": "}"}
_CURLY = re.compile(
    "[\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\uff02].*|\u2018.*\u2019|.*[\u201c\u201d]", re.DOTALL
)

CURLY_QUOTES = "has typographic quotes, as word processors write them; type straight ones (\" or ')"


class Cause(NamedTuple):
    """What is wrong, as a sentence that continues the line's number (from 1, None where it is unknown)."""

    text: str
    line: int | None


def cause_of(text: str, error: yaml.YAMLError) -> Cause:
    """Return why a text can't be read.

    :param error: what the parser said of it.
    """
    lines = Lines(text)
    mark = getattr(error, "problem_mark", None)
    stop = _Stop(text, lines, mark.line, mark.column, error) if mark is not None else None
    if trace := trace_in(text, lines, stop.suspects if stop else ()):
        return Cause(trace[0], trace[1] + 1)
    return next(stop.causes()) if stop else Cause("can't be read as YAML", None)


def odd_text(text: str, *, is_key: bool) -> str | None:
    """Return what is wrong with an unquoted text that is YAML, but not what was meant; else None."""
    if _CURLY.fullmatch(text):
        return CURLY_QUOTES
    odd = ODD_BLANK.search(text) if is_key else re.search(f"^-?[{ODD_BLANKS}]|[{ODD_BLANKS}]$", text)
    return HAS_ODD_BLANK if odd else None


class _Stop:
    """Where the parser stopped, and what lies before it."""

    def __init__(self, text: str, lines: Lines, line: int, column: int, error: yaml.YAMLError) -> None:
        self._lines = lines
        last = len(lines) - 1
        self._at, self._column = (line, column) if line <= last else (last, len(lines[last]))
        self._problem = str(getattr(error, "problem", ""))
        self._context = str(getattr(error, "context", "") or "")
        begun = getattr(error, "context_mark", None)
        self._begun = min(begun.line, len(lines) - 1) if begun else self._at
        self._begun_column = begun.column if begun else 0
        self._tokens = list(_tokens(text, line, column))
        self._opened = list[yaml.Token]()
        for token in self._tokens:
            if isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken):
                self._opened.append(token)
            elif self._opened and isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken):
                self._opened.pop()

    @property
    def suspects(self) -> tuple[int, ...]:
        """The lines in which the fault may lie: where the parser stopped, what it read, and what is above."""
        above = self._lines.above(self._at)
        return tuple(sorted({self._at, self._begun, self._at if above is None else above}))

    @property
    def _line(self) -> str:
        return self._lines[self._at]

    def causes(self) -> Iterator[Cause]:
        """Give what may be the cause, the likeliest first."""
        yield from self._in_the_line()
        yield from self._quotes()
        yield from self._brackets()
        yield from self._colons()
        yield from self._indents()
        yield from map(self._cause, self._lines.lacks(self._at))
        yield self._cause(
            "can't be read as YAML from here on; look for a quote, bracket, colon or indent that is missing"
        )

    def _cause(self, text: str, line: int | None = None) -> Cause:
        return Cause(text, (self._at if line is None else line) + 1)

    def _in_the_line(self) -> Iterator[Cause]:
        here = self._line[self._column : self._column + 1]
        start = self._lines[self._begun][self._begun_column : self._begun_column + 1]
        before = self._line[: self._column + 1]
        if "\t" in before and not before.strip():
            yield self._cause("is indented with a tab; YAML takes blanks only, two for each level")
        if here == "\t":
            yield self._cause("has a tab where a blank belongs; write a blank")
        for number in (self._begun, self._at):
            if ODD_BLANK.search(self._lines[number]):
                yield self._cause(HAS_ODD_BLANK, number)
        if "escape" in self._problem:
            yield self._cause(
                "has a backslash in double quotes, where it means more than itself; use single quotes ('), "
                "or write it twice"
            )
        scanned = re.search("scanning an? (alias|anchor|block scalar|tag|directive)", self._context)
        first = start if scanned else here
        refused = re.search("token|node content|mapping keys", self._problem)
        if self._opened and here == "," and refused:
            yield self._cause("has a comma with nothing before it; take it away")
        if first == "*" and not self._lines[self._begun if scanned else self._at].partition("*")[0].strip():
            yield self._cause(
                "begins with *, where a hyphen and a blank belong; write - item",
                self._begun if scanned else None,
            )
        if first and first in _SPECIAL and (refused or scanned) and not (self._opened and first in "]}"):
            yield self._cause(
                f"has a value that begins with {first}; put it in quotes", self._begun if scanned else None
            )

    def _quotes(self) -> Iterator[Cause]:
        if "quoted scalar" in self._context and "end of stream" in self._problem:
            quote = self._lines[self._begun][self._begun_column]
            yield self._cause(f"opens a quote ({quote}) that is never closed", self._begun)
        quoted = [
            one for one in self._tokens if isinstance(one, yaml.ScalarToken) and one.style in ("'", '"')
        ]
        if not quoted or quoted[-1].end_mark.line != self._at or self._is_first_in_line:
            return
        last = quoted[-1]
        here = self._line[self._column : self._column + 1]
        if self._opened and here in ("'", '"') and last.start_mark.line == self._at:
            return
        if last.start_mark.line != self._at:
            yield self._cause(
                f"opens a quote ({last.style}) that is closed only in line {self._at + 1}; one is missing",
                last.start_mark.line,
            )
        elif here == ",":
            yield self._cause(
                "has a comma after a closing quote; put several values in square brackets: [one, two]"
            )
        elif last.style == "'":
            yield self._cause(
                "has text after a closing quote ('); within single quotes write an apostrophe twice (''), or "
                'use double quotes (")'
            )
        else:
            yield self._cause(
                'has text after a closing quote ("); put the whole value in quotes, and write a quote within '
                'it as \\"'
            )

    def _brackets(self) -> Iterator[Cause]:
        here = self._line[self._column : self._column + 1]
        if not self._opened:
            before = self._line[: self._column].rstrip()
            if before.endswith(("]", "}")):
                yield self._cause(
                    f"has text after a closing {before[-1]}; put the whole value in quotes, or take the "
                    "bracket away"
                )
            return
        opened = self._opened[-1]
        bracket = "[" if isinstance(opened, yaml.FlowSequenceStartToken) else "{"
        line = opened.start_mark.line
        if here in ("]", "}") and here != _CLOSERS[bracket]:
            yield self._cause(f"closes with {here} what line {line + 1} opens with {bracket}")
        elif line != self._at or not here:
            lacking = self._lines.above(self._at) if self._is_first_in_line else self._last_line
            if lacking != self._at and self._lines.closes(line, opened.start_mark.column):
                yield self._cause(
                    f"lacks a comma at its end, within the bracket ({bracket}) of line {line + 1}", lacking
                )
            for number in range(line, self._at):
                if re.search(rf"[ \t]#.*\{_CLOSERS[bracket]}", self._lines[number]):
                    yield self._cause(
                        "has a # after a blank, which begins a comment, so that a bracket isn't closed; "
                        "put a value that holds it in quotes",
                        number,
                    )
            yield self._cause(
                f"opens a bracket ({bracket}) that is never closed, or a comma is missing between its values",
                line,
            )
        else:
            yield self._cause(
                f"lacks a comma within {bracket} {_CLOSERS[bracket]} before character {self._column + 1}; "
                "put a value that holds one of [ ] { } : , in quotes"
            )

    def _colons(self) -> Iterator[Cause]:
        if self._line[self._column : self._column + 1] == ":" and self._column > _LONGEST_KEY:
            yield self._cause(
                f"has a key of more than {_LONGEST_KEY:,} characters; a colon or a line end may be missing"
            )
        if "sequence entries" in self._problem:
            yield self._cause(
                "begins a list on the line of its key; write each item on a line of its own below it "
                "(- item), or all in brackets: [one, two]"
            )
        if "expected ':'" in self._problem:
            begun = self._lines[self._begun].strip()
            if begun[:1] in ("'", '"') and begun.endswith(f":{begun[0]}"):
                yield self._cause("has its colon within the quotes; write it after them", self._begun)
            if begun[:1] in ("'", '"') and begun.count(begun[0]) == 1:
                yield self._cause(f"opens a quote ({begun[0]}) that isn't closed in its line", self._begun)
            yield from self._unfinished(self._begun)
            yield self._cause(
                "has neither a key with a colon (key: value) nor a hyphen with a blank (- item)", self._begun
            )
        if "mapping values" in self._problem:
            if KEY.match(self._line[: self._column]):
                yield self._cause("has a value that holds a colon and a blank; put the value in quotes")
            above = self._lines.above(self._at)
            if above is not None:
                yield from self._unfinished(above)
                yield from self._deeper(above)
                yield self._cause(
                    f"is indented deeper than line {above + 1}, which has no key; begin that with one too "
                    "(- key: value)"
                )

    def _deeper(self, above: int) -> Iterator[Cause]:
        if self._lines.indent(self._at) > self._lines.indent(above) and _KEY_WITH_VALUE.match(
            self._lines[above]
        ):
            yield self._cause(
                f"is indented deeper than line {above + 1}, which has a value already; begin it in the same "
                "column, or take that value away"
            )

    def _unfinished(self, number: int) -> Iterator[Cause]:
        """Say what a line lacks that neither begins a key nor an item."""
        line = self._lines[number]
        yield from (self._cause(one, number) for one in self._lines.lacks(number))
        if not KEY.match(line) and not re.match(r" *-( |$)", line):
            yield self._cause(
                "has neither a key with a colon (key: value) nor a hyphen with a blank (- item)", number
            )

    def _indents(self) -> Iterator[Cause]:
        if not self._is_first_in_line:
            return
        indent, levels = self._lines.indent(self._at), self._lines.levels(self._at)
        yield from map(self._cause, self._lines.lacks(self._at))
        if indent in levels:
            line = levels[indent] + 1
            if self._line.lstrip().startswith("- "):
                yield self._cause(
                    f"is an item of a list (-) in the column of the key of line {line}; indent it below "
                    "the key that it belongs to"
                )
            if re.match(" *-", self._lines[line - 1]):
                yield self._cause(
                    f"is a key in the column of the hyphens (line {line}); indent it deeper to belong to "
                    "that item, or less to end the list"
                )
            yield from self._unfinished(line - 1)
            return
        deeper = [one for one in sorted(levels) if one > indent]
        above = self._lines.above(self._at)
        if not deeper and above is not None:
            yield from self._deeper(above)
        near = [one for one in sorted(levels) if one < indent][-1:] + deeper[:1]
        if near and near[0] > indent:
            yield self._cause(
                f"is indented deeper than line {self._at + 1}; let both begin in the same column",
                levels[near[0]],
            )
        told = ", ".join(f"{self._place(levels[one], one)} has {one or 'none'}" for one in near)
        blanks = f"{indent} blank{'' if indent == 1 else 's'}"
        yield self._cause(f"is indented by {blanks}, which fits no line that it could hang from: {told}")

    def _place(self, number: int, level: int) -> str:
        after = "" if self._lines.indent(number) == level else "what follows the hyphen in "
        return f"{after}line {number + 1}"

    @property
    def _last_line(self) -> int:
        """Return the line in which the last text begins before the parser stopped."""
        return self._tokens[-1].start_mark.line if self._tokens else self._at

    @property
    def _is_first_in_line(self) -> bool:
        return not self._line[: self._column].strip()


def _tokens(text: str, line: int, column: int) -> Iterator[yaml.Token]:
    """Give the tokens before a place, as far as they can be told."""
    try:
        for token in yaml.scan(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if (token.start_mark.line, token.start_mark.column) >= (line, column):
                return
            yield token
    except yaml.YAMLError:
        return
