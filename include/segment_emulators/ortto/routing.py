"""Ortto's requests and errors; which operations there are, the modules of ``operations`` register."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from segment_emulators.account_api.answers import Answer, Reset, json_answer
from segment_emulators.account_api.routes import RoutedRequest, Routes
from segment_emulators.ortto.config import TooLarge
from segment_emulators.ortto.fields import EMAIL, PERMISSION, PERSON_ID

if TYPE_CHECKING:
    from segment_emulators.account_api.access_log import Arrival
    from segment_emulators.ortto.account import Account
    from segment_emulators.ortto.config import EmulatorConfig, Switches

VERSION = (b"x-version", b"emulated-1")
ROUTES = Routes()
route = ROUTES.route


class RefusedError(Exception):
    """The request as a whole is refused."""

    def __init__(self, answer: Answer | Reset) -> None:
        super().__init__()
        self.answer = answer


def answered(value: Any) -> Answer:
    """Return a good answer; Ortto ends the line."""
    return Answer(200, orjson.dumps(value) + b"\n", headers=[VERSION])


def error(status: int, text: str, details: list[dict[str, Any]] | None = None) -> Answer:
    """Return an answer in Ortto's shape for errors."""
    body: dict[str, Any] = {"request_id": str(uuid.uuid4()), "code": status, "error": text}
    if details is not None:
        body["details"] = details
    answer = json_answer(body, status)
    answer.body += b"\n"
    answer.headers.append(VERSION)
    return answer


def throttled(seconds: int) -> Answer:
    """Return the one error whose ``error`` is an object."""
    told = {"code": "rate-limit", "message": "rate limit", "try-in-seconds": seconds}
    answer = json_answer({"error": told}, 429)
    answer.headers.append(VERSION)
    return answer


@dataclass(slots=True)
class Call:
    """A request that may be carried out."""

    account: Account
    config: EmulatorConfig
    switches: Switches
    entry: Arrival
    body: dict[str, Any]
    """The body's JSON object; empty where there is no body."""
    arrived: int
    """The account's count when it arrived."""

    def malformed(self, text: str) -> RefusedError:
        """Return the refusal of a request that can't be read, for raising; its ban is noted."""
        self.entry.malformed = True
        return RefusedError(error(400, f"{self.config.instance}: Failed to parse request {text}"))


class Request(RoutedRequest):
    """A request that has arrived: what it asks for is known, and written down in the log."""

    def __init__(
        self,
        account: Account,
        config: EmulatorConfig,
        entry: Arrival,
        raw_path: str,
        body: bytes,
        resets: int,
    ) -> None:
        super().__init__(ROUTES, entry, raw_path, body, resets)
        self._account, self._config = account, config
        self._arrived = next(account.arrivals)
        self._size = len(body)
        if isinstance(self.body, dict):
            _note(self.body, entry, account)

    def perform(self, switches: Switches) -> Answer | Reset:
        """Carry it out against the account."""
        if self.route is None:
            return self._nothing_there()
        if self._size > switches.body_limit:
            return self._too_large(switches)
        if self.body is None:
            self.body = {} if self._size == 0 else None
        call = Call(self._account, self._config, switches, self.entry, self.body, self._arrived)
        try:
            if not isinstance(self.body, dict):
                raise call.malformed("the body is not a JSON object")
            with self._account.lock:
                return self.route.operation(call)
        except RefusedError as refusal:
            return refusal.answer

    def _nothing_there(self) -> Answer:
        self.entry.malformed = True
        if self.is_wrong_method:
            return error(405, "Method not allowed")
        return error(404, "unknown endpoint or method")

    def _too_large(self, switches: Switches) -> Answer | Reset:
        self.entry.malformed = True
        if switches.too_large is TooLarge.RESET:
            return Reset()
        if switches.too_large is TooLarge.TOO_LARGE:
            return error(413, "Request Entity Too Large")
        return error(400, f"{self._config.instance}: Failed to parse request body too large")


def _note(body: dict[str, Any], entry: Arrival, account: Account) -> None:
    """Write down what a request names, whether it will be carried out or not."""
    people = body.get("people")
    if not isinstance(people, list):
        ids = body.get("contact_ids", body.get("inclusion_ids"))
        entry.contacts = len(ids) if isinstance(ids, list) else 0
        entry.emails = tuple(_email(one, account) for one in ids) if isinstance(ids, list) else ()
        entry.body_keys = tuple(sorted(body))
        entry.options = {key: value for key, value in body.items() if not key.endswith("_ids")}
        return
    entry.options = {key: value for key, value in body.items() if key != "people"}
    entry.contacts = len(people)
    known = [one for one in people if isinstance(one, dict)]
    fields = [one["fields"] if isinstance(one.get("fields"), dict) else {} for one in known]
    named = [_email(one.get(EMAIL) or one.get(PERSON_ID), account) for one in fields]
    entry.emails = tuple(one for one in named if one)
    entry.permissions = tuple(one.get(PERMISSION) for one in fields)
    entry.joins, entry.leaves = (
        tuple((email, one) for email, sent in zip(named, known, strict=True) for one in _texts(sent.get(key)))
        for key in ("tags", "unset_tags")
    )
    entry.lists = tuple(dict.fromkeys(title for _, title in (*entry.joins, *entry.leaves)))
    keys = {key for one in fields for key in one}
    entry.body_keys = tuple(sorted(keys | {key for one in known for key in one if key != "fields"}))


def _email(named: Any, account: Account) -> str:
    """Return an address in lower case; who is named by id has the one that is stored."""
    if not isinstance(named, str):
        return ""
    person = None if "@" in named else account.find(named)
    return ((person and person.email) or named).strip().lower()


def are_texts(value: Any) -> bool:
    """Tell whether a value is an array of texts."""
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
