"""A light HTTP server with Autopilot's bulk shape: the same one for every tool that is measured.

It runs in a process of its own, so that its work never slows a client's event loop. Bodies are truly
parsed and every address gets an id, so that a client that reads its answers gets true ones. What it
leaves out (lookups by field, smart segments, faults) is the emulator's business; speed is this one's.

An answer leaves ``latency`` after the request arrived. More than ``limit`` arrivals in any rolling
second are refused with 429, the refused ones counting as arrivals too.

Run: ``python -m benchmarks.bulk_server [--latency SECONDS] [--limit N]``; it prints its port, and
``GET /_bench/stats`` tells what arrived, ``GET /_bench/writes`` when the bulk requests came.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import re
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httptools
import orjson
import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable

MAXIMUM_BATCH = 100
WINDOW_SECONDS = 1.0
_GAPS_TOLD = 5

Answer = tuple[int, Any]
_NOT_FOUND: Answer = (404, {"error": "Not Found", "message": "Contact could not be found."})
_THROTTLED: Answer = (
    429,
    {"error": "Too Many Requests", "message": "You have exceeded your request rate."},
)
_REASONS = {
    200: b"OK",
    400: b"Bad Request",
    401: b"Unauthorized",
    404: b"Not Found",
    429: b"Too Many Requests",
}


@dataclass
class Account:
    """What the server holds, and what it has seen; times are seconds since the server's start."""

    limit: int | None = None
    clock: Callable[[], float] = time.monotonic
    ids: dict[str, str] = field(default_factory=dict)
    emails: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    batches: list[int] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)
    refused: int = 0
    seen_again: int = 0
    _window: deque[float] = field(default_factory=deque)

    def __post_init__(self) -> None:
        """Start the clock that arrivals are told in."""
        self.start = self.clock()
        self.epoch = time.time()

    def admit(self) -> bool:
        """Count one arrival; tell whether it is within the limit."""
        now = self.clock() - self.start
        self.arrivals.append(now)
        if self.limit is None:
            return True
        window = self._window
        window.append(now)
        while window[0] <= now - WINDOW_SECONDS:
            window.popleft()
        if len(window) > self.limit:
            self.refused += 1
            return False
        return True

    def upsert(self, body: bytes) -> Answer:
        """Take one bulk request as Autopilot does: by lower-cased address, at most 100."""
        try:
            contacts = orjson.loads(body)["contacts"]
        except (ValueError, KeyError, TypeError):
            contacts = None
        if not isinstance(contacts, list):
            return 400, {"error": "Bad Request", "message": "The body must hold a list of contacts."}
        if len(contacts) > MAXIMUM_BATCH:
            return 400, {"error": "Bad Request", "message": "At most 100 contacts a request."}
        ids, emails, bodies = self.ids, self.emails, self.bodies
        found: dict[str, str] = {}
        for position, contact in enumerate(contacts):
            address = contact.get("Email")
            if not address or "@" not in address:
                continue
            email = address.strip().lower()
            known = ids.get(email)
            if known is None:
                known = f"person_{len(ids):08X}"
                ids[email] = known
                emails[known] = email
            else:
                self.seen_again += 1
            bodies[email] = (body, position)
            found[email] = known
        self.batches.append(len(contacts))
        return 200, {
            "contact_ids": list(found.values()),
            "email_contact_map": found,
            "_removeResultKeys": ["proposedContacts"],
        }

    def contact(self, reference: str) -> dict[str, Any] | None:
        """Return a contact by id or address with its fields as they were sent last."""
        email = self.emails.get(reference, reference.strip().lower())
        if email not in self.bodies:
            return None
        body, position = self.bodies[email]
        sent = dict(orjson.loads(body)["contacts"][position])
        custom = sent.pop("custom", {})
        contact = {**sent, "Email": email, "contact_id": self.ids[email], "api_originated": True}
        if custom:
            contact["custom_fields"] = [
                {"kind": name.partition("--")[2].replace("--", " "), "value": value,
                 "fieldType": name.partition("--")[0], "deleted": False}
                for name, value in custom.items()
            ]  # fmt: skip
        listed = [key for key, members in self.members.items() if self.ids[email] in members]
        return {**contact, "lists": listed} if listed else contact

    def membership(self, method: str, list_id: str, reference: str) -> Answer:
        """Add to, take off or look up in a list."""
        email = self.emails.get(reference, reference.strip().lower())
        if list_id not in self.members or email not in self.ids:
            return _NOT_FOUND
        members, contact_id = self.members[list_id], self.ids[email]
        held = contact_id in members
        if method == "GET":
            return (200, {}) if held else (404, None)
        if method == "POST":
            members.add(contact_id)
            return 200, {"not_modified": True} if held else {}
        members.discard(contact_id)
        return 200, {} if held else {"not_modified": True}

    def stats(self) -> dict[str, Any]:
        """Return what arrived, and when."""
        arrivals = self.arrivals
        gaps = sorted((late - early for early, late in pairwise(arrivals)), reverse=True)
        return {
            "epoch": self.epoch,
            "requests": len(arrivals),
            "calls": dict(self.calls),
            "throttled": self.refused,
            "contacts": sum(self.batches),
            "distinct": len(self.ids),
            "seen_again": self.seen_again,
            "batches": len(self.batches),
            "members": {title: len(self.members[key]) for title, key in self.lists.items()},
            "first": arrivals[0] if arrivals else None,
            "last": arrivals[-1] if arrivals else None,
            "gaps": [round(gap, 4) for gap in gaps[:_GAPS_TOLD]],
        }


