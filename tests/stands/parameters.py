"""Runs a test against every destination that it speaks of.

A test that uses the fixture ``stand`` runs once for each of STANDS, whose name begins its parameters.
``@pytest.mark.ways("list", "bulk")`` gives it a parameter ``way`` too: those ways of membership of Autopilot,
and every way of another destination. ``@pytest.mark.alone(Why.…)`` is for a test of one: see ``alone.py``.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import pytest
from tests.stands import autopilot, ortto
from tests.stands.alone import alone_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.stands.account_stand import AccountStand

STANDS: dict[str, Callable[..., AbstractContextManager[AccountStand]]] = {
    "autopilot": autopilot.serve,
    "ortto": ortto.serve,
}
"""Destination → what serves an account of it; ``seed`` makes another one."""

_WAYS = {"autopilot": autopilot.AutopilotStand.ways, "ortto": ortto.OrttoStand.ways}


class ServedStands:
    """The accounts that the tests of a module use, each served when it is asked for first."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._served: dict[str, AccountStand] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of(self, destination: str) -> AccountStand:
        """Return the one account of a destination."""
        if destination not in self._served:
            self._served[destination] = self._stack.enter_context(STANDS[destination]())
        return self._served[destination]


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Give a test that uses a stand its destinations, and the ways of membership that it asks for."""
    if "stand" not in metafunc.fixturenames:
        return
    only = alone_at(metafunc.definition)
    destinations = [one for one in STANDS if only in (None, one)]
    asked = metafunc.definition.get_closest_marker("ways")
    if asked is None or "way" not in metafunc.fixturenames:
        metafunc.parametrize("stand", destinations, indirect=True)
        return
    pairs = [
        pytest.param(one, way, id=f"{one}-{way}")
        for one in destinations
        for way in _WAYS[one]
        if one != "autopilot" or way in asked.args
    ]
    metafunc.parametrize(("stand", "way"), pairs, indirect=["stand"])
