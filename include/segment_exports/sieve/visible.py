r"""Text from outside as text: what a terminal or a reader would not see is made visible.

A control sequence moves a cursor or changes a title, a bidi override turns a name around, a zero-width
character hides in one. What isn't printable is written as Python writes it: ``\x1b``, ``\u202e``.
"""

from __future__ import annotations

import re

_SUSPECT = re.compile(r"[^ -~]")
_MORE = "… ({:,} more characters)"


def visible(text: str) -> str:
    """Return a text with everything visible; only its line ends stay what they are."""
    return _SUSPECT.sub(lambda found: found[0] if found[0] == "\n" else _visible(found[0]), text)


def in_one_line(text: str) -> str:
    """Return a name with everything visible, its line ends too: it can't pass for more than one line."""
    return _SUSPECT.sub(lambda found: _visible(found[0]), text)


def shortened(text: str, longest: int) -> str:
    """Return a text of at most so many characters, which tells how many are left out."""
    if len(text) <= longest:
        return text
    kept = longest - len(_MORE.format(len(text)))
    return text[:kept] + _MORE.format(len(text) - kept)


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
