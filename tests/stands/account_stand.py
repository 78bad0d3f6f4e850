"""What the suites ask of a destination's account, in words that hold for every destination.

A stand is one emulated account with hands and eyes: its connection and the part of a definition that it
needs, what staff do there, whom it holds, what was sent to it, and where a fault may strike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import pytest


JOINS_IN_UPSERTS = ("bulk", "auto", "field", "tag")
"""Ways of membership in which an upsert carries a join."""


class Place(StrEnum):
    """Kinds of requests of a delivery, at which a fault may strike."""

    UPSERT = "upsert"
    JOIN = "join"
    LEAVE = "leave"
    """Where somebody is taken off a list who is a contact still."""
    LEAVE_APART = "leave apart"
    """Where a contact is taken off a list that nothing else is due for."""
    LOOK = "look"
    """Where a contact is looked at."""
    MEMBERS = "members"
    LISTS = "lists"
    """Where the account is asked for its lists."""
    MAKE_LIST = "make list"
    WRITES = "writes"
    """All that put something there."""
    DELIVERY = "delivery"
    """All of them."""


@dataclass(frozen=True)
class Person:
    """A contact as the account holds it, its fields by the names of a definition's mapping.

    ``custom`` has the flags of lists where membership is a field.
    """

    id: str
    email: str | None
    fields: Mapping[str, str]
    custom: Mapping[str, Any]
    unsubscribed: bool


@dataclass(frozen=True)
class Sent:
    """One thing that a request asked for: an upsert, join, leave or unsubscribe of an address.

    ``number`` is the request's in the log; ``answered`` says that it was answered well and without a fault.
    """

    what: str
    email: str
    title: str | None
    number: int
    answered: bool


class AccountStand(ABC):
    """One emulated account. Ways of keeping membership are told by name; ``usual_way`` is where none is."""

    name: ClassVar[str]
    """Of the destination, as a definition writes it."""
    connection_id: ClassVar[str]
    ways: ClassVar[tuple[str, ...]]
    usual_way: ClassVar[str]
    default_way: ClassVar[str]
    """Of a definition that says nothing of it."""

    makes_unsubscribed: ClassVar[bool]
    """Whether a contact that is made for somebody who unsubscribed as another is unsubscribed too."""
    leaves_in_updates: ClassVar[bool]
    """Whether who is updated by the usual way leaves in the same request, under the address."""
    permission_fields: ClassVar[frozenset[str]]
    """Names of fields that would subscribe somebody."""

    def __init__(self, emulator: Any) -> None:
        self.emulator = emulator

    # The connection, and the definition

    @property
    def url(self) -> str:
        """The base URL of its API."""
        return str(self.emulator.base_url)

    @property
    def key(self) -> str:
        """The key that is valid now."""
        return str(self.emulator.api_key)

    @abstractmethod
    def connection(self, rate: float, **extra: Any) -> dict[str, Any]:
        """Return an Airflow connection to the account, as JSON has it."""

    @abstractmethod
    def destination(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the section ``destination`` of a definition, without what this one has no key for."""

    @abstractmethod
    def keys_of(self, way: str, titles: Iterable[str], *, moves: bool) -> set[str]:
        """Return keys of contacts that may be sent besides the mapped ones; ``moves`` where addresses are."""

    @abstractmethod
    def told(self, name: str, value: str) -> list[str]:
        """Return the texts and numbers in a contact's JSON that stand for the value of a field."""

    # The account, and its staff

    def reset(self) -> None:
        """Empty it."""
        self.emulator.reset()

    @property
    def staff(self) -> Any:
        """Who does by hand what the log doesn't show."""
        return self.emulator.staff

    @abstractmethod
    def add_list(self, title: str) -> str:
        """Make a list by hand and return its id."""

    @abstractmethod
    def delete_list(self, list_id: str) -> None:
        """Delete a list by hand."""

    @abstractmethod
    def put_on(self, title: str, email: str, way: str) -> bool:
        """Put a contact on a list by hand; tell whether there was one to put it on."""

    @abstractmethod
    def take_off(self, title: str, email: str, way: str) -> bool:
        """Take a contact off a list by hand; tell whether there was one to take it off."""

    # What the account does with what it is sent

    @abstractmethod
    def join_in_upserts(self) -> None:
        """Let upserts make contacts members, where the account can be one that does not."""

    @abstractmethod
    def refuse_taken_addresses(self) -> None:
        """Refuse to give a contact the address of another, where the account can be one that does not."""

    @abstractmethod
    def vary(self, number: int) -> str:
        """Make it one of the accounts (from 0) that it may be, and return the way of membership to use."""

    @abstractmethod
    def refuse(self, emails: Collection[str], *, batch: bool = False) -> None:
        """Refuse these addresses; with ``batch``, everybody who is sent together with one."""

    @property
    def refused(self) -> frozenset[str]:
        """The addresses that it refuses, because it was told to."""
        return frozenset(self.emulator.switches.bad_emails)

    @abstractmethod
    def shorten_waits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let no time pass that a destination of its kind is waited for."""

    @abstractmethod
    def send_few_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let few contacts be in one request, where all of a test's would be in one or two."""

    # Whom it holds

    @abstractmethod
    def people(self) -> list[Person]:
        """Return all contacts."""

    @abstractmethod
    def person(self, address_or_id: str) -> Person | None:
        """Return a contact."""

    def names(self) -> dict[str, str]:
        """Return the first names of all contacts by address."""
        return {one.email: one.fields.get("FirstName", "") for one in self.people() if one.email}

    def addresses(self) -> set[str]:
        """Return the addresses of all contacts."""
        return {one.email for one in self.people() if one.email}

    def unsubscribed(self) -> set[str]:
        """Return the addresses of those who are unsubscribed."""
        return {one.email for one in self.people() if one.email and one.unsubscribed}

    @abstractmethod
    def members(self, title: str, way: str | None = None) -> set[str]:
        """Return the addresses on a list, as a way of membership keeps it; by default as members."""

    def listed(self, title: str) -> set[str]:
        """Return the addresses that are on a list, in whatever way."""
        return {str(one.email) for one in self.people() if title in self.lists_of(one.id)}

    @abstractmethod
    def lists_of(self, address_or_id: str) -> set[str]:
        """Return the titles of the lists that a contact is on, in whatever way."""

    def list_ids(self, title: str) -> list[str]:
        """Return the ids of the lists of a title."""
        return list(self.emulator.account.list_ids(title))

    # What was sent

    @abstractmethod
    def sent(self, since: int = 0) -> list[Sent]:
        """Return what the requests after that number asked for, in order."""

    @abstractmethod
    def writes(self, since: int = 0) -> list[Any]:
        """Return the log's entries of requests that change something, or try to."""

    @abstractmethod
    def keys_sent(self, since: int = 0) -> set[str]:
        """Return the keys of all contacts that were sent; those of custom fields as ``custom/<name>``."""

    # Faults

    @abstractmethod
    def at(self, place: Place, way: str | None = None) -> dict[str, str]:
        """Return what makes a fault strike there: its ``method`` and ``path``."""

    @abstractmethod
    def places(self) -> tuple[dict[str, Any], ...]:
        """Return one or a few requests of every kind that a delivery makes, for a fault each."""
