"""How the emulator behaves where nobody knows how Ortto does: one switch per open question.

What is documented or was recorded has no switch; the emulator does it exactly. Defaults follow the
better evidence. Switches may be changed while the emulator runs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from segment_emulators.account_api.emulator import AccountConfig, AccountSwitches


class MixedPeople(StrEnum):
    """What a merge with good and bad people is answered."""

    ITEMS = "items"
    """200, each with an item at its place."""
    REFUSED_NAMING_ALL = "refused_naming_all"
    """400, nothing is done, ``details`` has an item for everybody."""
    REFUSED_NAMING_BAD = "refused_naming_bad"
    """400, nothing is done, ``details`` has items of the bad only."""


class Order(StrEnum):
    """The order of a merge's items."""

    AS_SENT = "as_sent"
    OTHER = "other"


class SkippedPerson(StrEnum):
    """How ``skip_non_existing`` tells of a person who isn't there."""

    ITEM = "item"
    """By an item with a word of its own."""
    NO_ITEM = "no_item"
    REFUSED_IF_NOBODY = "refused_if_nobody"
    """By no item; 400 if nobody of the request is there."""


class IgnoredPerson(StrEnum):
    """How strategy 3 tells of a person who is there."""

    MERGED = "merged"
    OTHER_WORD = "other_word"
    NO_ITEM = "no_item"


class PermissionOmitted(StrEnum):
    """What a merge without ``bol::p`` does to a person who is known and unsubscribed."""

    KEPT = "kept"
    SUBSCRIBES = "subscribes"


class AsyncAnswer(StrEnum):
    """What a merge with ``async`` is answered. It is always 200, and the work is done at once."""

    QUEUED = "queued"
    EMPTY = "empty"
    IDS = "ids"


class Case(StrEnum):
    """Whether two spellings that differ by case are one."""

    FOLDED = "folded"
    EXACT = "exact"


class BadRequests(StrEnum):
    """Which requests count towards a ban. Those with a bad key always do, a 429 never does."""

    ALL_4XX = "all_4xx"
    MALFORMED = "malformed"
    """Those that can't be read, have no such path, or lack what they need."""


class BanAnswer(StrEnum):
    """What a banned address gets, from what stands before the API."""

    THROTTLED = "throttled"
    """A page with 429."""
    FORBIDDEN = "forbidden"
    """A page with 403."""
    RESET = "reset"


class TooLarge(StrEnum):
    """What a body beyond ``body_limit`` gets."""

    TOO_LARGE = "413"
    BAD_REQUEST = "400"
    RESET = "reset"


class LongText(StrEnum):
    """What is done with a text beyond the limit of its field."""

    REFUSED = "refused"
    CUT = "cut"
    TAKEN = "taken"


class ArchivedPerson(StrEnum):
    """What becomes of a person who is archived and is merged again."""

    NEW_RECORD = "new_record"
    RESTORED = "restored"


class SamePerson(StrEnum):
    """What becomes of a new person who is twice in one request, or in two that overlap."""

    ONE = "one"
    TWO_RECORDS = "two_records"


class ManyMerges(StrEnum):
    """What a merge by key gets beyond ``merges_at_once`` that are under way."""

    TAKEN = "taken"
    THROTTLED = "throttled"
    ERROR = "error"


class OverLimit(StrEnum):
    """What a merge that would exceed ``contact_limit`` does before it is answered 507."""

    NOTHING = "nothing"
    SOME = "some"
    """Known people are merged, and the new ones for whom there is room are made."""


class EmptyText(StrEnum):
    """What ``""`` does."""

    STORED = "stored"
    CLEARS = "clears"


class AddressWithId(StrEnum):
    """Whether a merge by ``str::person_id`` needs an address too."""

    OPTIONAL = "optional"
    NEEDED = "needed"


class UnknownOption(StrEnum):
    """What is done with a value that a select doesn't have."""

    REFUSED = "refused"
    TAKEN = "taken"


