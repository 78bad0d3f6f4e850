"""What Ortto's answers mean: errors by what a caller can do, and what became of each person of a merge.

An answer says something of people only where it is the API's own: JSON with ``code`` and ``error``
(recorded). Item words that nobody has recorded are kept apart: they never count as sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson

from segment_exports.destinations.ortto.api import KEY_HEADER
from segment_exports.destinations.server_answers import refusal_told
from segment_exports.errors import (
    AccountRefusedError,
    CredentialsRefusedError,
    DestinationError,
    OutcomeUnknownError,
    RequestRefusedError,
    ServerWords,
    WrongServerError,
)
from segment_exports.settings.connection_fields import THE_CONNECTION
from segment_exports.transport.identifiers import is_identifier, unusable
from segment_exports.transport.json_answers import CUT_JSON, error_class, mapping, no_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_exports.transport.call import Answer

MERGE = "POST /person/merge"

_NAMES = frozenset({KEY_HEADER.lower()})
_OTHER_JSON = "JSON that is not in the API's form"
_JUDGES_REQUEST = frozenset({400, 409, 413, 422, 423})
"""Statuses under which the API's own words are about what is in the request: 409 and 423 of fields that
exist, 413 of a body that is too large."""
_EXPIRED = (
    "Either the account has expired, or the user who made the key has left it: somebody with access to the "
    "account renews it, or makes a new key under Data sources > Custom API and puts it into the connection"
)
_FULL = (
    "The account has reached the number of contacts of its plan. Nobody is created any more in this run, "
    "since that may be billed; who is known there is still updated. Archive contacts in Ortto or enlarge the "
    "plan, then clear the upload or wait for the next run"
)


class ItemStatus(StrEnum):
    """What became of one person of a merge."""

    CREATED = "created"
    MERGED = "merged"
    INVALID = "invalid"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"
    """A word that nobody has recorded."""


@dataclass(frozen=True)
class MergedItem:
    """One item of an answer to a merge, in its place. ``words`` say why a person was not taken."""

    status: ItemStatus
    person_id: str | None = None
    words: ServerWords | None = None

    @property
    def is_taken(self) -> bool:
        """Whether it says that the person was written."""
        return self.status in (ItemStatus.CREATED, ItemStatus.MERGED)


class AccountFullError(AccountRefusedError):
    """507: the plan holds no more people. Nobody may be created; who is known can still be updated."""


class PeopleRefusedError(RequestRefusedError):
    """400: nobody of the request was taken. ``items`` are its details, which may be fewer than its people."""

    def __init__(
        self, message: str, *, status: int, answer: ServerWords | None, items: Sequence[MergedItem] = ()
    ) -> None:
        super().__init__(message, status=status, answer=answer)
        self.items = tuple(items)


@dataclass(frozen=True)
class _Said:
    message: str
    instead: str | None
    details: tuple[Any, ...] = ()


def error_of(
    label: str, answer: Answer, *, about_people: bool = False, whose: str = THE_CONNECTION
) -> DestinationError:
    """Return the error that an answer other than 2xx stands for.

    :param label: the request without any value, such as ``POST /person/merge``.
    :param about_people: the destination may quote somebody's values, so its words stand in ``answer`` only.
    :param whose: what the text calls the connection.
    """
    status, said = answer.status, _said(answer)
    text, words = refusal_told(
        label, status, said.message, said.instead, about_people=about_people, names=_NAMES
    )
    is_own = said.instead is None
    match status:
        case 401:
            why = f"The API key of {whose} is wrong, of another region, or was revoked"
            why = why if is_own else "Something before the API wants a sign-in"
            return CredentialsRefusedError(f"{text}. {why}", status=status, answer=words)
        case 403 if is_own:
            return CredentialsRefusedError(f"{text}. {_EXPIRED}", status=status, answer=words)
        case 404 | 405 | 406:
            where = f"The Base URL of {whose} is not that of Ortto's API, or its key is of another region"
            return WrongServerError(f"{text}. {where}", status=status, answer=words)
        case 507 if is_own:
            return AccountFullError(f"{text}. {_FULL}", status=status, answer=words)
    if status in _JUDGES_REQUEST and is_own:
        if label == MERGE and status == 400:
            return PeopleRefusedError(text, status=status, answer=words, items=_items_of(said.details))
        return RequestRefusedError(text, status=status, answer=words)
    if status in _JUDGES_REQUEST and said.instead == CUT_JSON:
        return OutcomeUnknownError(text, status=status, answer=words)
    return error_class(status)(text, status=status, answer=words)


def is_own_form(answer: Answer) -> bool:
    """Tell whether an answer other than 2xx has the API's form."""
    return _said(answer).instead is None


def seconds_asked(answer: Answer) -> float | None:
    """Return how long a 429 asks to wait: ``try-in-seconds`` in its body (documented); None if none."""
    if no_json(answer.headers, answer.body) is not None:
        return None
    value = orjson.loads(answer.body)
    error = value.get("error") if isinstance(value, dict) else None
    asked: Any = error.get("try-in-seconds") if isinstance(error, dict) else None
    if isinstance(asked, bool) or not isinstance(asked, int | float) or asked < 0:
        return None
    return float(asked)


def merged_items(value: Any) -> tuple[MergedItem, ...]:
    """Return what became of each person, as a merge answers it: as many items as it tells, in its order.

    :raises OutcomeUnknownError: it is no such answer.
    """
    told = mapping(value, MERGE).get("people", ())
    if told is None:
        return ()
    if "people" not in value or not isinstance(told, list):
        raise unusable(MERGE, "people")
    return tuple(_item(one) for one in told)


def list_or_null(value: Any, name: str, label: str) -> list[Any]:
    """Return a member that is a list, or null where that is empty (recorded of ``contacts`` and ``fields``).

    :raises OutcomeUnknownError: it is missing, or something else.
    """
    found = mapping(value, label)
    if name not in found or not isinstance(found[name], list | None):
        raise unusable(label, name)
    return found[name] or []


def _items_of(details: Sequence[Any]) -> tuple[MergedItem, ...]:
    return tuple(_item(one) for one in details)


def _item(value: Any) -> MergedItem:
    """Return an item. What has no usable id is not taken: nobody knows as whom."""
    if not isinstance(value, dict):
        return MergedItem(ItemStatus.UNKNOWN)
    word, error = value.get("status"), value.get("error")
    status = ItemStatus(word) if isinstance(word, str) and word in set(ItemStatus) else ItemStatus.UNKNOWN
    person_id = value.get("person_id")
    usable = person_id if is_identifier(person_id) else None
    if status in (ItemStatus.CREATED, ItemStatus.MERGED) and usable is None:
        status = ItemStatus.UNKNOWN
    return MergedItem(status, usable, ServerWords(error) if isinstance(error, str) and error else None)


def _said(answer: Answer) -> _Said:
    instead = no_json(answer.headers, answer.body)
    if instead is not None:
        return _Said("", instead)
    value = orjson.loads(answer.body)
    if not isinstance(value, dict):
        return _Said("", _OTHER_JSON)
    error, code, details = value.get("error"), value.get("code"), value.get("details")
    message = error.get("message") if isinstance(error, dict) else error
    told = message if isinstance(message, str) else ""
    if not told or (isinstance(error, str) and not isinstance(code, int)):
        return _Said(told, _OTHER_JSON)
    return _Said(told, None, tuple(details) if isinstance(details, list) else ())
