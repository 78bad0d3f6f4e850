"""From a request to the operation it asks for, and from that to an answer.

Path segments are decoded as a form is: ``+`` is a space, so an address with a ``+`` must be sent with
``%2B``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import orjson

from segment_emulators.autopilot.account import ContactNotFoundError, ListNotFoundError
from segment_emulators.autopilot.upsert import BadContactError

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_emulators.autopilot.access_log import Arrival
    from segment_emulators.autopilot.account import Account
    from segment_emulators.autopilot.config import Switches

_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


@dataclass(slots=True)
class Answer:
    """Status, JSON body (or another) and headers."""

    status: int = 200
    body: bytes = b"{}"
    content_type: bytes = b"application/json"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


def json_answer(value: Any, status: int = 200) -> Answer:
    """Return an answer with a JSON value."""
    return Answer(status, orjson.dumps(value))


def error(status: int, message: str) -> Answer:
    """Return an answer in Autopilot's one shape for errors."""
    return json_answer({"error": _REASONS.get(status, "Error"), "message": message}, status)


NO_KEY = error(400, "No autopilotapikey header provided.")
BAD_KEY = error(401, "Provided autopilotapikey not valid.")
NO_CONTACT = error(404, "Contact could not be found.")
NO_LIST = error(404, "List does not exist.")


@dataclass(slots=True)
class Call:
    """A request that may be carried out."""

    account: Account
    switches: Switches
    entry: Arrival
    body: Any
    """The body's JSON value; None if it has none."""


@dataclass(frozen=True, slots=True)
class Route:
    """An operation and the path that leads to it: ``{name}`` stands for one segment."""

    operation: Callable[..., Answer]
    segments: tuple[str, ...]

    def fits(self, given: list[str]) -> bool:
        """Tell whether a path, cut into its segments, is this one."""
        return len(given) == len(self.segments) and all(
            segment[0] == "{" or segment == part for segment, part in zip(self.segments, given, strict=True)
        )

    def arguments(self, given: list[str]) -> dict[str, str]:
        """Return the decoded segments by name."""
        return {
            segment[1:-1]: unquote_plus(part)
            for segment, part in zip(self.segments, given, strict=True)
            if segment[0] == "{"
        }


_ROUTES: dict[str, list[Route]] = {}
"""Method → its routes in the order in which they are written here."""


def route(method: str, path: str) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Register an operation at a path."""

    def register(operation: Callable[..., Answer]) -> Callable[..., Answer]:
        _ROUTES.setdefault(method, []).append(Route(operation, tuple(path.strip("/").split("/"))))
        return operation

    return register


class Request:
    """A request that has arrived: what it asks for is known, and written down in the log.

    :param resets: how often the emulator had been reset when it arrived.
    """

    def __init__(self, account: Account, entry: Arrival, raw_path: str, body: bytes, resets: int) -> None:
        self.resets = resets
        self._account = account
        self._entry = entry
        self._given = raw_path.strip("/").split("/")
        self._route = next(
            (found for found in _ROUTES.get(entry.method, ()) if found.fits(self._given)), None
        )
        self._arguments = self._route.arguments(self._given) if self._route else {}
        self._body = _json(body)
        self._note()

    def perform(self, switches: Switches) -> Answer:
        """Carry it out against the account."""
        if self._route is None:
            return self._nothing_there()
        call = Call(self._account, switches, self._entry, self._body)
        try:
            with self._account.lock:
                return self._route.operation(call, **self._arguments)
        except ContactNotFoundError:
            return NO_CONTACT
        except ListNotFoundError:
            return NO_LIST
        except BadContactError as refusal:
            return error(400, str(refusal))

    def _nothing_there(self) -> Answer:
        if any(found.fits(self._given) for routes in _ROUTES.values() for found in routes):
            return error(405, "Method not allowed.")
        return error(404, "No such resource.")

    def _note(self) -> None:
        """Write down what the request names, whether it will be carried out or not."""
        entry = self._entry
        if self._route is not None:
            entry.endpoint = self._route.operation.__name__
        if "list_id" in self._arguments:
            entry.lists = (self._arguments["list_id"],)
        if "contact" in self._arguments:
            named = self._arguments["contact"]
            found = self._account.find(named)
            entry.contacts, entry.emails = 1, ((found and found.email) or named,)
        if isinstance(self._body, dict):
            contacts = self._body.get(
                "contacts", [self._body["contact"]] if "contact" in self._body else None
            )
            if isinstance(contacts, list):
                _note_contacts(entry, contacts)
            else:
                entry.body_keys = tuple(sorted(self._body))


def _note_contacts(entry: Arrival, contacts: list[Any]) -> None:
    keys: set[str] = set()
    emails, lists = [], []
    for contact in contacts:
        if not isinstance(contact, dict):
            continue
        keys.update(contact)
        if isinstance(email := contact.get("Email"), str):
            emails.append(email.strip().lower())
        if isinstance(list_id := contact.get("_autopilot_list"), str):
            lists.append(list_id)
        if isinstance(custom := contact.get("custom"), dict):
            keys.update([f"custom/{name}" for name in custom])
    entry.contacts, entry.emails = len(contacts), tuple(emails)
    entry.lists, entry.body_keys = tuple(dict.fromkeys(lists)), tuple(sorted(keys))


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return None
