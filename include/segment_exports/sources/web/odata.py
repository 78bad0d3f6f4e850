"""OData pages: a list of rows under ``value``, and what can be wrong with it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.settings import bounds
from segment_exports.sources.web.page_guard import PageGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from segment_exports.sources.web.http_reading import JsonReader

Row = dict[str, Any]


def rows_of(answer: Any, service: str, path: str, *, asked: int) -> list[Row]:
    """Return the rows of one page.

    :param asked: for so many; a page may have more within reason.
    :raises SourceError: the answer is not an object with a list of objects under ``value``, or with too many.
    """
    rows = answer.get("value") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SourceError(f"{service} answers {path} without a list of rows under 'value'")
    most = 2 * asked + bounds.PAGE_ROWS_BEYOND
    if len(rows) > most:
        raise SourceError(
            f"{service} answers {path} with {len(rows):,} rows, where {asked:,} were asked for: at most "
            f"{most:,} are taken"
        )
    return rows


def next_link(answer: Mapping[str, Any], service: str, path: str) -> str:
    """Return the link to the next page, or "" where there is none.

    It is ``@odata.nextLink``, in other versions of OData ``odata.nextLink`` or ``@nextLink``: one that is
    overlooked for its spelling would be the end of the table.

    :raises SourceError: it isn't text.
    """
    for key, link in answer.items():
        if key.casefold().endswith("nextlink") and link:
            if not isinstance(link, str):
                raise SourceError(f"{service} answers {path} with a next link that isn't text")
            return link
    return ""


def follow_next_links(
    reader: JsonReader,
    path: str,
    params: Mapping[str, str],
    *,
    identity: Callable[[Row], str | None],
    page_size: int,
    prefer: str = "",
) -> Iterator[list[Row]]:
    """Yield the pages of a table, following the next link unchanged to its end.

    :param identity: what tells a row from all others; None where it has nothing that does.
    :param page_size: rows to ask for.
    :param prefer: what else is asked for (``Prefer``).
    :raises SourceError: a link to another host, rows that come again, pages without end, rows of another
        shape.
    """
    headers = {"Prefer": ",".join(filter(None, [f"odata.maxpagesize={page_size}", prefer]))}
    guard = PageGuard(reader.service, path, identity)
    answer = reader.get(path, params, headers, what=f"page 1 of {path}")
    for number in count(2):
        rows = rows_of(answer, reader.service, path, asked=page_size)
        guard.check_rows(rows)
        yield rows
        link = next_link(answer, reader.service, path)
        if not link:
            guard.require_distinct()
            return
        guard.check_link(link)
        answer = reader.get(link, None, headers, what=f"page {number} of {path}")


class SeenKeys:
    """Notices a column that was asked for and didn't come: an empty value comes as null."""

    def __init__(self, service: str, path: str, keys: Iterable[str]) -> None:
        self._where = f"{service} answers {path}"
        self._rows = 0
        self._lacking = dict.fromkeys(keys, 0)

    def add(self, rows: list[Row]) -> None:
        """Take in the rows of a page.

        :raises SourceNotReadyError: some rows have a column, and others don't.
        """
        self._rows += len(rows)
        for row in rows:
            for key in self._lacking.keys() - row.keys():
                self._lacking[key] += 1
        if partly := sorted(key for key, count in self._lacking.items() if 0 < count < self._rows):
            most = max(self._lacking[key] for key in partly)
            raise SourceNotReadyError(
                f"{self._where} without {', '.join(partly)} in {most} of {self._rows} rows, though it was "
                f"asked for and the others have it: that is not taken for empty values, and what was read "
                f"not for whole"
            )

    def require_all(self) -> None:
        """Refuse what was read if a column is in none of its rows.

        :raises SourceError: the text names the columns.
        """
        if missing := sorted(key for key, count in self._lacking.items() if 0 < count == self._rows):
            raise SourceError(
                f"{self._where} without {', '.join(missing)} in any row ({self._rows} read), though it was "
                f"asked for: that is not taken for empty values. Take another attribute, or look at what the "
                f"app may read"
            )


def quoted(text: str) -> str:
    """Return a text as an OData string literal."""
    return "'" + text.replace("'", "''") + "'"
