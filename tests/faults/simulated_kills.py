"""Kills of the process that delivers, at a chosen moment, without the process.

What is on the wire is cut off: the account may have carried it out. What was not written down stays so.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tests.faults.export_run import Killed

from segment_exports.delivery import engine
from segment_exports.records.receipts import ReceiptFolder
from segment_exports.transport.transport import Transport

if TYPE_CHECKING:
    import pytest
    from tests.faults.export_run import RunningExport


class Moment(StrEnum):
    """When a kill comes: around a request, or around the writing of receipts."""

    BEFORE_REQUEST = "before_request"
    AFTER_ANSWER = "after_answer"
    BEFORE_RECEIPTS = "before_receipts"
    AFTER_RECEIPTS = "after_receipts"


@dataclass
class Kill:
    """Kill at the ``count``-th such moment (from 1) of an attempt."""

    moment: Moment
    count: int


class Killer:
    """Counts moments and kills at the one that is armed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.killed = 0
        self._armed: Kill | None = None
        self._seen = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._dead = asyncio.Event()
        exchange, write, deliver = Transport._exchange, ReceiptFolder.write, engine.deliver_chunk

        async def killing_exchange(client: Transport, *arguments: Any) -> Any:
            if self._strikes(Moment.BEFORE_REQUEST):
                await _for_ever()
            answer = await exchange(client, *arguments)
            if self._strikes(Moment.AFTER_ANSWER):
                await _for_ever()
            return answer

        def killing_write(folder: ReceiptFolder, *arguments: Any) -> None:
            if self._strikes(Moment.BEFORE_RECEIPTS):
                raise Killed
            write(folder, *arguments)
            if self._strikes(Moment.AFTER_RECEIPTS):
                raise Killed

        async def mortal(*arguments: Any, **named: Any) -> Any:
            self._loop, self._dead = asyncio.get_running_loop(), asyncio.Event()
            work = asyncio.create_task(deliver(*arguments, **named))
            death = asyncio.create_task(self._dead.wait())
            await asyncio.wait({work, death}, return_when=asyncio.FIRST_COMPLETED)
            death.cancel()
            if not self._dead.is_set():
                return await work
            self.killed += 1
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            raise Killed

        monkeypatch.setattr(Transport, "_exchange", killing_exchange)
        monkeypatch.setattr(ReceiptFolder, "write", killing_write)
        monkeypatch.setattr(engine, "deliver_chunk", mortal)

    def arm(self, kill: Kill | None) -> None:
        """Kill at this moment of what follows; None kills no more."""
        self._armed, self._seen = kill, 0

    def _strikes(self, moment: Moment) -> bool:
        """Tell whether the process is dead from here on; dead is dead, whatever moment follows."""
        if self._armed is None or self._loop is None or self._loop.is_closed():
            return False
        self._seen += self._armed.moment is moment
        if self._seen < self._armed.count:
            return False
        self._loop.call_soon_threadsafe(self._dead.set)
        return True


def run_killed(
    export: RunningExport, monkeypatch: pytest.MonkeyPatch, answers: int, *, goes_on: bool
) -> None:
    """Run, and kill the upload after so many answers; it goes on, or the run is never settled."""
    killer = Killer(monkeypatch)
    kill = Kill(Moment.AFTER_ANSWER, answers)
    export.run(
        retries=int(goes_on),
        settle=goes_on,
        before_upload=lambda: killer.arm(kill),
        between_attempts=lambda: killer.arm(None),
    )
    killer.arm(None)


async def _for_ever() -> None:
    await asyncio.Event().wait()
