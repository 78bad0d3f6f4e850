"""Exports to an emulated account of any destination, whose waits are short."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.scenario import Scenario
    from tests.stands.account_stand import AccountStand

_LONGEST_WAIT = 0.02


async def _soon(seconds: float) -> None:
    await asyncio.sleep(min(seconds, _LONGEST_WAIT))


@pytest.fixture
def emulator(stand: AccountStand) -> Any:
    """The server of the account."""
    return stand.emulator


@pytest.fixture
def short_waits(stand: AccountStand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every wait between two tries short; what is waited for, and how often, stays."""
    from segment_exports.delivery import engine
    from segment_exports.transport import pacing
    from segment_exports.transport.retrying import RetrySettings
    from segment_exports.transport.transport import Transport

    retry = RetrySettings(first_wait=0.005, longest_wait=_LONGEST_WAIT)
    for name, value in {"retry": retry, "timeout_seconds": 10.0, "sleep": _soon}.items():
        monkeypatch.setitem(Transport.__init__.__kwdefaults__, name, value)
    monkeypatch.setitem(engine.deliver_chunk.__kwdefaults__, "sleep", _soon)
    monkeypatch.setattr(pacing, "_FIRST_PAUSE", _LONGEST_WAIT)
    monkeypatch.setattr(pacing, "_LONGEST_PAUSE", 4 * _LONGEST_WAIT)
    stand.shorten_waits(monkeypatch)


@pytest.fixture
def scenario(
    tmp_path: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, short_waits: None
) -> Scenario:
    """A tenant, its export and the account; call ``begin`` first."""
    from tests.faults.scenario import Scenario

    return Scenario(tmp_path, stand, monkeypatch)
