"""Has bad requests in a process of its own: ``python sending_process.py <folder> <workers> <each>``.

It prints the moment of each (monotonic, one clock for all processes). With ``each`` 0, every worker takes a
place, says so, and keeps it until the process is killed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from segment_exports.transport.bad_requests.budget import BadRequests

MOST, SECONDS = 9, 0.2


async def at_once() -> int:
    return 0


async def main(folder: Path, workers: int, each: int) -> None:
    """Send all, or keep what was taken."""
    budget = BadRequests("service", most=MOST, seconds=SECONDS, folder=folder)

    async def work() -> None:
        for _ in range(each):
            _, place = await budget.start(at_once)
            await asyncio.sleep(0.002)
            print(time.monotonic(), flush=True)
            await asyncio.sleep(0.002)
            place.answered(400)
        if not each:
            await budget.start(at_once)
            print("taken", flush=True)
            await asyncio.Event().wait()

    await asyncio.gather(*(work() for _ in range(workers)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
