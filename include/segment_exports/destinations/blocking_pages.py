"""Reads an account page by page from code that is not asynchronous, holding no more than one page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from segment_exports.transport.transport import Transport

Client = TypeVar("Client", bound="Transport")
Page = TypeVar("Page")


def blocking_pages(
    open_client: Callable[[], Client], ask: Callable[[Client], AsyncIterator[Page]]
) -> Iterator[Page]:
    """Yield what a client's listing yields; the client is open as long as pages are taken."""
    with asyncio.Runner() as runner:
        client = runner.run(open_client().__aenter__())
        try:
            pages = ask(client)
            while (page := runner.run(_next(pages))) is not None:
                yield page
        finally:
            runner.run(client.__aexit__(None, None, None))


async def _next(pages: AsyncIterator[Page]) -> Page | None:
    return await anext(pages, None)
