"""Run the emulated tenant: ``python -m segment_emulators.customer_insights --customers 20000``.

Prints one line of JSON with the addresses and credentials, then serves until it is stopped.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path

from segment_emulators.customer_insights.serving import serve
from segment_emulators.customer_insights.state import CustomerInsights
from segment_emulators.tenant import SEGMENTS, Tenant


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m segment_emulators.customer_insights", description=__doc__
    )
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--snapshot", type=int, default=0)
    parser.add_argument(
        "--segment", action="append", metavar="NAME=SHARE", help="a segment and its share of the customers"
    )
    parser.add_argument(
        "--ports", type=int, nargs=3, default=(0, 0, 0), metavar=("ENTRA", "DATAVERSE", "API")
    )
    chosen = parser.parse_args(arguments)
    shares = dict(one.split("=", 1) for one in chosen.segment or [])
    segments = {name: float(share) for name, share in shares.items()} or dict(SEGMENTS)
    state = CustomerInsights(Tenant(chosen.customers, chosen.seed, segments), chosen.snapshot)
    _ = state.tables  # generated before the first request
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(state, Path(folder), ports=tuple(chosen.ports)) as addresses,
    ):
        known = {
            **asdict(addresses),
            "tenant": state.tenant_id,
            "client_id": state.client_id,
            "client_secret": state.client_secret,
            "instance_id": state.instance_id,
            "subscription_key": state.subscription_key,
        }
        sys.stdout.write(json.dumps(known) + "\n")
        sys.stdout.flush()
        stopped.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
