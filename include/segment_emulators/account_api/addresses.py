"""Which addresses an account takes, by its switches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segment_emulators.account_api.emulator import AccountSwitches

_ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def is_bad_address(switches: AccountSwitches, address: Any) -> bool:
    """Tell whether an address is bad, by its shape or because the switches say so."""
    if not isinstance(address, str):
        return True
    stored = address.strip().lower()
    if switches.bad_syntax and not _ADDRESS.fullmatch(stored):
        return True
    return stored in switches.bad_emails or stored.rpartition("@")[2] in switches.bad_domains
