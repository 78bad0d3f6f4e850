"""What decides over all contacts of a plan alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class Rules:
    """What decides over all ranges alike.

    :param titles: all list titles, those of the definition first; matrices have their columns.
    :param lists_of_segments: segment → title, for the segments that this run delivers.
    :param superseded: segments whose snapshot is older than the ledger's; their contacts wait.
    :param whole: per title: every segment of the list was read whole and is not superseded.
    :param remove_leavers: ``when_member_leaves: remove``.
    :param all_whole: every segment of the definition was read whole, so an address that isn't among
        the contacts is nobody's.
    :param unsubscribe_withdrawn: ``when_permission_withdrawn: unsubscribe``.
    :param move_addresses: ``when_email_changes: move``: the old contact is given the new address.
    :param send_all: treat nothing as delivered.
    :param only_known: the run hasn't seen all that speaks against an address: somebody is created or joins
        a list only if an earlier run, which has, delivered them.
    :param judges_all: the run has judged every row of every segment.
    :param refusals_known: whoever withdrew since is among the withheld; else only who is on a list still is
        known to be allowed.
    :param memberships_known: False when the ledger's memberships were kept in another way (list, field):
        they say nothing of those that this run keeps.
    :param retry_before: a payload refused at or after this time is not sent again unchanged.
    :param retry_suppressed: ask again whether someone who unsubscribed under an earlier address still
        is; whose old contact is gone by now would come back on our lists.
    """

    titles: tuple[str, ...]
    lists_of_segments: dict[str, str]
    superseded: tuple[str, ...]
    whole: npt.NDArray[np.bool_]
    remove_leavers: bool
    all_whole: bool
    unsubscribe_withdrawn: bool
    move_addresses: bool
    send_all: bool
    only_known: bool
    judges_all: bool
    refusals_known: bool
    memberships_known: bool
    retry_before: datetime | None
    retry_suppressed: bool

    @property
    def moves(self) -> bool:
        """Whether contacts are given new addresses: not where somebody unread may still have the old one."""
        return self.move_addresses and self.all_whole
