"""Text from outside in Markdown: it shows as what it is, and makes no link, picture, heading, table or HTML.

Airflow shows pages of DAGs and questions as GitHub's Markdown, which makes links of bare addresses too, also
where their marks are escaped. So a word joiner, which nobody sees, stands in what would become one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from segment_exports.settings import bounds
from segment_exports.sieve.visible import in_one_line, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MARK = re.compile(r"[\\`*\[\]<>#|~&$^]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|\A[-+=]")
_NUMBER = re.compile(r"\A([0-9]+)([.)])")
_IN_A_LINK = re.compile(r"(?<=/)(?=/)|(?<=www)(?=\.)|(?<=\S)(?=@)", re.IGNORECASE)
_JOINER = "\u2060"


def as_text(text: str) -> str:
    """Return what shows as this text, on one line, in a paragraph, heading, list or cell of a table."""
    shown = shortened(in_one_line(text.strip()), bounds.MESSAGE_CHARACTERS)
    marked = _NUMBER.sub(r"\1\\\2", _MARK.sub(r"\\\g<0>", shown))
    return _IN_A_LINK.sub(_JOINER, marked)


def as_code(text: str) -> str:
    """Return what shows as this text in the type of code, on one line, outside of a table."""
    shown = shortened(in_one_line(text.strip()), bounds.MESSAGE_CHARACTERS)
    return f"`{shown}`" if shown and "`" not in shown else as_text(text)


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts from outside, cut where nobody reads on."""
    known = list(rows)
    lines = [heading, ["---"] * len(heading), *(map(as_text, row) for row in known[: bounds.SHOWN_ROWS])]
    more = len(known) - bounds.SHOWN_ROWS
    told = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{told}\n\n… and {more:,} more" if more > 0 else told


def items(text: str) -> str:
    """Return a list with the lines of a text; one that is an item already is no deeper one."""
    lines = shortened(text, bounds.MESSAGE_CHARACTERS).splitlines()
    return "".join(f"- {as_text(line.removeprefix('- '))}\n" for line in lines if line.strip())
