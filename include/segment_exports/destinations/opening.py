"""From a definition's ``destination.type`` to the package that answers.

A package has a class of faces, which the steps ask for what they need of it: ``delivery``
(:class:`~segment_exports.delivery.destination.DeliveryDestination`), ``reader`` and ``request_cost`` (the
protocols ``DestinationReader`` and ``RequestCost`` of planning), ``account``
(:class:`~.check_destination.Account`), ``eraser`` (:class:`~.erasing.Eraser`), and what is known of an
account without asking it. What contact fields become there, ``contact_fields/opening.py`` tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from segment_exports.destinations.autopilot.faces import Autopilot
from segment_exports.destinations.ortto.faces import Ortto

if TYPE_CHECKING:
    from collections.abc import Iterable

Destination: TypeAlias = Autopilot | Ortto
"""Any destination there is: of several a union, so that each is held to all that the steps ask."""

_DESTINATIONS: dict[str, Destination] = {"autopilot": Autopilot(), "ortto": Ortto()}


def open_destination(destination_type: str) -> Destination:
    """Return the faces of a type of destination. Nothing is asked of any account.

    :raises KeyError: there is no such type.
    """
    return _DESTINATIONS[destination_type]


def destination_types() -> Iterable[str]:
    """Return the types of destination that there are."""
    return _DESTINATIONS.keys()