_LIST_CONTACT = re.compile(r"/list/([^/]+)/contact/([^/]+)")
_LIST_CONTACTS = re.compile(r"/list/([^/]+)/contacts")


def answer(account: Account, method: str, path: str, body: bytes) -> Answer:
    """Return status and JSON value of one call that was admitted."""
    path = path.removeprefix("/v1")
    if method == "POST" and path == "/contacts":
        account.calls["bulk"] += 1
        account.writes.append(account.arrivals[-1] if account.arrivals else 0.0)
        return account.upsert(body)
    if match := _LIST_CONTACT.fullmatch(path):
        account.calls[f"membership {method}"] += 1
        return account.membership(method, unquote(match[1]), unquote(match[2]))
    account.calls[f"{method} /{path.split('/')[1]}"] += 1
    if method == "POST" and path == "/list":
        title = str(orjson.loads(body)["name"])
        account.lists[title] = key = f"contactlist_{len(account.lists):08X}"
        account.members[key] = set()
        return 200, {"list_id": key, "name": title}
    if method == "GET":
        return _read(account, path)
    return 404, {"error": "Not Found", "message": f"{method} {path} is not served here."}


def _read(account: Account, path: str) -> Answer:
    fixed: dict[str, Any] = {"/account": {"instanceId": "bench"}, "/contacts/custom_fields": []}
    if path in fixed:
        return 200, fixed[path]
    if path == "/lists":
        return 200, {"lists": [{"list_id": key, "title": title} for title, key in account.lists.items()]}
    if path == "/contacts":
        return 200, {"contacts": [], "total_contacts": len(account.ids)}
    if match := _LIST_CONTACTS.fullmatch(path):
        return 200, {"contacts": [], "total_contacts": len(account.members.get(match[1], ()))}
    if path.startswith("/contact/"):
        contact = account.contact(unquote(path.removeprefix("/contact/")))
        return (200, contact) if contact else _NOT_FOUND
    return 404, {"error": "Not Found", "message": f"GET {path} is not served here."}


class BulkProtocol(asyncio.Protocol):
    """One connection. A client that pipelines requests gets its answers in the order of their latency."""

    def __init__(self, account: Account, latency: float) -> None:
        self.account = account
        self.latency = latency
        self.parser = httptools.HttpRequestParser(self)
        self.transport: asyncio.Transport | None = None
        self._url = self._body = b""
        self._parts: list[bytes] = []
        self._has_key = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection to answer on."""
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            if self.transport:
                self.transport.close()

    def on_message_begin(self) -> None:
        """Start a request (called by the parser, as the others below)."""
        self._url, self._parts, self._has_key = b"", [], False

    def on_url(self, url: bytes) -> None:
        """Take a piece of the URL."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Look for the key."""
        if name.lower() == b"autopilotapikey" and value:
            self._has_key = True

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Do the request now; answer after the latency."""
        path = httptools.parse_url(self._url).path.decode()
        method = self.parser.get_method().decode()
        if path == "/_bench/stats":
            self._send(self._encode((200, self.account.stats())))
            return
        if path == "/_bench/writes":
            self._send(self._encode((200, self.account.writes)))
            return
        if not self.account.admit():
            result = _THROTTLED
        elif not self._has_key:
            result = (401, {"error": "Unauthorized", "message": "No autopilotapikey header provided."})
        else:
            result = answer(self.account, method, path, b"".join(self._parts))
        payload = self._encode(result)
        if self.latency:
            asyncio.get_running_loop().call_later(self.latency, self._send, payload)
        else:
            self._send(payload)

    @staticmethod
    def _encode(result: Answer) -> bytes:
        status, value = result
        body = b"" if value is None else orjson.dumps(value)
        return (
            b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % (status, _REASONS[status], len(body))
        ) + body

    def _send(self, payload: bytes) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.write(payload)


async def serve(latency: float, limit: int | None) -> None:
    """Serve on a free port of 127.0.0.1 until cancelled; the port is the first line printed."""
    account = Account(limit=limit)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BulkProtocol(account, latency), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--latency", type=float, default=0.0, help="seconds from arrival to answer")
    parser.add_argument("--limit", type=int, default=None, help="arrivals in any rolling second")
    arguments = parser.parse_args()
    gc.disable()  # a collection over a million contacts would pause the answers; nothing here is cyclic
    uvloop.run(serve(arguments.latency, arguments.limit))


if __name__ == "__main__":
    main()
