"""One person stands in one request at a time.

People of a request are handled in parallel there, and what two requests do that write one person, or make
one, is not known: there may be two records afterwards. Between exports the pool of the account sees to it.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable


class Apart:
    """Names (ids and addresses) of people in requests that are under way."""

    def __init__(self) -> None:
        self._busy: set[str] = set()
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def of(self, names: Iterable[str | None]) -> AsyncIterator[None]:
        """Wait until none of these is in another request; then keep others out."""
        wanted = {name.casefold() for name in names if name}
        async with self._freed:
            await self._freed.wait_for(lambda: self._busy.isdisjoint(wanted))
            self._busy |= wanted
        try:
            yield
        finally:
            self._busy -= wanted
            async with self._freed:
                self._freed.notify_all()
