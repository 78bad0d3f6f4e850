"""Every fault of the emulator, as it strikes single requests or a whole stretch of a delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.stands.account_stand import Place

from segment_emulators.autopilot import Fault, FaultKind

if TYPE_CHECKING:
    from tests.stands.account_stand import AccountStand

PATIENCE = 0.3
"""Seconds that a client waits for an answer where :data:`TOO_LATE` strikes."""

_BEYOND = 0.4

KINDS: dict[str, dict[str, Any]] = {
    "latency": {"kind": FaultKind.LATENCY, "seconds": 0.2},
    "done after the client gave up": {"kind": FaultKind.LATENCY, "seconds": _BEYOND},
    "done, but answered too late": {"kind": FaultKind.DELAYED_ANSWER, "seconds": _BEYOND},
    "429": {"kind": FaultKind.THROTTLED},
    "500 before the work": {"kind": FaultKind.ERROR},
    "500 after the work": {"kind": FaultKind.ERROR, "work_done": True},
    "503": {"kind": FaultKind.ERROR, "status": 503},
    "408": {"kind": FaultKind.ERROR, "status": 408, "work_done": True},
    "reset before the work": {"kind": FaultKind.RESET},
    "reset after the work": {"kind": FaultKind.RESET, "work_done": True},
    "cut body": {"kind": FaultKind.CUT_BODY},
    "truncated JSON": {"kind": FaultKind.TRUNCATED_JSON},
    "HTML 502": {"kind": FaultKind.HTML},
    "HTML 502 after the work": {"kind": FaultKind.HTML, "work_done": True},
    "HTML 200 before the work": {"kind": FaultKind.HTML, "status": 200},
    "HTML 200 after the work": {"kind": FaultKind.HTML, "status": 200, "work_done": True},
}
"""All but the revoked key, which no retry survives."""

_MIXED = [name for name in KINDS if not name.startswith(("latency", "done"))]

TOO_LATE = {"done after the client gave up", "done, but answered too late"}


def here_and_there(stand: AccountStand, name: str) -> list[Fault]:
    """Return the fault at one or a few requests of every kind that a delivery makes."""
    return [Fault(**KINDS[name], **place) for place in stand.places()]


def one_of_ten(stand: AccountStand, *, seed: int) -> list[Fault]:
    """Return faults of many kinds that strike one request of ten, whatever it asks."""
    place = stand.at(Place.DELIVERY)
    each = 0.1 / len(_MIXED)
    return [
        Fault(**KINDS[name], **place, times=None, probability=each, seed=seed * 100 + number)
        for number, name in enumerate(_MIXED)
    ]


def storm(stand: AccountStand, name: str, *, seed: int, probability: float = 0.85) -> list[Fault]:
    """Return the fault at most requests of all kinds, until it is ended; of 429s, every second one."""
    if name == "429":
        probability = 0.5
    place = stand.at(Place.DELIVERY)
    return [Fault(**KINDS[name], **place, times=None, probability=probability, seed=seed)]
