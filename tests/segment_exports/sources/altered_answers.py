"""Answers that come otherwise than an emulator gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_exports.sources.web.http_reading import AsksService

Query = dict[str, str]
Asking = TypeVar("Asking", bound="AsksService")


def alter(source: Asking, change: Callable[[str, Query, Any], Any]) -> Asking:
    """Let a source get what ``change`` makes of each answer: (URL or path, query, answer) → answer."""
    get = source.reader.get

    def asked(url: str, params: Query | None = None, headers: Any = None, *, what: str = "") -> Any:
        return change(url, params or {}, get(url, params, headers, what=what))

    source.reader.get = asked
    return source
