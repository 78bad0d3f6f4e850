"""The raw ceiling: bodies that are ready, sockets of asyncio, nothing else. Says what a client can reach.

Usage: ceiling.py RESULT WORKDIR PARQUET, with BENCH_URL, BENCH_KEY and BENCH_IN_FLIGHT in the
environment. Bodies are made before the clock starts; an answer is read whole, its address map is not.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pyarrow.parquet as pq
import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from benchmarks.contacts import FIELDS
from benchmarks.peers.measured import measured

BATCH = 100


def ready_requests(parquet: str, host: str, key: str) -> list[bytes]:
    """Return whole HTTP requests of 100 contacts each."""
    requests = []
    names = {attribute: field for field, attribute in FIELDS.items()}
    for batch in pq.ParquetFile(parquet).iter_batches(BATCH):
        contacts = batch.rename_columns([names[name] for name in batch.schema.names]).to_pylist()
        body = orjson.dumps({"contacts": contacts})
        head = (
            f"POST /v1/contacts HTTP/1.1\r\nHost: {host}\r\nautopilotapikey: {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
    return requests


async def _send(host: str, port: int, waiting: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
    while waiting:
        writer.write(waiting.pop())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head[:15]:
            raise SystemExit(f"the server answered {head[:40]!r}")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
    writer.close()


async def _send_all(url: str, requests: list[bytes], in_flight: int) -> None:
    parts = urlsplit(url)
    await asyncio.gather(*(_send(parts.hostname, parts.port, requests) for _ in range(in_flight)))


def main() -> None:
    url, key = os.environ["BENCH_URL"], os.environ["BENCH_KEY"]
    in_flight = int(os.environ["BENCH_IN_FLIGHT"])
    requests = ready_requests(sys.argv[3], urlsplit(url).netloc, key)
    with measured(sys.argv[1]):
        uvloop.run(_send_all(url, requests, in_flight))


if __name__ == "__main__":
    main()
