"""The ``destination`` of a definition: which account receives the contacts, and how."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from segment_exports.definition.strict import Name, StrictModel, Whole


class Membership(StrEnum):
    """How contacts are put on lists."""

    AUTO = "auto"
    BULK = "bulk"
    LIST = "list"
    FIELD = "field"

    @property
    def kind(self) -> str:
        """``field`` or ``list``: the kinds of membership that say nothing of each other."""
        return "field" if self is Membership.FIELD else "list"


class Destination(StrictModel):
    """Which account receives the contacts, and how."""

    type: Literal["autopilot"] = Field(default="autopilot", description="What kind of account it is.")
    connection: Name = Field(default="autopilot_default", description="Airflow connection of the account.")
    membership: Membership = Field(
        default=Membership.AUTO,
        description="auto finds out what the account can do; bulk, list and field force a way.",
    )
    requests_in_flight: Whole = Field(default=8, ge=1, le=64, description="Requests under way at once.")
