"""What an account must hold after refreshes: read from the CSV files with ``csv`` and ``dict``.

Nothing of the exporter is used here. What staff did to the account is told to it as well, and so are the
switches by which the emulated account treats what it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.faults.refresh_reading import CUSTOM, STANDARD, Reading, Rules, Wanted, read_refresh
from tests.stands.list_fields import field_name

if TYPE_CHECKING:
    from tests.faults.lake_folder import LakeFolder


@dataclass
class Contact:
    """A contact as the account holds it; ``made`` tells one from another under the same address."""

    made: int
    fields: dict[str, str] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    unsubscribed: bool = False


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
        self._archived: dict[str, Contact] = {}
        self._made = 0

    # What staff do

    def add_contact(self, email: str, **told: Any) -> None:
        self.contacts[email] = self._new()
        self.contacts[email].fields.update(told)

    def delete_contact(self, email: str) -> None:
        del self.contacts[email]
        for members in self.members.values():
            members.discard(email)

    def archive(self, email: str) -> None:
        self._archived[email] = self.contacts[email]
        self.delete_contact(email)

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
        reading = read_refresh(lake, number, self.rules)
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
        before = self._made
        contact = self.contacts.setdefault(email, self._new())
        if known.made != contact.made:  # never seen, or made anew behind the exporter's back
            self._leave_elsewhere(known, wanted, contact)
            known.lists = set()
        if contact.made > before and self.rules.makes_unsubscribed:
            archived = self._archived.get(email)
            contact.unsubscribed = known.suppressed or bool(archived and archived.unsubscribed)
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
