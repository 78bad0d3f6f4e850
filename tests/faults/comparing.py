"""Compare an emulated account with the expected one, contact by contact and list by list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.faults.expected_account import CUSTOM, FLAG, STANDARD, field_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.faults.expected_account import ExpectedAccount, Reading

    from segment_emulators.autopilot import AutopilotEmulator

MAPPED = {"Email", "custom", *STANDARD, *(f"custom/{name}" for name in CUSTOM)}
"""All that a contact's JSON may hold."""


def differences(emulator: AutopilotEmulator, expected: ExpectedAccount) -> list[str]:
    """Return every difference, one line each; empty if the account is what it must be."""
    found = []
    account = emulator.account
    with account.lock:
        there = {contact.email: contact for contact in account.contacts.values()}
        if len(there) != len(account.contacts):
            found.append("two contacts have one address")
        for email in sorted(set(there) | set(expected.contacts)):
            if email not in expected.contacts:
                found.append(f"{email} should not be there")
            elif email not in there:
                found.append(f"{email} is missing")
            else:
                contact, wanted = there[email], expected.contacts[email]
                pairs: list[tuple[str, Any, Any]] = [
                    ("fields", contact.fields, wanted.fields),
                    ("custom fields", _shown(contact.custom or {}), _shown(wanted.custom)),
                    ("unsubscribed", bool(contact.unsubscribed), wanted.unsubscribed),
                ]
                found += [f"{email}: {what} {is_} != {must}" for what, is_, must in pairs if is_ != must]
    for title, members in expected.members.items():
        ids = account.list_ids(title)
        if len(ids) > 1:
            found.append(f"list {title} stands {len(ids)} times")
        is_there = account.members(title)
        found += [f"{email} is missing on {title}" for email in sorted(members - is_there)]
        found += [f"{email} should not be on {title}" for email in sorted(is_there - members)]
    return found


def _shown(custom: Mapping[str, Any]) -> dict[str, Any]:
    """Return custom fields without membership flags that are false.

    Who never joined a list has no flag and who left it has a false one; which of the two somebody has who was
    to join, but unsubscribed, depends on where the delivery was cut off. Neither is on the list.
    """
    return {name: value for name, value in custom.items() if not (name.startswith(FLAG) and value is False)}


def sent_outside(emulator: AutopilotEmulator, *also: str, since: int = 0) -> set[str]:
    """Return keys of contacts that were sent although they are neither mapped nor allowed in ``also``."""
    keys = {
        key
        for entry in emulator.log.select("upsert_contacts", "upsert_contact", since=since)
        for key in entry.body_keys
    }
    return keys - MAPPED - set(also)


def membership_fields(titles: Iterable[str]) -> set[str]:
    """Return the fields that membership ``field`` adds to a contact's JSON."""
    return {f"custom/{field_name(title)}" for title in titles}


def sent_to_withheld(
    emulator: AutopilotEmulator, reading: Reading, since: int, *, leaving_is_an_upsert: bool
) -> set[str]:
    """Return withheld addresses that something was sent to, other than taking them off a list."""
    leaving = {"leave_list", "unsubscribe_contact"} | ({"upsert_contacts"} if leaving_is_an_upsert else set())
    named = {
        email
        for entry in emulator.log.writes(since)
        if entry.endpoint not in leaving
        for email in entry.emails
    }
    return named & set(reading.withheld)


def sent_again(emulator: AutopilotEmulator, since: int) -> dict[tuple[str, str], int]:
    """Return what was answered 200 (without a fault) more than once, by (address, what), with the count."""
    counts: dict[tuple[str, str], int] = {}
    for entry in emulator.log.writes(since):
        if entry.status != 200 or entry.fault is not None:
            continue
        for email in entry.emails:
            key = (email, f"{entry.method} {entry.lists[0]}" if entry.lists else "upsert")
            counts[key] = counts.get(key, 0) + 1
    return {key: count for key, count in counts.items() if count > 1}