class Paging(StrEnum):
    """What the pages of a listing are cut from."""

    SNAPSHOT = "snapshot"
    """The people who were found when its first page was read."""
    LIVE = "live"
    """Those who would be found now."""


class AccountState(StrEnum):
    """Why the account's key may not be used, though it is the right one."""

    ACTIVE = "active"
    EXPIRED = "expired"
    MAKER_LEFT = "maker_left"


class Switches(AccountSwitches):
    """Everything that may be changed at run time."""

    rate: int | None = Field(default=10, ge=1)
    """More arrivals than this in any rolling second are answered 429, and more than 2,000 in ten or 6,000 in
    sixty from one network address; None is no limit of either kind."""
    rate_per_minute: int | None = Field(default=None, ge=1)
    """The same in any rolling 60 seconds."""
    try_in_seconds: int | None = None
    """What a 429 says of the wait; None is the truth, rounded up."""
    people_limit: int = Field(default=100, ge=1)
    """People in one merge."""
    body_limit: int = Field(default=2_000_000, ge=1)
    """Bytes of a body."""
    contact_limit: int | None = Field(default=None, ge=0)
    """People that the account may hold; None is no limit."""
    field_limit: int = Field(default=100, ge=0)
    """Custom fields that it may have."""

    ban_after: int | None = Field(default=15, ge=1)
    """So many bad requests from one address within ``ban_window`` ban it; None never does."""
    ban_window: float = Field(default=15.0, gt=0.0)
    """Seconds."""
    ban_seconds: float = Field(default=15.0, gt=0.0)
    bad_requests: BadRequests = BadRequests.ALL_4XX
    ban_answer: BanAnswer = BanAnswer.FORBIDDEN

    mixed: MixedPeople = MixedPeople.ITEMS
    order: Order = Order.AS_SENT
    skipped: SkippedPerson = SkippedPerson.ITEM
    ignored: IgnoredPerson = IgnoredPerson.MERGED
    ignored_tags: bool = False
    """Whether strategy 3 tags and untags people who are there."""
    permission_omitted: PermissionOmitted = PermissionOmitted.KEPT
    async_answer: AsyncAnswer = AsyncAnswer.QUEUED
    tag_case: Case = Case.EXACT
    existing_field: Literal[400, 409, 423] = 423
    """Status where a custom field of this name is there."""
    full_fields: Literal[400, 409, 507] = 400
    """Status where the account has all the custom fields it may have."""
    too_large: TooLarge = TooLarge.TOO_LARGE
    long_text: LongText = LongText.REFUSED
    email_case: Case = Case.FOLDED
    archived: ArchivedPerson = ArchivedPerson.NEW_RECORD
    same_person: SamePerson = SamePerson.ONE
    many_merges: ManyMerges = ManyMerges.TAKEN
    merges_at_once: int = Field(default=4, ge=1)
    over_limit: OverLimit = OverLimit.NOTHING
    seen_after: float = Field(default=0.0, ge=0.0)
    """Seconds until a listing sees a change."""
    seen_by_id_after: float = Field(default=0.0, ge=0.0)
    """Seconds until reading by id sees a change."""
    paging: Paging = Paging.SNAPSHOT
    empty_text: EmptyText = EmptyText.STORED
    address_with_id: AddressWithId = AddressWithId.OPTIONAL
    unknown_option: UnknownOption = UnknownOption.REFUSED

    state: AccountState = AccountState.ACTIVE
    wrong_region: Literal[401, 404] | None = None
    """Answers as if the key's account lived in another region, with this status."""


class EmulatorConfig(AccountConfig):
    """What an emulator starts with."""

    api_key: str = Field(default="PRV-emulated-0123456789abcdef", min_length=1, repr=False)
    instance: str = "emulated"
    """The account's name, which errors begin with."""
    switches: Switches = Switches()
    merge_by: tuple[str, ...] = ("str::email",)
    """The key's own setting, for merges that don't say."""
    custom_fields: tuple[str, ...] = ()
    """Custom fields that the account has: a name (of a text), ``type/name``, or ``type/name/value/…``."""
