"""Whether paging gets on and comes to an end: where a page or a row comes again, others didn't come."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from segment_exports.errors import SourceError
from segment_exports.settings import bounds
from segment_exports.sources.web.membership_join import id_hashes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class RowsAgainError(SourceError):
    """Rows came a second time, so others may not have come: a refresh began, or the paging is none."""


class PageGuard:
    """Holds each page of a table against those before. Keeps 16 bytes a page and 8 a row.

    :param identity: what tells a row from all others; None where it has nothing that does.
    """

    def __init__(self, service: str, path: str, identity: Callable[[dict[str, Any]], str | None]) -> None:
        self._service = service
        self._path = path
        self._identity = identity
        self._seen: set[bytes] = set()
        self._hashes: list[NDArray[np.uint64]] = []
        self._rows = 0
        self._distinct_at = 0
        self._empty = 0
        self._pages = 0
        self._all_rows = 0

    def check_rows(self, rows: list[dict[str, Any]]) -> None:
        """Take in a page.

        :raises RowsAgainError: rows of it came before.
        :raises SourceError: all of it did, or there are too many rows, pages, or empty pages in a row.
        """
        self._pages += 1
        self._all_rows += len(rows)
        if self._pages > bounds.TABLE_PAGES or self._all_rows > bounds.TABLE_ROWS:
            raise SourceError(
                f"{self._service} has sent {self._pages:,} pages and {self._all_rows:,} rows of "
                f"{self._path}, and at most {bounds.TABLE_PAGES:,} pages and {bounds.TABLE_ROWS:,} rows are "
                f"read: the paging doesn't end, so what was read isn't whole"
            )
        if not rows:
            self._empty += 1
            if self._empty > bounds.EMPTY_PAGES:
                raise SourceError(
                    f"{self._service} sends {self._empty} empty pages of {self._path} in a row, each of "
                    f"which leads to another: the paging doesn't end, so what was read isn't whole"
                )
            return
        self._empty = 0
        names = [str(name) for row in rows if (name := self._identity(row)) is not None]
        if names:
            self._check(b"r" + "\0".join(names).encode())
        self._hashes.append(id_hashes(pa.array(names, pa.string())))
        self._rows += len(names)
        if self._rows >= 2 * self._distinct_at:
            self.require_distinct()

    def check_link(self, link: str) -> None:
        """Take in a link to the next page.

        :raises SourceError: it came before.
        """
        self._check(b"l" + link.encode())

    def require_distinct(self) -> None:
        """Refuse rows that came twice.

        :raises RowsAgainError: some did; the text tells how many.
        """
        if not self._hashes:
            return
        self._hashes = [np.unique(np.concatenate(self._hashes))]
        self._distinct_at = len(self._hashes[0])
        if again := self._rows - self._distinct_at:
            raise RowsAgainError(
                f"{self._service} sends {again} of {self._rows} rows of {self._path} a second time: rows "
                f"moved between pages, so others may be missing; start the run again when no refresh runs"
            )

    def _check(self, content: bytes) -> None:
        digest = blake2b(content, digest_size=16).digest()
        if digest in self._seen:
            raise SourceError(
                f"{self._service} sends a page of {self._path} a second time: the paging doesn't end, so "
                f"what was read isn't whole"
            )
        self._seen.add(digest)
