"""What an account must hold after refreshes: read from the CSV files with ``csv`` and ``dict``.

Nothing of the exporter is used here. What staff did to the account is told to it as well, and so are the
switches by which the emulated account treats what it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.stands.list_fields import field_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.faults.lake_folder import LakeFolder

STANDARD = ("FirstName", "LastName")
CUSTOM = {"string--Loyalty--Tier": "Tier", "integer--Points": "Points"}


@dataclass(frozen=True)
class Rules:
    """The part of an export's definition that decides, and what the account does with what it is sent.

    ``salutation`` is the attribute that is mapped to it, if one is.
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


@dataclass
class Contact:
    """A contact as the account holds it; ``made`` tells one from another under the same address."""

    made: int
    fields: dict[str, str] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    unsubscribed: bool = False


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


@dataclass
class Delivered:
    """What the exporter knows that it delivered under an address."""

    customer: str
    made: int = 0
    payload: dict[str, Any] | None = None
    lists: set[str] = field(default_factory=set)
    suppressed: bool = False


class ExpectedAccount:
    """The account that must come about, refresh by refresh."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.contacts: dict[str, Contact] = {}
        self.members: dict[str, set[str]] = {title: set() for title in rules.lists.values()}
        self.rejected: set[str] = set()
        self._delivered: dict[str, Delivered] = {}
        self._made = 0

    # What staff do

    def add_contact(self, email: str, **told: Any) -> None:
        self.contacts[email] = self._new()
        self.contacts[email].fields.update(told)

    def delete_contact(self, email: str) -> None:
        del self.contacts[email]
        for members in self.members.values():
            members.discard(email)

    def unsubscribe(self, email: str) -> None:
        self.contacts[email].unsubscribed = True

    def change_email(self, email: str, to: str) -> None:
        self.contacts[to] = self.contacts.pop(email)
        for members in self.members.values():
            if email in members:
                members.remove(email)
                members.add(to)

    def add_to_list(self, title: str, email: str) -> None:
        if self.rules.membership == "field":
            self.contacts[email].custom[field_name(title)] = True
        else:
            self.members[title].add(email)

    def remove_from_list(self, title: str, email: str) -> None:
        if self.rules.membership == "field":
            self.contacts[email].custom[field_name(title)] = False
        else:
            self.members[title].remove(email)

    # What a person asks for in the form

    def reconcile(self) -> None:
        """Believe in no membership that the account doesn't show."""
        for email, known in self._delivered.items():
            known.lists = {title for title in known.lists if self._is_shown(email, title)}

    def _is_shown(self, email: str, title: str) -> bool:
        if self.rules.membership == "field":
            return email in self.contacts and self.contacts[email].custom.get(field_name(title)) is True
        return email in self.members[title]

    def resync(self) -> None:
        """Take nothing for delivered: with the next refresh all is sent again."""
        for known in self._delivered.values():
            known.payload = None
            known.made = 0

    # What a refresh does

    def deliver(self, lake: LakeFolder, number: int) -> Reading:
        """Take over a refresh as if nothing ever went wrong."""
        reading = read_refresh(lake, number, self.rules.lists, self.rules.salutation)
        before = {email: known.customer for email, known in self._delivered.items()}
        for email, wanted in reading.contacts.items():
            earlier = [old for old, customer in before.items() if customer in wanted.ids and old != email]
            own_first = sorted(earlier, key=lambda old: before[old] != wanted.customer)
            self._take_in(email, wanted, own_first, reading)
        for email in self._delivered:
            self._part_with(email, reading)
        return reading

    def _take_in(self, email: str, wanted: Wanted, earlier: list[str], reading: Reading) -> None:
        if self.rules.refuses(email):
            self.rejected.add(email)
            return
        known = self._delivered.get(email) or Delivered(wanted.customer)
        if (
            known.customer not in wanted.ids | reading.invalid_customers
        ):  # the address passed to somebody else
            self._delivered[email] = known
            self._leave(email, known.lists - set(wanted.lists))
            known.suppressed = False
        if set(wanted.lists) - known.lists and not known.suppressed:
            known.suppressed = any(self._is_unsubscribed(old) for old in earlier)
            if self.rules.when_email_changes == "move" and not known.suppressed:
                free = [one for one in earlier if one not in {*reading.contacts, *reading.withheld}]
                for old in free[:1]:
                    known = self._move(old, email) or known
        joins = set() if known.suppressed else set(wanted.lists) - known.lists
        leaves = self._leaves_by_upsert(wanted, known)
        if known.payload != wanted.payload or joins or leaves:
            self._send(email, wanted, known)
            self.contacts[email].custom.update({field_name(title): False for title in leaves})
        known.customer = wanted.customer
        self._delivered[email] = known

    def _leaves_by_upsert(self, wanted: Wanted, known: Delivered) -> set[str]:
        """Where membership is a field, leaving a list makes a contact anew that was deleted."""
        removes = self.rules.membership == "field" and self.rules.when_member_leaves == "remove"
        return known.lists - set(wanted.lists) if removes else set()

    def _send(self, email: str, wanted: Wanted, known: Delivered) -> None:
        contact = self.contacts.setdefault(email, self._new())
        if known.made != contact.made:  # never seen, or made anew behind the exporter's back
            self._leave_elsewhere(known, wanted, contact)
            known.lists = set()
        self._merge(contact, wanted.payload)
        for title in [] if known.suppressed else wanted.lists:
            if title not in known.lists:
                self._join(email, title)
                known.lists.add(title)
        known.made, known.payload = contact.made, wanted.payload

    def _leave_elsewhere(self, known: Delivered, wanted: Wanted, now: Contact) -> None:
        """Take the contact that was delivered off the lists, where it lives under another address."""
        joins = set(wanted.lists) - known.lists
        for email, contact in self.contacts.items():
            if contact.made != known.made:
                continue
            for title in known.lists | joins:
                if self.rules.membership != "field":
                    self.members[title].discard(email)
                else:
                    contact.custom[field_name(title)] = False
            known.suppressed |= contact.unsubscribed
            if contact.unsubscribed and self.rules.membership == "field":
                now.custom.update({field_name(title): False for title in joins})

    def _is_unsubscribed(self, email: str) -> bool:
        return email in self.contacts and self.contacts[email].unsubscribed

    def _move(self, old: str, new: str) -> Delivered | None:
        """Give the contact its new address, unless another contact has it."""
        if old not in self.contacts or new in self.contacts:
            return None
        self.contacts[new] = self.contacts.pop(old)
        for members in self.members.values():
            if old in members:
                members.remove(old)
                members.add(new)
        return self._delivered.pop(old)

    def _part_with(self, email: str, reading: Reading) -> None:
        """Take an address off the lists on which it has no place any more."""
        known = self._delivered[email]
        if email in reading.contacts:
            if self.rules.when_member_leaves == "remove":
                self._leave(email, known.lists - set(reading.contacts[email].lists))
        elif email in reading.withheld or known.customer in reading.withdrawn:
            if self._leave(email, known.lists) and self.rules.when_permission_withdrawn == "unsubscribe":
                self.contacts[email].unsubscribed = True
        elif self._has_new_address(known, reading):
            self._leave(email, known.lists)
        elif known.customer not in reading.invalid_customers and self.rules.when_member_leaves == "remove":
            self._leave(email, set(known.lists))

    @staticmethod
    def _has_new_address(known: Delivered, reading: Reading) -> bool:
        return any(known.customer in wanted.ids for wanted in reading.contacts.values())

    def _leave(self, email: str, titles: set[str]) -> bool:
        """Take an address off some lists; tell whether there was something to do for a contact."""
        left = set(titles)
        self._delivered[email].lists -= left
        for title in left:
            if self.rules.membership == "list":
                self.members[title].discard(email)
            elif email in self.contacts:
                self.contacts[email].custom[field_name(title)] = False
        return bool(left) and email in self.contacts

    def _join(self, email: str, title: str) -> None:
        if self.rules.membership == "field":
            self.contacts[email].custom[field_name(title)] = True
        else:
            self.members[title].add(email)

    def _merge(self, contact: Contact, payload: dict[str, Any]) -> None:
        for name in (*STANDARD, "Salutation"):
            if name in payload and not (self.rules.keeps_names and contact.fields.get(name)):
                contact.fields[name] = payload[name]
        if not self.rules.drops_unknown_fields:
            contact.custom.update({name: payload[name] for name in CUSTOM if name in payload})

    def _new(self) -> Contact:
        self._made += 1
        return Contact(self._made)


def read_refresh(
    lake: LakeFolder, number: int, lists: Mapping[str, str], salutation: str | None = None
) -> Reading:
    """Read the files of a refresh and judge, merge and map their rows."""
    by_email: dict[str, list[tuple[int, dict[str, str]]]] = {}
    people: dict[str, set[str]] = {}
    reading = Reading({}, set(), set(), set())
    for place, segment in enumerate(lists):
        for row in lake.rows(number, segment):
            email = row["EMail"].strip().lower()
            is_address = "@" in email and "." in email.rpartition("@")[2] and " " not in email
            is_valid = is_address and _is_integer(row["Points"])
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
