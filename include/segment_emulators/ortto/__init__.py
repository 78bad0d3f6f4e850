"""A server that speaks Ortto's REST API over a socket, with an account that can be looked into.

    with serve_ortto(EmulatorConfig(switches=Switches(rate=None))) as emulator:
        ...                      # emulator.base_url, emulator.api_key
        emulator.switch(mixed=MixedPeople.REFUSED_NAMING_ALL)
        emulator.inject(Fault(kind=FaultKind.RESET, path="^/person/merge$", skip=2, work_done=True))
        emulator.account.members("Win-back"), emulator.log.select("merge_people"), emulator.bans

``python -m segment_emulators.ortto`` serves one as a process of its own, to be looked into over
``/_emulator`` (:class:`EmulatorControl`).
"""

from __future__ import annotations

from segment_emulators.account_api.access_log import AccessLog, Arrival
from segment_emulators.account_api.control_client import EmulatorControl
from segment_emulators.account_api.faults import Fault, FaultKind
from segment_emulators.ortto.account import Account
from segment_emulators.ortto.bans import Ban
from segment_emulators.ortto.config import (
    AccountState,
    AddressWithId,
    ArchivedPerson,
    AsyncAnswer,
    BadRequests,
    BanAnswer,
    Case,
    EmptyText,
    EmulatorConfig,
    IgnoredPerson,
    LongText,
    ManyMerges,
    MixedPeople,
    Order,
    OverLimit,
    Paging,
    PermissionOmitted,
    SamePerson,
    SkippedPerson,
    Switches,
    TooLarge,
    UnknownOption,
)
from segment_emulators.ortto.emulator import OrttoEmulator
from segment_emulators.ortto.served import serve_ortto

__all__ = [
    "AccessLog",
    "Account",
    "AccountState",
    "AddressWithId",
    "ArchivedPerson",
    "Arrival",
    "AsyncAnswer",
    "BadRequests",
    "Ban",
    "BanAnswer",
    "Case",
    "EmptyText",
    "EmulatorConfig",
    "EmulatorControl",
    "Fault",
    "FaultKind",
    "IgnoredPerson",
    "LongText",
    "ManyMerges",
    "MixedPeople",
    "Order",
    "OrttoEmulator",
    "OverLimit",
    "Paging",
    "PermissionOmitted",
    "SamePerson",
    "SkippedPerson",
    "Switches",
    "TooLarge",
    "UnknownOption",
    "serve_ortto",
]
