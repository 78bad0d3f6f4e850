"""What a merge does to one person, by the request's options and the switches."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from segment_emulators.ortto.config import (
    AddressWithId,
    ArchivedPerson,
    PermissionOmitted,
    SamePerson,
)
from segment_emulators.ortto.fields import EMAIL, EXTERNAL_ID, PERMISSION, PERSON_ID, SMS_PERMISSION
from segment_emulators.ortto.values import UNSET, BadPersonError, same_address, stored

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_emulators.ortto.account import Account
    from segment_emulators.ortto.config import Switches
    from segment_emulators.ortto.people import Person


class Strategy(IntEnum):
    """``merge_strategy``: what becomes of a person who is known."""

    APPEND = 1
    """Only empty fields are filled."""
    OVERWRITE = 2
    IGNORE = 3
    """Nothing; only the unknown are made."""


class Find(IntEnum):
    """``find_strategy``: how several keys find a person."""

    ANY = 0
    """One after the other."""
    NEXT_IF_EMPTY = 1
    """The next one only among people whose first is empty."""
    ALL = 2


@dataclass(frozen=True, slots=True)
class Options:
    """What holds for all people of a request."""

    keys: tuple[str, ...]
    strategy: Strategy = Strategy.OVERWRITE
    find: Find = Find.ANY
    skip_non_existing: bool = False
    suppression_field: str | None = None
    also_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """``merge_by_alt_fields``: by key, other fields that may hold its value."""

    @property
    def by_id(self) -> bool:
        """Whether people are named by Ortto's own id."""
        return self.keys == (PERSON_ID,)


@dataclass(slots=True)
class Sent:
    """A person of a request, with the values as they are stored."""

    fields: dict[str, Any]
    tags: tuple[str, ...] = ()
    unset_tags: tuple[str, ...] = ()
    clear: tuple[str, ...] = ()
    person_id: str | None = None


class SuppressedError(Exception):
    """A new person whose address is suppressed."""


def checked(account: Account, switches: Switches, options: Options, sent: Any) -> Sent:
    """Return a person of a request as it would be stored.

    :raises BadPersonError: the account would not take it.
    """
    fields = sent.get("fields") if isinstance(sent, dict) else None
    if not isinstance(fields, dict):
        raise BadPersonError("fields are missing")
    result = Sent({}, _names(sent, "tags"), _names(sent, "unset_tags"))
    for field_id, value in fields.items():
        if field_id == PERSON_ID and options.by_id:
            result.person_id = value if isinstance(value, str) else None
            continue
        found = account.fields.find(field_id)
        if found is None:
            raise BadPersonError(
                f"failed to validate field {field_id} in schema: {field_id}: Object not found"
            )
        is_mere_key = field_id in options.keys and options.skip_non_existing
        if not account.fields.is_writable(found) and not is_mere_key:
            raise BadPersonError(f"failed to validate field {field_id}: field is read only")
        result.fields[field_id] = stored(found, value, switches)
    clear = sent.get("clear_fields") or {}
    if not isinstance(clear, dict) or not all(account.fields.find(one) for one in clear):
        raise BadPersonError("clear_fields names no field")
    result.clear = tuple(one for one, wanted in clear.items() if wanted is True)
    if options.by_id and result.person_id is None:
        raise BadPersonError(f"{PERSON_ID} is required")
    named_by_id = options.by_id and switches.address_with_id is AddressWithId.OPTIONAL
    if not named_by_id and all(result.fields.get(one) in (None, "", UNSET) for one in (EMAIL, EXTERNAL_ID)):
        raise BadPersonError("Email is required")
    return result


def _names(sent: dict[str, Any], key: str) -> tuple[str, ...]:
    names = sent.get(key) or []
    if not isinstance(names, list) or not all(isinstance(one, str) and one.strip() for one in names):
        raise BadPersonError(f"{key} must be an array of names")
    return tuple(dict.fromkeys(names))


def find(account: Account, switches: Switches, options: Options, sent: Sent, arrived: int) -> Person | None:
    """Return the person that a merge concerns; None if there is none.

    :param arrived: the account's count when the request arrived: people whom a request made that was under
        way at the same time may not be found.
    """
    if options.by_id:
        return account.contacts.get(sent.person_id or "")
    keys = [key for key in options.keys if sent.fields.get(key) not in (None, "", UNSET)]
    if options.find is Find.ALL:
        holders = [list(_holders(account, switches, options, key, sent)) for key in keys]
        found = [one for one in holders[0] if all(one in others for others in holders)] if keys else []
    else:
        found = [one for key in keys for one in _of_key(account, switches, options, key, sent)]
    if switches.same_person is SamePerson.TWO_RECORDS:
        found = [one for one in found if one.made_at < arrived]
    return found[0] if found else None


