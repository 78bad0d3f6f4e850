"""Delivers one chunk: sets up, lets workers send, watches for reasons to stop, and closes cleanly.

What is in flight (sent and not yet written down) is bounded by the number of workers: each takes an
item, sends it, has its outcomes flushed to the receipts, and only then takes the next. Only rejections may
wait longer, 15 of a kind at most (:mod:`.refusals`).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from segment_exports.definition import Membership
from segment_exports.delivery.chunk import State, planned_counts
from segment_exports.delivery.chunk_file import load_chunk
from segment_exports.delivery.course import Course
from segment_exports.delivery.destination import Attempt
from segment_exports.delivery.erasures import Erasures, without_erased
from segment_exports.delivery.flushing import ReceiptFlusher
from segment_exports.delivery.job import ChunkJob, ChunkResult, StopKind, require_targets
from segment_exports.delivery.progress import Progress
from segment_exports.delivery.refusals import Refusals
from segment_exports.delivery.stopping import Stopping
from segment_exports.errors import DestinationError, own_words
from segment_exports.records.outcomes import Operation
from segment_exports.records.receipts import ReceiptFolder, Tally, judged_contacts
from segment_exports.transport.call import Call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from segment_exports.delivery.chunk import Chunk
    from segment_exports.delivery.destination import ChunkOnItsWay, DeliveryDestination
    from segment_exports.delivery.queue import Item
    from segment_exports.transport.transport import Transport

log = logging.getLogger(__name__)

_GRACE_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_FREE_WORKERS = 2
"""Workers that should wait for a start at any time; fewer, and receipts are flushed to free others."""


async def deliver_chunk(
    job: ChunkJob,
    destination: DeliveryDestination,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    uniform: Callable[[], float] = random.random,
) -> ChunkResult:
    """Send what is due in a chunk and was not acknowledged yet, and write down every outcome.

    :param destination: its transport is open, and paced to the account's rate.
    :param now, clock, sleep, uniform: wall time (UTC), seconds that never go back, waiting, and
        randomness in [0, 1).
    :raises StagingError: chunk or receipts are not what they must be. Trouble at the destination is
        not raised but told in the result.
    """
    began = clock()
    chunk = load_chunk(job.run, job.number, job.fingerprint)
    folder = ReceiptFolder(job.run, job.number, job.fingerprint)
    receipts = folder.read()
    before = chunk.resume(receipts, resend_rejected=job.resend_rejected)
    erasures = Erasures(chunk, job.erased)
    await erasures.look()
    attempt, way, note = receipts.started, receipts.membership or Membership.LIST, None
    stop, trouble = None, None
    sent_before = _requests(destination.transport)
    if chunk.is_anything_due() or receipts.joins_unchecked:
        require_targets(job, chunk)
        attempt = folder.begin(now().isoformat())
        job.begun()
        engine = _Engine(
            job,
            destination,
            chunk,
            folder,
            attempt,
            erasures,
            now=now,
            clock=clock,
            sleep=sleep,
            uniform=uniform,
            joins_unchecked=receipts.joins_unchecked,
        )
        await engine.run()
        way, note = engine.delivery.way, engine.delivery.note
        stop, trouble = engine.stopping.stop, engine.stopping.trouble
    return ChunkResult(
        chunk=job.number,
        attempt=attempt,
        counts=planned_counts(chunk),
        requests=_requests(destination.transport, since=sent_before),
        membership=str(way),
        membership_note=note,
        recreated=int(chunk.recreated.sum()),
        rejoined=chunk.count_rejoined(),
        delivered_before=before,
        stopped=stop,
        seconds=clock() - began,
        trouble=trouble,
        held_back=chunk.count_held_back(),
    )


def deliver_chunk_blocking(job: ChunkJob, destination: DeliveryDestination) -> ChunkResult:
    """Open the destination and deliver a chunk, from code that is not asynchronous."""

    async def deliver() -> ChunkResult:
        async with destination.transport:
            return await deliver_chunk(job, destination)

    return asyncio.run(deliver())


class _Engine:
    """Runs one attempt at a chunk."""

    def __init__(
        self,
        job: ChunkJob,
        destination: DeliveryDestination,
        chunk: Chunk,
        folder: ReceiptFolder,
        attempt: int,
        erasures: Erasures,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        uniform: Callable[[], float],
        joins_unchecked: bool,
    ) -> None:
        self.stopping = Stopping(job.requests_in_flight)
        self._job = job
        self._transport = destination.transport
        self._chunk = chunk
        self._folder = folder
        self._attempt = attempt
        self._erasures = erasures
        self._now, self._clock, self._sleep = now, clock, sleep
        self._sent_before = _requests(destination.transport)
        self._active: dict[asyncio.Task[None], Item | None] = {}
        elsewhere = judged_contacts(job.run, but_for=job.number)
        self._progress = Progress(chunk, job.guard, self.stopping, elsewhere=elsewhere, now=now)
        self._refusals = Refusals(self.stopping, _taken(chunk, elsewhere))
        self._flusher = ReceiptFlusher(
            folder, attempt, tally=self._tally, is_starved=self._is_starved, clock=clock, sleep=sleep
        )
        self.delivery: ChunkOnItsWay = destination.begin(
            Attempt(
                job=job,
                chunk=chunk,
                progress=self._progress,
                flusher=self._flusher,
                stopping=self.stopping,
                refusals=self._refusals,
                now=now,
                sleep=sleep,
                uniform=uniform,
                joins_unchecked=joins_unchecked,
            )
        )
        self._course = Course(chunk, self.delivery, self._transport, self._progress, clock=clock, sleep=sleep)

    async def run(self) -> None:
        """Deliver, and close the receipts. An error that isn't the destination's leaves them open."""
        beside = (self._flusher.run(), self._watch(), self._let_go(), self._course.run())
        tasks = [asyncio.create_task(one) for one in beside]
        try:
            await self._deliver()
            self._course.end()
            stop = self.stopping.stop
            await self._flusher.close(self._progress.close(Call(), None if stop is None else stop.message))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._flusher.release()

    async def _deliver(self) -> None:
        delivery = self.delivery
        if not (self._chunk.is_anything_to_do() or delivery.joins_unchecked):
            return
        await self._run_tasks([self._set_up()])
        while self.stopping.stop is None:
            await self._run_tasks([self._work() for _ in range(max(1, self._job.requests_in_flight))])
            if self.stopping.stop is None and await self._refusals.conclude():
                continue
            if not delivery.joins_unchecked or self.stopping.stop is not None:
                return
            await self._run_tasks([self._conclude()])

    async def _set_up(self) -> None:
        """Check for a reason to stop before anything is asked of the destination."""
        await self._look_for_a_reason()
        if self.stopping.stop is None:
            await self._unless_refused(self.delivery.set_up())

    async def _conclude(self) -> None:
        await self._unless_refused(self.delivery.conclude())

    async def _unless_refused(self, work: Awaitable[None]) -> None:
        """Stop where what concerns all contacts fails."""
        try:
            await work
        except DestinationError as error:
            self.stopping.setup_failed(error)

    async def _work(self) -> None:
        task = asyncio.current_task()
        queue = self.delivery.queue
        while (taken := await queue.take()) is not None:
            item = without_erased(taken, self._chunk)
            if task is not None:
                self._active[task] = item
            try:
                if item is not None:
                    await self.delivery.perform(item)
            finally:
                if task is not None:
                    self._active[task] = None
                queue.done(taken)

    async def _run_tasks(self, coroutines: list[Coroutine[None, None, None]]) -> None:
        """Run these together; those that a stop has cancelled are done, any other error ends all."""
        try:
            async with asyncio.TaskGroup() as group:
                for coroutine in coroutines:
                    self._active[group.create_task(coroutine)] = None
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            self._active.clear()

    async def _let_go(self) -> None:
        """After a stop, end what waits at once and what is on the wire after a time of grace."""
        await self.stopping.stopped.wait()
        self.delivery.queue.close()
        limit = self._clock() + _GRACE_SECONDS
        while True:
            for task, item in list(self._active.items()):
                is_waiting = item is None or not (item.recording or item.call.on_wire)
                if not task.done() and (is_waiting or (self._clock() >= limit and not _is_recording(item))):
                    task.cancel()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _watch(self) -> None:
        """Stop at the deadline, or when there is another reason to; hold back who is erased meanwhile."""
        deadline = self._job.deadline
        told = ""
        while self.stopping.stop is None:
            left = float("inf") if deadline is None else (deadline - self._now()).total_seconds()
            if left <= 0:
                self.stopping.stop_for(
                    StopKind.DEADLINE, f"the deadline ({deadline:%Y-%m-%d %H:%M} UTC) has passed"
                )
                return
            await self._sleep(min(left, self._job.stop_poll_seconds))
            await self._look_for_a_reason()
            try:
                await self._erasures.look()
                told = ""
            except Exception as error:  # noqa: BLE001 as with the reasons: at the beginning it could be told
                if (why := str(own_words(error))) != told:  # once, not every two seconds
                    log.warning("Could not find out who was erased, and asks on: %s", why)
                told = why

    async def _look_for_a_reason(self) -> None:
        try:
            reason = await asyncio.to_thread(self._reason)
        except Exception as error:  # noqa: BLE001 whatever it is, not knowing is no reason to stop
            log.warning("Could not find out whether to stop (%s); asking again", type(error).__name__)
            return
        if reason is not None:
            self.stopping.stop_for(StopKind.ASKED, reason)

    def _reason(self) -> str | None:
        if self._folder.is_superseded(self._attempt):
            return "a newer attempt at this chunk has begun"
        return self._job.should_stop() if self._job.should_stop is not None else None

    def _is_starved(self) -> bool:
        return self._transport.pacer.waiting < min(_FREE_WORKERS, self._job.requests_in_flight)

    def _tally(self) -> Tally:
        counters, used = self._transport.counters, _requests(self._transport, since=self._sent_before)
        return Tally(
            total=used["total"],
            throttled=used["throttled"],
            retried=used["retried"],
            bytes_sent=used["bytes_sent"],
            first_request_at=_text(counters.first_at),
            last_request_at=_text(counters.last_at),
            judged=self._progress.judged,
            rejected=self._progress.rejected,
            membership=str(self.delivery.way) if self._chunk.has_memberships else None,
            joins_unchecked=self.delivery.joins_unchecked,
        )


def _requests(transport: Transport, since: Mapping[str, int] | None = None) -> dict[str, int]:
    """Return what went over the wire so far, or since these counts."""
    counters, before = transport.counters, since or {}
    names = ("total", "throttled", "retried", "bytes_sent")
    return {name: getattr(counters, name) - before.get(name, 0) for name in names}


def _taken(chunk: Chunk, elsewhere: tuple[int, int]) -> dict[Operation, int]:
    """Return of how many each operation was delivered before: by earlier attempts, or in other chunks."""
    taken = {one: int((chunk.states(one) == State.DELIVERED).sum()) for one in Operation}
    judged, rejected = elsewhere
    taken[Operation.UPSERT] += judged - rejected
    return taken


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _is_recording(item: Item | None) -> bool:
    return item is not None and item.recording
