"""OData pages: a list of rows under ``value``, and what can be wrong with it."""

from __future__ import annotations

from hashlib import blake2b
from itertools import count
from typing import TYPE_CHECKING, Any

from segment_exports.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from segment_exports.sources.web.http_reading import JsonReader

NEXT_LINK = "@odata.nextLink"
Row = dict[str, Any]


def rows_of(answer: Any, service: str, path: str) -> list[Row]:
    """Return the rows of one page.

    :raises SourceError: the answer is not an object with a list of objects under ``value``.
    """
    rows = answer.get("value") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SourceError(f"{service} answers {path} without a list of rows under 'value'")
    return rows


def follow_next_links(
    reader: JsonReader, path: str, params: Mapping[str, str], *, key: str, headers: Mapping[str, str]
) -> Iterator[list[Row]]:
    """Yield the pages of a table, following ``@odata.nextLink`` unchanged to its end.

    :param key: column whose values tell a page from the others.
    :raises SourceError: a link to another host, a page that comes again, rows of another shape.
    """
    repeats = RepeatGuard(reader.service, path, key)
    answer = reader.get(path, params, headers, what=f"page 1 of {path}")
    for number in count(2):
        rows = rows_of(answer, reader.service, path)
        repeats.check_rows(rows)
        yield rows
        link = answer.get(NEXT_LINK)
        if not link:
            return
        if not isinstance(link, str):
            raise SourceError(f"{reader.service} answers {path} with a next link that isn't text")
        repeats.check_link(link)
        answer = reader.get(link, None, headers, what=f"page {number} of {path}")


class SeenKeys:
    """Notices a column that was asked for and that no row has: what didn't come is not an empty value."""

    def __init__(self, service: str, path: str, keys: Iterable[str]) -> None:
        self._where = f"{service} answers {path}"
        self._rows = 0
        self._unseen = set(keys)

    def add(self, rows: list[Row]) -> None:
        """Take in the rows of a page."""
        self._rows += len(rows)
        for row in rows:
            if not self._unseen:
                return
            self._unseen -= row.keys()

    def require_all(self) -> None:
        """Refuse what was read if a column is in none of its rows.

        :raises SourceError: the text names the columns.
        """
        if self._rows and self._unseen:
            missing = ", ".join(sorted(self._unseen))
            raise SourceError(
                f"{self._where} without {missing} in any row ({self._rows} read), though it was asked for: "
                f"that is not taken for empty values. Take another attribute, or look at what the app may "
                f"read"
            )


class RepeatGuard:
    """Notices that paging goes round in a circle. Keeps 16 bytes a page."""

    def __init__(self, service: str, path: str, key: str) -> None:
        self._where = f"{service} sends a page of {path} a second time"
        self._key = key
        self._seen: set[bytes] = set()

    def check_rows(self, rows: list[Row]) -> None:
        """Remember a page by its keys.

        :raises SourceError: it came before; some rows came twice, so others were left out.
        """
        if rows:
            keys = "\0".join(str(row.get(self._key)) for row in rows)
            self._check(b"r" + keys.encode())

    def check_link(self, link: str) -> None:
        """Remember a next link.

        :raises SourceError: it came before.
        """
        self._check(b"l" + link.encode())

    def _check(self, content: bytes) -> None:
        digest = blake2b(content, digest_size=16).digest()
        if digest in self._seen:
            raise SourceError(f"{self._where}: the paging doesn't end, so what was read isn't whole")
        self._seen.add(digest)


def quoted(text: str) -> str:
    """Return a text as an OData string literal."""
    return "'" + text.replace("'", "''") + "'"
