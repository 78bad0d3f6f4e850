"""What a definition takes for itself: its name, lists and contact fields of its account.

Two definitions clash where they have a claim of one key and different values. What only one export may have
has the file's own name for its value; a contact field may be filled by many, from one attribute.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from segment_exports.contact_fields.fields import name_of
from segment_exports.definition.destination_settings import Membership
from segment_exports.definition.segment_targets import folded_title

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from segment_exports.definition.model import ExportDefinition


class Kind(StrEnum):
    """What is claimed."""

    NAME = "the name"
    LIST = "the list"
    LIST_ID = "the list by its list_id"
    TAG = "the tag"
    FIELD = "the contact field"
    MEMBERSHIP_FIELD = "the custom field of the list"
    USE_OF_FIELD = "the use of the custom field"


@dataclass(frozen=True)
class Claim:
    """One claim: ``subject`` is the list's title, or the contact field as the definition writes it.

    ``list`` is the title of the list that the subject stands for, if it does.
    """

    kind: Kind
    account: str
    key: str
    value: Hashable
    subject: str
    list: str | None = None

    @property
    def place(self) -> tuple[Kind, str, str]:
        """What two claims have in common that may clash."""
        return (self.kind, self.account, self.key)


def name_claim(stem: str, owner: str) -> Claim:
    """Return the claim to the name of an export, which every file makes, also a broken one."""
    return Claim(Kind.NAME, "", stem, owner, stem)


def claims_of(definition: ExportDefinition, owner: str) -> Iterator[Claim]:
    """Give all that a definition claims at its account, lists first.

    :param owner: name of its file.
    """
    account = definition.destination.connection
    for target in definition.lists:
        yield Claim(Kind.LIST, account, target.title, owner, target.title, target.title)
        if target.list_id:
            yield Claim(Kind.LIST_ID, account, target.list_id, owner, target.title, target.title)
        if definition.destination.membership is Membership.TAG:
            yield Claim(Kind.TAG, account, folded_title(target.title), owner, target.title, target.title)
    for key, field in definition.fields_there.items():
        yield Claim(Kind.FIELD, account, key, (field.target, field.attribute), field.target)
    for field_name, title in definition.membership_fields.items():
        yield Claim(Kind.MEMBERSHIP_FIELD, account, field_name, title, field_name, title)
        yield Claim(Kind.USE_OF_FIELD, account, name_of(field_name), "members", field_name, title)
    for custom in definition.mapping.custom:
        yield Claim(Kind.USE_OF_FIELD, account, name_of(custom), "mapped", custom)


def claims_to(account: str, title: str, list_id: str, owner: str) -> Iterator[Claim]:
    """Give the claims to a list that a file's runs have filled, where nobody knows what the file says."""
    yield Claim(Kind.LIST, account, title, owner, title, title)
    yield Claim(Kind.TAG, account, folded_title(title), owner, title, title)
    if list_id:
        yield Claim(Kind.LIST_ID, account, list_id, owner, title, title)


def told(mine: Claim, theirs: Claim, other: str) -> tuple[str, str]:
    """Return how two claims of one place clash, and what to do about it in the file of the first.

    :param other: name of the other file.
    """
    account, subject = mine.account, mine.subject
    if mine.kind is Kind.NAME:
        to_do = "rename this file and the name in it, or take one of the two away"
        return f"{other} has the same name", to_do
    if mine.kind is Kind.FIELD:
        return _same_field(mine, theirs, other)
    if mine.kind is Kind.USE_OF_FIELD:
        return _two_uses(mine, theirs, other)
    what, do = {
        Kind.LIST: (f"the list {subject} of {account} is also written by {other}", "write another list here"),
        Kind.LIST_ID: (
            f"the list {subject} of {account} is, by its list_id, also written by {other}",
            "write another list here",
        ),
        Kind.TAG: (
            f"the lists {subject} and {theirs.subject} of {account}, here and in {other}, differ by case or "
            "blanks only, and both may be one tag",
            "give the list another title here",
        ),
        Kind.MEMBERSHIP_FIELD: (
            f"the lists {mine.list} and {theirs.list} of {account}, here and in {other}, have one custom "
            f"field, {subject}",
            "give the list another title here",
        ),
    }[mine.kind]
    return what, do


def _same_field(mine: Claim, theirs: Claim, other: str) -> tuple[str, str]:
    if mine.subject != theirs.subject:
        return (
            f"{mine.subject} and {theirs.subject}, here and in {other}, are one contact field of "
            f"{mine.account}",
            "write it as the other file does, or give it another name here",
        )
    return (
        f"the contact field {mine.subject} of {mine.account} is filled from another attribute in {other}",
        "fill it from the same attribute here",
    )


def _two_uses(mine: Claim, theirs: Claim, other: str) -> tuple[str, str]:
    if mine.list:
        return (
            f"the custom field {theirs.subject} of {mine.account}, which holds here who is on the list "
            f"{mine.list}, is filled by the mapping in {other}",
            "give the list another title here",
        )
    return (
        f"the custom field {mine.subject} of {mine.account} holds who is on the list {theirs.list} of "
        f"{other}",
        "map another field here",
    )
