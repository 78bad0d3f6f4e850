"""What Autopilot's answers mean: errors by what a caller can do.

Between us and the API stand gateways, proxies and an account that may be blocked. So an answer says something
of a contact only where it is the API's own: JSON with ``error`` and ``message`` (documented 2015, and looked
for by all clients), and for what is missing one of the sentences that it is known to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from segment_exports.contact_fields.fields import written
from segment_exports.destinations.autopilot.api import KEY_HEADER
from segment_exports.destinations.server_answers import refusal_told
from segment_exports.errors import (
    AccountRefusedError,
    CredentialsRefusedError,
    DestinationError,
    NotFoundError,
    OutcomeUnknownError,
    RequestRefusedError,
)
from segment_exports.settings.connection_fields import THE_CONNECTION
from segment_exports.transport.identifiers import is_identifier, unusable
from segment_exports.transport.json_answers import CUT_JSON, NO_BODY, error_class, mapping, member, no_json

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from segment_exports.errors import ServerWords
    from segment_exports.transport.call import Answer

CONTACTS = "GET /contacts"
"""Label of the request for all contacts of the account."""
MEMBERSHIP = "GET /list/{list}/contact/{contact}"
"""Label of the one request to which an empty 404 is known as an answer: no."""
MEMBERS = "GET /list/{list}/contacts"
"""Label of the one request that is known to tell of a missing list with an empty message."""

_NO_KEY = "No autopilotapikey header provided"
_NO_CONTACT = frozenset(
    {"contact could not be found", "could not delete contact as contact could not be found"}
)
_NO_LIST = "list does not exist"
_JUDGES_REQUEST = frozenset({400, 409, 422})
"""Statuses under which the API's own words are about what is in the request."""
_NAMES = frozenset({KEY_HEADER.lower()})
_OTHER_JSON = "JSON that is not in the API's form"


class ContactNotFoundError(NotFoundError):
    """404 "Contact could not be found."."""


class ListNotFoundError(NotFoundError):
    """404 "List does not exist."."""


@dataclass(frozen=True)
class _Said:
    """What an error answer says: the API's ``message``, or in our words what came ``instead`` of its JSON."""

    message: str
    instead: str | None

    @property
    def is_cut(self) -> bool:
        return self.instead == CUT_JSON

    @property
    def is_empty(self) -> bool:
        return self.instead == NO_BODY


def error_of(
    label: str, answer: Answer, *, about_people: bool = False, whose: str = THE_CONNECTION
) -> DestinationError:
    """Return the error that an answer other than 2xx stands for.

    :param label: the request without any value, such as ``POST /contacts``.
    :param about_people: the destination may quote somebody's values, so its words stand in ``answer`` only,
        for :func:`segment_exports.transport.reasons.reason_of`.
    :param whose: what the text calls the connection.
    """
    status, said = answer.status, _said(answer)
    text, words = refusal_told(
        label, status, said.message, said.instead, about_people=about_people, names=_NAMES
    )
    is_own = said.instead is None
    if status == 401 or (status == 400 and is_own and _NO_KEY in said.message):
        why = f"The API key of {whose} is wrong or was revoked"
        why = why if is_own else "Something before the API wants a sign-in"
        return CredentialsRefusedError(f"{text}. {why}", status=status, answer=words)
    if status == 404:
        return _not_found(label, text, said, words)
    if status == 405 or status < 400:
        text = f"{text}. The Base URL of {whose} is not that of Autopilot's API"
    if status in _JUDGES_REQUEST and is_own:
        return RequestRefusedError(text, status=status, answer=words)
    if status in _JUDGES_REQUEST and said.is_cut:
        return OutcomeUnknownError(text, status=status, answer=words)
    return error_class(status)(text, status=status, answer=words)


def contact_map(value: Any, label: str) -> Mapping[str, str]:
    """Return contact ids by address, as the bulk upsert answers them (``email_contact_map``).

    An address without an id (null or empty text) was not taken, and is left out.

    :raises AccountRefusedError: it is an error inside a 200.
    :raises OutcomeUnknownError: it is no such map.
    """
    if not (isinstance(value, dict) and value.get("email_contact_map")):
        value = without_error(value, label)
    told: dict[str, Any] = member(value, "email_contact_map", dict, label)
    return {email: contact_id for email, contact_id in told.items() if contact_id not in (None, "")}


