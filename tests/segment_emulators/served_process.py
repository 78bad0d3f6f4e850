"""An emulator as a process of its own, and the wait for what it does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def wait_until(reached: Callable[[], object], *, seconds: float = 30) -> None:
    """Wait until something holds, such as what the server's thread does after it has answered."""
    until = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.002)


@contextmanager
def served_process(
    folder: Path, module: str, *options: str, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start an emulator on a free port; yield its process and URL when it serves, and kill it at the end."""
    port_file = folder / "port"
    started = subprocess.Popen(
        [sys.executable, "-m", module, "--port", "0", "--port-file", str(port_file), *options],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )

    def tells_its_port() -> bool:
        assert started.poll() is None
        return port_file.exists() and bool(port_file.read_text().strip())

    try:
        wait_until(tells_its_port)
        yield started, f"http://127.0.0.1:{port_file.read_text().strip()}"
    finally:
        started.kill()
        started.wait()
