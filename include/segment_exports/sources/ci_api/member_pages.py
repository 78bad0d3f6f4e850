"""Pages of members, by whatever way the service goes on: which one is not documented."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from segment_exports.records.profiles import CUSTOMER_ID
from segment_exports.sources.web.odata import next_link, rows_of
from segment_exports.sources.web.page_guard import PageGuard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_exports.sources.web.http_reading import JsonReader
    from segment_exports.sources.web.odata import Row

PATH = "data/Customer"


class Paging(StrEnum):
    """How the next page is asked for."""

    AUTO = "auto"
    """By next link or skip token where the answer has one, else by ``$skip``."""
    SKIP = "skip"


def member_pages(
    reader: JsonReader, params: Mapping[str, str], *, page_size: int, paging: Paging
) -> Iterator[list[Row]]:
    """Yield pages until one is empty and leads to no other.

    A page may have fewer rows than asked for, or none, and not be the last.

    :raises RowsAgainError: rows came a second time.
    :raises SourceError: pages without end, rows of another shape.
    """
    guard = PageGuard(reader.service, PATH, lambda row: row.get(CUSTOMER_ID))
    asked = {**params, "$top": str(page_size)}
    answer = reader.get(PATH, asked)
    read = 0
    while True:
        rows = rows_of(answer, reader.service, PATH, asked=page_size)
        guard.check_rows(rows)
        if rows:
            yield rows
        read += len(rows)
        told = answer if paging is Paging.AUTO else {}
        link, token = next_link(told, reader.service, PATH), str(told.get("@odata.skipToken") or "")
        if not (rows or link or token):
            break
        if link or token:
            guard.check_link(link or token)
        if link:
            answer = reader.get(link, what=f"the next page of {PATH}")
        else:
            answer = reader.get(PATH, asked | ({"$skiptoken": token} if token else {"$skip": str(read)}))
    guard.require_distinct()