def of_ids(found: Mapping[str, str], label: str) -> Mapping[str, str]:
    """Return contact ids by address, if all of them may be ids.

    An address with something else was taken, and nobody knows as whom: then nothing of the answer is used.

    :raises OutcomeUnknownError: one can't be an id.
    """
    if not all(map(is_identifier, found.values())):
        raise unusable(label, "email_contact_map")
    return found


def true_fields(contact: Mapping[str, Any], names: Collection[str], label: str) -> frozenset[str]:
    """Return which of these boolean custom fields are true in a contact, as it was answered.

    A contact has no entry for a field that it was never given, and no ``custom_fields`` without any. A field
    that the account has deleted counts with the value that the contact keeps: the next upsert of it may bring
    the field back, with the values that it had.

    :param names: as they are sent, without the type: ``Loyalty--Tier``.
    :raises OutcomeUnknownError: the entries are not in the recorded form, or one of these is no boolean.
    """
    if contact.get("custom_fields") is None:
        return frozenset()
    values: dict[str, bool] = {}
    for entry in member(contact, "custom_fields", list, label):
        name = written(member(entry, "kind", str, label))
        if name not in names or (value := entry.get("value")) is None:
            continue
        if not isinstance(value, bool):
            raise OutcomeUnknownError(
                f"{label} was answered 200 with a value of the custom field {name} that is neither true nor "
                f"false. Is it a field of another type in the account? Rename that one there",
                status=200,
            )
        values[name] = value or values.get(name, False)
    return frozenset(name for name, value in values.items() if value)


def without_error(value: Any, label: str) -> dict[str, Any]:
    """Return the JSON object of a 2xx answer.

    :raises AccountRefusedError: there is an error in it.
    :raises OutcomeUnknownError: it is no object.
    """
    found = mapping(value, label)
    if any(found.get(name) for name in ("error", "errors")):
        raise AccountRefusedError(f"{label} was answered 200 with an error inside", status=200)
    return found


def carried_out(value: Any, label: str) -> bool:
    """Tell whether a join, leave or unsubscribe changed anything, from the answer to it.

    An empty object is known, and ``not_modified``.

    :raises AccountRefusedError: there is an error in it.
    :raises OutcomeUnknownError: it is another object: it may have been done.
    """
    found = without_error(value, label)
    if not found.keys() <= {"not_modified"}:
        raise OutcomeUnknownError(
            f"{label} was answered 200 with a JSON object that is not known as an answer to it", status=200
        )
    return found.get("not_modified") is not True


def _not_found(label: str, text: str, said: _Said, words: ServerWords | None) -> DestinationError:
    """Return what a 404 says: that something is missing, only in the API's own sentences."""
    sentence = said.message.strip().removesuffix(".").lower()
    if said.instead is None and sentence in _NO_CONTACT:
        return ContactNotFoundError(text, answer=words)
    if said.instead is None and (sentence == _NO_LIST or (label == MEMBERS and not sentence)):
        return ListNotFoundError(text, answer=words)
    if label == MEMBERSHIP and said.is_empty:
        return NotFoundError(text, empty_body=True, answer=words)
    return OutcomeUnknownError(
        f"{text}. That is not how Autopilot says that something is missing", status=404, answer=words
    )


def _said(answer: Answer) -> _Said:
    instead = no_json(answer.headers, answer.body)
    if instead is not None:
        return _Said("", instead)
    value = orjson.loads(answer.body)
    if not isinstance(value, dict):
        return _Said("", _OTHER_JSON)
    error, message = value.get("error"), value.get("message")
    kind = answer.headers.get("Content-Type", "json").lower()
    if isinstance(error, str) and error and isinstance(message, str) and "json" in kind:
        return _Said(message, None)
    told = message if isinstance(message, str) else error if isinstance(error, str) else ""
    return _Said(told, _OTHER_JSON)
