"""Names of files that stand for a text from outside: a run's id, a segment, a connection, a table.

What is short and plain stands as it is. Whatever else could mean something to a system or a person is written
``%XX``: what is neither ASCII letter, digit, ``-_.@`` nor a blank inside; what a hidden file or an option
begins with; a full stop or blank at the end; the first letter of a name that systems keep for themselves.
Capitals are marked, since many disks don't tell them apart: ``Gold`` is ``Gold~c1``. (``T`` in a time, as in
``scheduled__2026-11-27T05:00``, is no capital; ``t`` there is.) Longer ones are a beginning and a hash. So
different texts have different names on every disk.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAFE = "-_.@ "
_FIRST, _LAST = "-_. ", ". "
_KEPT_BY_SYSTEMS = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9]|desktop|thumbs) *(\..*)?", re.IGNORECASE)
_LETTER = re.compile("[A-Za-z]")
_IN_TIME = re.compile("(?<=[0-9])[Tt](?=[0-9])")
_HASH_DIGITS = 32
_MARKED = re.compile(rf"~(c[0-9a-f]+|[0-9a-f]{{{_HASH_DIGITS}}})")
_CUT = re.compile(rf"[^~]*~[0-9a-f]{{{_HASH_DIGITS}}}")
_LONGEST_OF_A_DISK = 255


def file_name(text: str) -> str:
    """Return the name for a text: ASCII, at most ``bounds.FILE_NAME_BYTES`` long."""
    plain = _escaped(text)
    name = f"{plain}~c{mark:x}" if (mark := _capitals(text)) else plain
    if name and len(name) <= bounds.FILE_NAME_BYTES:
        return name
    beginning = re.sub("%.?$", "", plain[: bounds.FILE_NAME_BYTES - _HASH_DIGITS - 1])
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{beginning}~{digest[:_HASH_DIGITS]}"


def earlier_file_name(text: str) -> str | None:
    """Return the name that a text had before capitals were marked and long names cut; None for the same.

    It is no other text's name now.
    """
    name = _quoted(text)
    name = f"%2E{name[1:]}" if name.startswith(".") else name
    is_possible = 0 < len(name) <= _LONGEST_OF_A_DISK and not _MARKED.search(name)
    return name if is_possible and name != file_name(text) else None


def file_names(text: str) -> tuple[str, ...]:
    """Return all names under which a text may be found."""
    return tuple(name for name in (file_name(text), earlier_file_name(text)) if name is not None)


def text_of(name: str) -> str | None:
    """Return the text that a name stands for; None where it tells a beginning of it, or is none of ours."""
    return next((text for text in _readings(name) if name in file_names(text)), None)


def is_cut(name: str) -> bool:
    """Tell whether a name is the beginning of a text and its hash."""
    return bool(_CUT.fullmatch(name))


def _readings(name: str) -> Iterator[str]:
    for written in (name.split("~", 1)[0], name):
        with suppress(UnicodeDecodeError):  # cut within a character
            yield unquote(written, errors="surrogatepass")


def _escaped(text: str) -> str:
    name = _quoted(text).replace("~", "%7E")
    if name[:1] in tuple(_FIRST) or _KEPT_BY_SYSTEMS.fullmatch(name):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    return f"{name[:-1]}%{ord(name[-1]):02X}" if name[-1:] in tuple(_LAST) else name


def _quoted(text: str) -> str:
    return quote(text, safe=_SAFE, errors="surrogatepass")


def _capitals(text: str) -> int:
    """Return a bit for each ASCII letter, from the first on: 1 for a capital."""
    swapped = _IN_TIME.sub(lambda found: found[0].swapcase(), text)
    return sum(1 << place for place, one in enumerate(_LETTER.findall(swapped)) if one.isupper())
