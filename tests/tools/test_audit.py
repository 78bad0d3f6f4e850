"""`make audit`: hashes, licences and versions of what is installed, and what is known to be unsafe."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import audit
from lock import LOCKS

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
HASH = "    --hash=sha256:" + "0" * 64


def locks(folder: Path, text: str) -> Path:
    """A folder in which every lock holds the same text."""
    for lock in LOCKS:
        (folder / lock).write_text(text)
    return folder


@pytest.fixture
def advisories() -> Iterator[tuple[str, dict[str, list[dict[str, Any]]]]]:
    """A server of the OSV protocol and what it knows by package; https://google.github.io/osv.dev/post-v1-query."""
    known: dict[str, list[dict[str, Any]]] = {}

    class Osv(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps({"vulns": known.get(asked["package"]["name"], [])}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query", known
    server.shutdown()
    server.server_close()


def unsafe(name: str) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9"}]}]
    of_package = {
        "package": {"name": name, "ecosystem": "PyPI"},
        "ranges": ranges,
    }
    return {"id": "TEST-2026-1", "summary": "It is unsafe.", "affected": [of_package]}


def test_the_locks_of_this_project_have_hashes_and_known_licences() -> None:
    assert audit.hashes(REPOSITORY).wrong == []
    assert audit.licences(REPOSITORY).wrong == []


def test_a_pin_without_a_hash_is_wrong(tmp_path: Path) -> None:
    found = audit.hashes(
        locks(tmp_path, f"one==1.0 \\\n{HASH}\n    # via two\ntwo==2.0\n    # via -r x.in\n")
    )
    assert found.wrong == [f"{lock}: two==2.0 has no hash" for lock in LOCKS]


def test_a_package_of_another_version_than_the_locks_is_wrong(tmp_path: Path) -> None:
    text = (REPOSITORY / "requirements-dev.txt").read_text()
    here = version("orjson")
    told = f"orjson {here} is installed, and no lock pins it"
    assert told not in audit.installed(locks(tmp_path, text)).wrong
    assert told in audit.installed(locks(tmp_path, text.replace(f"orjson=={here} ", "orjson==0.0.1 "))).wrong


def test_a_licence_that_is_not_named_is_wrong(tmp_path: Path) -> None:
    named = (REPOSITORY / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(named.replace("MPL-2.0 AND (Apache-2.0 OR MIT);", ""))
    (wrong,) = audit.licences(tmp_path).wrong
    assert "orjson" in wrong
    assert "MPL-2.0 AND (Apache-2.0 OR MIT)" in wrong


def test_an_advisory_is_wrong_and_told_with_what_mends_it(
    tmp_path: Path, advisories: tuple[str, dict[str, list[dict[str, Any]]]]
) -> None:
    url, known = advisories
    folder = locks(tmp_path, f"one==1.0 \\\n{HASH}\n")
    assert audit.advisories(folder, url) == audit.Finding("Advisories: 0 for 1 packages, says osv.", [])
    known["one"] = [unsafe("one")]
    assert audit.advisories(folder, url).wrong == ["one 1.0: TEST-2026-1, mended in: 9.9"]


def test_advisories_that_can_not_be_looked_up_are_told_and_fail_only_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}/v1/query"
        locks(tmp_path, f"one==1.0 \\\n{HASH}\n")
        monkeypatch.setattr(audit, "ROOT", tmp_path)
        monkeypatch.setattr(audit, "installed", lambda _: audit.Finding("Environment", []))
        monkeypatch.setattr(audit, "licences", lambda _: audit.Finding("Licences", []))
        assert audit.main(["--osv-url", nowhere]) == 0
        assert "NOT CHECKED" in capsys.readouterr().out
        assert audit.main(["--osv-url", nowhere, "--require-advisories"]) == 1