def _of_key(account: Account, switches: Switches, options: Options, key: str, sent: Sent) -> Iterator[Person]:
    first = options.keys[0]
    for person in _holders(account, switches, options, key, sent):
        if options.find is Find.ANY or key == first or not person.fields.get(first):
            yield person


def _holders(
    account: Account, switches: Switches, options: Options, key: str, sent: Sent
) -> Iterator[Person]:
    """Return the people who have the value of a key, first in its own field, then in the others named."""
    wanted = sent.fields.get(key)
    for field_id in (key, *options.also_in.get(key, ())):
        if field_id == EMAIL:
            yield from account.with_email(str(wanted), switches.email_case)
        else:
            yield from (one for one in account.contacts.values() if one.fields.get(field_id) == wanted)


def merge(
    account: Account, switches: Switches, options: Options, sent: Sent, person: Person | None
) -> tuple[Person, str]:
    """Make a person, or merge into the one that was found; return it and what was done.

    :raises SuppressedError: it would be a new one, and its address is suppressed.
    """
    email = sent.fields.get(EMAIL)
    if person is None and isinstance(email, str):
        compared = sent.fields.get(options.suppression_field or "")
        if isinstance(compared, str) and compared.lower() in account.suppressed:
            raise SuppressedError
        person = _from_the_archive(account, switches, email)
    if person is None:
        person = account.create(email if isinstance(email, str) else None)
        _write(account, person, sent, only_empty=False)
        _say(account, person, sent, may_mail=sent.fields.get(PERMISSION, True) is not False)
        account.set_field(person, SMS_PERMISSION, sent.fields.get(SMS_PERMISSION) is True)
        _tag(account, switches, person, sent)
        return person, "created"
    if options.strategy is Strategy.IGNORE:
        if switches.ignored_tags:
            account.changing(person)
            _tag(account, switches, person, sent)
        return person, "ignored"
    account.changing(person)
    if options.strategy is Strategy.OVERWRITE:
        for field_id in sent.clear:
            account.set_field(person, field_id, None)
    _write(account, person, sent, only_empty=options.strategy is Strategy.APPEND)
    _permit(account, switches, options, person, sent)
    _tag(account, switches, person, sent)
    account.happened("merged", person)
    return person, "merged"


def _from_the_archive(account: Account, switches: Switches, email: str) -> Person | None:
    if switches.archived is ArchivedPerson.RESTORED:
        for person in list(account.archive_of.values()):
            if person.email is not None and same_address(person.email, email, switches):
                account.restore(person.contact_id)
                return person
    return None


def _write(account: Account, person: Person, sent: Sent, *, only_empty: bool) -> None:
    for field_id, value in sent.fields.items():
        there = person.fields.get(field_id)
        if field_id == PERMISSION or (only_empty and there is not None):
            continue
        if value is UNSET:
            if not only_empty:
                account.set_field(person, field_id, None)
        elif isinstance(value, list):  # a multiple select gains values; only clearing it takes some away
            account.set_field(person, field_id, list(dict.fromkeys([*(there or []), *value])))
        else:
            account.set_field(person, field_id, value)


def _permit(account: Account, switches: Switches, options: Options, person: Person, sent: Sent) -> None:
    said = sent.fields.get(PERMISSION)
    if isinstance(said, bool):
        if options.strategy is Strategy.OVERWRITE:
            _say(account, person, sent, may_mail=said)
    elif switches.permission_omitted is PermissionOmitted.SUBSCRIBES:
        _say(account, person, sent, may_mail=True)


def _say(account: Account, person: Person, sent: Sent, *, may_mail: bool) -> None:
    """Subscribe or unsubscribe a person, for the reason that was sent, or for the usual one."""
    reason = sent.fields.get("str::s-ctx" if may_mail else "str::u-ctx")
    usual = "Subscribed via API" if may_mail else "Unsubscribed via API"
    account.permit(person, may_mail=may_mail, reason=reason if isinstance(reason, str) else usual)


def _tag(account: Account, switches: Switches, person: Person, sent: Sent) -> None:
    """Tag first or untag first: the order differs from one person to the next."""
    sets, unsets = [(one, True) for one in sent.tags], [(one, False) for one in sent.unset_tags]
    for title, is_set in sets + unsets if next(account.arrivals) % 2 else unsets + sets:
        tag = account.find_tag(title, switches.tag_case)
        if is_set:
            account.join(person, tag or account.make_tag(title))
        elif tag is not None:
            account.leave(person, tag)
