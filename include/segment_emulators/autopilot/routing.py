"""Autopilot's requests and errors; which operations there are, ``api.py`` registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from segment_emulators.account_api.answers import Answer, json_answer
from segment_emulators.account_api.routes import RoutedRequest, Routes
from segment_emulators.autopilot.account import (
    ContactNotFoundError,
    ListNotFoundError,
    SegmentNotFoundError,
)
from segment_emulators.autopilot.upsert import BadContactError

if TYPE_CHECKING:
    from segment_emulators.account_api.access_log import Arrival
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


def error(status: int, message: str) -> Answer:
    """Return an answer in Autopilot's one shape for errors."""
    return json_answer({"error": _REASONS.get(status, "Error"), "message": message}, status)


NO_KEY = error(400, "No autopilotapikey header provided.")
BAD_KEY = error(401, "Provided autopilotapikey not valid.")
NO_CONTACT = error(404, "Contact could not be found.")
NO_LIST = error(404, "List does not exist.")
NO_SEGMENT = error(404, "")
"""What is answered isn't known; of a list whose contacts are read, it is an error without a message."""


@dataclass(slots=True)
class Call:
    """A request that may be carried out."""

    account: Account
    switches: Switches
    entry: Arrival
    body: Any
    """The body's JSON value; None if it has none."""


ROUTES = Routes()
route = ROUTES.route


class Request(RoutedRequest):
    """A request that has arrived: what it asks for is known, and written down in the log."""

    def __init__(self, account: Account, entry: Arrival, raw_path: str, body: bytes, resets: int) -> None:
        super().__init__(ROUTES, entry, raw_path, body, resets)
        self._account = account
        self._note()

    def perform(self, switches: Switches) -> Answer:
        """Carry it out against the account."""
        if self.route is None:
            return self._nothing_there()
        call = Call(self._account, switches, self.entry, self.body)
        try:
            with self._account.lock:
                return self.route.operation(call, **self.arguments)
        except ContactNotFoundError:
            return NO_CONTACT
        except ListNotFoundError:
            return NO_LIST
        except SegmentNotFoundError:
            return NO_SEGMENT
        except BadContactError as refusal:
            return error(400, str(refusal))

    def _nothing_there(self) -> Answer:
        if self.is_wrong_method:
            return error(405, "Method not allowed.")
        return error(404, "No such resource.")

    def _note(self) -> None:
        """Write down what the request names, whether it will be carried out or not."""
        entry = self.entry
        if "list_id" in self.arguments:
            entry.lists = (self.arguments["list_id"],)
        if "contact" in self.arguments:
            named = self.arguments["contact"]
            found = self._account.find(named)
            entry.contacts, entry.emails = 1, ((found and found.email) or named,)
            membership = ((entry.emails[0], *entry.lists),) if entry.lists else ()
            entry.joins = membership if entry.method == "POST" else ()
            entry.leaves = membership if entry.method == "DELETE" else ()
        if isinstance(self.body, dict):
            contacts = self.body.get("contacts", [self.body["contact"]] if "contact" in self.body else None)
            if isinstance(contacts, list):
                _note_contacts(entry, contacts)
            else:
                entry.body_keys = tuple(sorted(self.body))


def _note_contacts(entry: Arrival, contacts: list[Any]) -> None:
    keys: set[str] = set()
    emails, joins = [], []
    for contact in contacts:
        if not isinstance(contact, dict):
            continue
        keys.update(contact)
        if isinstance(email := contact.get("Email"), str):
            emails.append(email.strip().lower())
        if isinstance(list_id := contact.get("_autopilot_list"), str):
            joins.append((str(email).strip().lower(), list_id))
        if isinstance(custom := contact.get("custom"), dict):
            keys.update([f"custom/{name}" for name in custom])
    entry.contacts, entry.emails = len(contacts), tuple(emails)
    entry.joins, entry.body_keys = tuple(joins), tuple(sorted(keys))
    entry.lists = tuple(dict.fromkeys(list_id for _, list_id in joins))
