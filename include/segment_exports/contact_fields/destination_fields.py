"""The first face of a destination: what contact fields become there. Pure: it asks nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from segment_exports.contact_fields.fields import MappedField


class DestinationFields(Protocol):
    """Contact fields of one destination."""

    @property
    def refused(self) -> Mapping[str, str]:
        """Names of its contact that a mapping may not fill, and why."""

    def render(self, fields: Sequence[MappedField], columns: Sequence[pa.StringArray]) -> pa.StringArray:
        """Return each contact as the JSON object that is sent, one per row.

        ``columns`` holds the text of each field's values as the mapping converts them, null where nothing
        is to be sent. The first field is the address, which every contact has; a row without it gives
        text that is no JSON.
        """
