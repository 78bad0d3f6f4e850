"""A server that speaks Autopilot's REST API over a socket, with an account that can be looked into.

    with serve_autopilot(EmulatorConfig(switches=Switches(rate=None))) as emulator:
        ...                      # emulator.base_url, emulator.api_key
        emulator.switch(bad_contact=BadContact.REFUSES_BATCH)
        emulator.inject(Fault(kind=FaultKind.RESET, path="^/contacts$", skip=2, work_done=True))
        emulator.account.members("Win-back"), emulator.log.select("upsert_contacts")

``python -m segment_emulators.autopilot`` serves one as a process of its own, to be looked into over
``/_emulator`` (:class:`EmulatorControl`).
"""

from __future__ import annotations

from segment_emulators.account_api.access_log import AccessLog, Arrival
from segment_emulators.account_api.control_client import EmulatorControl
from segment_emulators.account_api.faults import Fault, FaultKind
from segment_emulators.autopilot.account import Account
from segment_emulators.autopilot.config import (
    AddressTaken,
    BadContact,
    EmptyValue,
    EmulatorConfig,
    ListOnUpsert,
    MapKeys,
    Names,
    SameTitle,
    Switches,
    UnknownCustomField,
    UnknownList,
)
from segment_emulators.autopilot.emulator import AutopilotEmulator
from segment_emulators.autopilot.served import serve_autopilot

__all__ = [
    "AccessLog",
    "Account",
    "AddressTaken",
    "Arrival",
    "AutopilotEmulator",
    "BadContact",
    "EmptyValue",
    "EmulatorConfig",
    "EmulatorControl",
    "Fault",
    "FaultKind",
    "ListOnUpsert",
    "MapKeys",
    "Names",
    "SameTitle",
    "Switches",
    "UnknownCustomField",
    "UnknownList",
    "serve_autopilot",
]
