"""Base and scalar types of the definition's models: nothing is coerced, nothing unknown is taken."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict

from segment_exports.definition.problems import hidden_in
from segment_exports.settings import bounds


class StrictModel(BaseModel):
    """Frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _one_clean_line(text: str) -> str:
    if "\n" in text:
        raise ValueError("holds a line break; write all of it on the line of its key")
    if text != text.strip():
        raise ValueError("has blanks at its start or end; take them away")
    if hidden := hidden_in(text):
        raise ValueError(f"holds {hidden}; delete it")
    if not text.replace("\u00a0", "").isprintable():
        raise ValueError("holds a line break, tab or control character; it must be one line of text")
    if "\u00a0" in text:
        raise ValueError(
            "holds a non-breaking space, as web pages and word processors have it; type a plain blank"
        )
    return text


Text = Annotated[str, Strict()]
Name = Annotated[
    Text, Field(min_length=1, max_length=bounds.NAME_CHARACTERS), AfterValidator(_one_clean_line)
]
"""Name of a segment, list, attribute or connection: one line, no blanks around it, 1 to 200 characters."""

Switch = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
People = Annotated[Whole, Field(le=bounds.PEOPLE)]
Days = Annotated[Whole, Field(ge=1, le=bounds.KEPT_DAYS)]
Number = Annotated[float, Strict()]
Share = Annotated[Number, Field(ge=0, le=1)]
"""A part of a whole: 0.05 is five of a hundred."""
