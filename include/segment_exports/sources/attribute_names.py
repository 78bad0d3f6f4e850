"""Attributes by the tenant's names, wherever a service writes them differently.

A definition says ``Loyalty Tier`` as the lake does; Dataverse calls the same column
``msdynci_loyaltytier``, and OData allows no blank in a name at all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from segment_exports.errors import SourceError
from segment_exports.records.profiles import CUSTOMER_ID, PREVIOUS_CUSTOMER_ID
from segment_exports.settings import bounds
from segment_exports.sieve.net import names_told
from segment_exports.sources import Attribute

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ESCAPED_CHARACTER = re.compile(r"_x[0-9a-fA-F]{4}_")
_NOT_LETTER_OR_DIGIT = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class ServiceAttribute:
    """A column as the service names it.

    :param name: the service's own name of the column.
    :param label: the tenant's own name, where the service tells it.
    :param select: what the service wants in ``$select`` and calls the value in its rows, where that is not
        the name (a lookup's ``_ownerid_value``).
    :param is_choice: the value is a number that stands for a label.
    :param instead: why the column can't be read, and what to take for it; empty where it can.
    """

    name: str
    data_type: str
    label: str = ""
    semantic_type: str | None = None
    select: str = ""
    is_choice: bool = False
    instead: str = ""

    @property
    def key(self) -> str:
        """Name of the value in ``$select`` and in the rows."""
        return self.select or self.name


class AttributeNames:
    """Finds a service's column for a tenant's attribute name."""

    def __init__(self, attributes: Iterable[ServiceAttribute], *, table: str, prefix: str = "") -> None:
        """Take in a table's columns.

        :raises SourceError: there are more than any table has.
        """
        self._table = table
        self._prefix = prefix
        found = list(islice(attributes, bounds.COLUMNS + 1))
        if len(found) > bounds.COLUMNS:
            raise SourceError(f"{table} has more than {bounds.COLUMNS:,} attributes, which no table has")
        self._attributes = {one.name: one for one in found}
        self._by_label: dict[str, list[str]] = defaultdict(list)
        self._by_form: dict[str, list[str]] = defaultdict(list)
        self._by_key = {one.key: one for one in self._attributes.values()}
        for one in self._attributes.values():
            self._by_label[one.label or one.name].append(one.name)
            for form in {self._form(one.name), self._form(one.label)} - {""}:
                self._by_form[form].append(one.name)

    def find(self, wanted: str) -> ServiceAttribute | None:
        """Return the column for a name: the very name, the very label, or the one form of both.

        :raises SourceError: several columns have that form; the text names them.
        """
        exact = self._attributes.get(wanted) or self._by_key.get(wanted)
        if exact is not None:
            return exact
        for candidates in (self._by_label.get(wanted, []), self._by_form.get(self._form(wanted), [])):
            if len(candidates) > 1:
                raise SourceError(
                    f"The attribute {wanted!r} may be any of {names_told(candidates)} of "
                    f"{self._table}; write one of these names"
                )
            if candidates:
                return self._attributes[candidates[0]]
        return None

    def unknown(self, wanted: Sequence[str]) -> list[str]:
        """Return the names for which there is no column; ``PreviousCustomerId`` may lack one.

        :raises SourceError: several columns fit a name.
        """
        return [name for name in wanted if self.find(name) is None and name != PREVIOUS_CUSTOMER_ID]

    def resolve(self, wanted: Sequence[str]) -> dict[str, ServiceAttribute]:
        """Return the column for each name; ``PreviousCustomerId`` is left out where there is none.

        :raises SourceError: unknown attributes; the text says which exist.
        """
        if unknown := self.unknown(wanted):
            raise SourceError(
                f"{self._table} has no attribute {', '.join(map(repr, unknown))}; it has: {self.known()}"
            )
        found = {name: self.find(name) for name in wanted}
        if unread := [f"{name!r} {one.instead}" for name, one in found.items() if one and one.instead]:
            raise SourceError(f"{self._table}: the attribute {'; '.join(unread)}")
        return {name: one for name, one in found.items() if one is not None}

    def known(self) -> str:
        """Return the names that exist, for a message."""
        return names_told(one.name for one in self.announced())

    def announced(self) -> tuple[Attribute, ...]:
        """Return what can be read, under the tenant's names as far as the service tells them."""
        return tuple(
            Attribute(self._public_name(one), one.data_type, one.semantic_type)
            for one in self._attributes.values()
            if not one.instead
        )

    def _public_name(self, one: ServiceAttribute) -> str:
        if self._form(one.name) == self._form(CUSTOMER_ID):
            return CUSTOMER_ID
        if one.label and self._form(one.label) == self._form(one.name):
            return one.label
        return one.name.removeprefix(self._prefix)

    def _form(self, name: str) -> str:
        """Return a name's letters and digits in lower case, without the service's prefix."""
        plain = _ESCAPED_CHARACTER.sub("", name.removeprefix(self._prefix))
        return _NOT_LETTER_OR_DIGIT.sub("", plain).casefold()
