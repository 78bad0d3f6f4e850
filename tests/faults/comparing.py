"""Compare an emulated account with the expected one, contact by contact and list by list."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.faults.refresh_reading import CUSTOM, STANDARD
from tests.stands.list_fields import FLAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.faults.expected_account import ExpectedAccount
    from tests.faults.refresh_reading import Reading
    from tests.stands.account_stand import AccountStand

MAPPED = {"Email", "custom", *STANDARD, *(f"custom/{name}" for name in CUSTOM)}
"""All that a contact's JSON may hold."""


def differences(stand: AccountStand, expected: ExpectedAccount) -> list[str]:
    """Return every difference, one line each; empty if the account is what it must be."""
    found = []
    people = stand.people()
    there = {str(contact.email): contact for contact in people}
    if len(there) != len(people):
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
                ("custom fields", _shown(contact.custom), _shown(wanted.custom)),
                ("unsubscribed", contact.unsubscribed, wanted.unsubscribed),
            ]
            found += [f"{email}: {what} {is_} != {must}" for what, is_, must in pairs if is_ != must]
    for title, members in expected.members.items():
        ids = stand.list_ids(title)
        if len(ids) > 1:
            found.append(f"list {title} stands {len(ids)} times")
        is_there = stand.members(title)
        found += [f"{email} is missing on {title}" for email in sorted(members - is_there)]
        found += [f"{email} should not be on {title}" for email in sorted(is_there - members)]
    return found


def _shown(custom: Mapping[str, Any]) -> dict[str, Any]:
    """Return custom fields without membership flags that are false.

    Who never joined a list has no flag and who left it has a false one; which of the two somebody has who was
    to join, but unsubscribed, depends on where the delivery was cut off. Neither is on the list.
    """
    return {name: value for name, value in custom.items() if not (name.startswith(FLAG) and value is False)}


def sent_to_withheld(
    stand: AccountStand, reading: Reading, since: int, *, leaving_is_an_upsert: bool
) -> set[str]:
    """Return withheld addresses that something was sent to, other than taking them off a list."""
    leaving = {"leave", "unsubscribe"} | ({"upsert"} if leaving_is_an_upsert else set())
    return {one.email for one in stand.sent(since) if one.what not in leaving} & set(reading.withheld)


def sent_again(stand: AccountStand, since: int) -> dict[tuple[str, str, str | None], int]:
    """Return what was answered well more than once, by (address, what, list), with the count."""
    counts = Counter((one.email, one.what, one.title) for one in stand.sent(since) if one.answered)
    return {key: count for key, count in counts.items() if count > 1}
