"""An account that is watched, and a fresh export for every course."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from tests.search.watched_account import WatchedAccount

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.search.steps import Rules
    from tests.stands.account_stand import AccountStand


@pytest.fixture
def course(tmp_path: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch) -> Callable[[Rules], Any]:
    """Begin a course with an empty account and no ledger."""
    from tests.search.course import Course

    from segment_exports.transport.transport import Transport

    async def at_once(seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setitem(Transport.__init__.__kwdefaults__, "sleep", at_once)
    watched, numbers = WatchedAccount(stand, monkeypatch), itertools.count()

    def begin(rules: Rules, held: frozenset[str] = frozenset()) -> Course:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return Course(folder, watched, monkeypatch, rules, held)

    return begin
