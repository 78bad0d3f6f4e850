"""What a refresh asks for: its CSV files read with ``csv`` and ``dict``, and with nothing of the exporter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.faults.lake_folder import LakeFolder

STANDARD = ("FirstName", "LastName")
CUSTOM = {"string--Loyalty--Tier": "Tier", "integer--Points": "Points"}


@dataclass(frozen=True)
class Rules:
    """The part of an export's definition that decides, and what the account does with what it is sent.

    ``salutation`` is the attribute that is mapped to it, if one is. ``makes_unsubscribed``: a contact that is
    made for somebody who unsubscribed as another is unsubscribed too. A profile with a longer text than
    ``longest_text`` is invalid.
    """

    lists: Mapping[str, str]
    when_member_leaves: str = "remove"
    when_permission_withdrawn: str = "remove"
    when_email_changes: str = "add"
    membership: str = "list"
    keeps_names: bool = False
    drops_unknown_fields: bool = False
    refuses: Callable[[str], bool] = lambda email: email.endswith("@bad.example.com")
    salutation: str | None = None
    makes_unsubscribed: bool = False
    longest_text: int | None = None


@dataclass
class Wanted:
    """A contact of a refresh, by its address; ``ids`` are of everybody who has it, under all their ids."""

    customer: str
    ids: set[str]
    payload: dict[str, Any]
    lists: list[str]


@dataclass
class Reading:
    """What a refresh asks for: contacts by address, addresses that are withheld, and customers that withdrew.

    An invalid profile of somebody else says nothing of its customer.
    """

    contacts: dict[str, Wanted]
    withheld: set[str]
    withdrawn: set[str]
    invalid_customers: set[str]


def read_refresh(lake: LakeFolder, number: int, rules: Rules) -> Reading:
    """Read the files of a refresh and judge, merge and map their rows."""
    lists, salutation = rules.lists, rules.salutation
    by_email: dict[str, list[tuple[int, dict[str, str]]]] = {}
    people: dict[str, set[str]] = {}
    reading = Reading({}, set(), set(), set())
    for place, segment in enumerate(lists):
        for row in lake.rows(number, segment):
            email = row["EMail"].strip().lower()
            is_address = "@" in email and "." in email.rpartition("@")[2] and " " not in email
            is_valid = is_address and _is_integer(row["Points"]) and _fits(row, rules.longest_text)
            if row["Subscriber"] != "Yes":
                reading.withdrawn.add(row["CustomerId"])
                reading.withheld |= {email} if is_address else set()
            if is_valid or (is_address and row["Subscriber"] != "Yes"):
                people.setdefault(email, set()).update(_ids(row))
            if is_valid:
                by_email.setdefault(email, []).append((place, row))
            else:
                reading.invalid_customers.add(row["CustomerId"])
    for email in reading.withheld:
        reading.withdrawn |= people[email]
    names = list(lists)
    for email, rows in by_email.items():
        rows.sort(key=lambda one: (one[0], one[1]["CustomerId"]))
        winner = rows[0][1]
        if email not in reading.withheld:
            titles = dict.fromkeys(lists[names[place]] for place, _ in rows)
            payload = _payload(winner, salutation)
            reading.contacts[email] = Wanted(winner["CustomerId"], people[email], payload, list(titles))
    return reading


def _fits(row: dict[str, str], most: int | None) -> bool:
    return most is None or all(len(row[name]) <= most for name in (*STANDARD, *CUSTOM.values()))


def _ids(row: dict[str, str]) -> set[str]:
    previous = {part.strip() for part in row["PreviousCustomerId"].split(";")}
    return {row["CustomerId"], *previous} - {""}


def _payload(row: dict[str, str], salutation: str | None) -> dict[str, Any]:
    payload: dict[str, Any] = {name: row[name] for name in STANDARD if row[name].strip()}
    if salutation and row[salutation].strip():
        payload["Salutation"] = row[salutation]
    if row["Tier"].strip():
        payload["string--Loyalty--Tier"] = row["Tier"]
    if row["Points"].strip():
        payload["integer--Points"] = int(row["Points"])
    return payload


def _is_integer(text: str) -> bool:
    return not text.strip() or text.strip().lstrip("+-").isdigit()
