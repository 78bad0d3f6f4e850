"""How Autopilot's contacts have their lists where membership is a field."""

from __future__ import annotations

FLAG = "boolean--List--"
"""How the custom fields begin that stand for lists."""


def field_name(title: str) -> str:
    """Return the boolean custom field that stands for a list."""
    return FLAG + title.replace(" ", "--")
