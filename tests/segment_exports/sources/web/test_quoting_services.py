"""A service quotes address, name and key wherever there is room: code, message, reason phrase, headers."""

from __future__ import annotations

import json
import threading
import traceback
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from tests.planted import Planted

from segment_exports.errors import SourceError
from segment_exports.sources.web.http_reading import JsonReader
from segment_exports.sources.web.patience import Patience, Waits

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY, TOKEN = "4d5e6f708192a3b4c5d6e7f8091a2b3c", "planted-token-Zk29"
ADDRESS, NAME = "ann.quandtmeier@planted.example", "Quandtmeier"
PLANTED = Planted({"key": [KEY], "token": [TOKEN], "address": [ADDRESS], "name": [NAME]})
SAID = f"The row of {ADDRESS} ({NAME}) is not valid for key {KEY} and token {TOKEN}"
BODIES = {
    "in code and message": {"error": {"code": NAME, "message": SAID}},
    "in a code of any length": {"error": {"code": "A" * 1_000_000, "message": SAID}},
    "in a code that is no text": {"error": {"code": {NAME: KEY}, "message": [SAID]}},
    "at the top": {"errorCode": KEY, "message": SAID},
    "in keys": {SAID: {SAID: SAID}, "error": {SAID: SAID}},
    "in lines": {"error": {"code": "0x80060888", "message": f"Invalid query\n{SAID}\u202e\x1b[31m"}},
    "in an answer that is no object": SAID,
}


class Tokens:
    """The planted token."""

    def token(self) -> str:
        return TOKEN

    def forget(self) -> None:
        pass


@contextmanager
def serving(status: int, body: Any) -> Iterator[str]:
    """Answer every request with what it quotes."""

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps(body).encode()
            self.send_response(status, SAID)
            for name in ("Location", "WWW-Authenticate", "x-ms-service-request-id", "REQ_ID", "Warning"):
                self.send_header(name, quote(SAID, safe=" @"))
            self.send_header("Retry-After", "4915112345678")
            self.send_header("Content-Type", f"application/{NAME}; charset={KEY}")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 406, 409, 429, 500, 503])
@pytest.mark.parametrize("where", BODIES)
def test_nothing_of_it_is_told(where: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with serving(status, BODIES[where]) as root:
        reader = JsonReader(
            "Customer Insights",
            root,
            Tokens(),
            "ask the admin",
            headers={"Ocp-Apim-Subscription-Key": KEY},
            patience=Patience(tries=2, timeout=5),
            waits=Waits(sleep=lambda _: None),
        )
        try:
            answer = reader.get("segments")
        except SourceError as error:
            told = "".join(traceback.format_exception(error)) + str(vars(error)) + repr(error)
            assert str(status) in told
        else:
            assert status == 200
            assert answer == BODIES[where]
            told = ""
        reader.close()

    ours = " ".join(one.getMessage() for one in caplog.records if one.name.startswith("segment_exports"))
    assert PLANTED.in_text(told + ours) == set()


def test_what_helps_is_told() -> None:
    with serving(400, BODIES["in lines"]) as root:
        reader = JsonReader("Customer Insights", root, Tokens(), "", patience=Patience(tries=1, timeout=5))
        with pytest.raises(SourceError, match=r"at /api/segments \(400\): 0x80060888: Invalid query") as told:
            reader.get("segments")
        reader.close()
    assert len(str(told.value)) < 300
