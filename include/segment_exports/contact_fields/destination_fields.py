"""The first face of a destination: what contact fields become there. Pure: it asks nobody."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from segment_exports.contact_fields.fields import MappedField


class FieldRefusal(StrEnum):
    """Why a destination doesn't take a value. The texts are stable, for reports and ``refused.csv``."""

    LONGER_THAN_255 = "longer_than_255_characters"
    LONGER_THAN_4000 = "longer_than_4000_characters"
    OUT_OF_RANGE = "out_of_range"
    NOT_A_PHONE_NUMBER = "not_a_phone_number"
    NO_COUNTRY_CODE = "phone_without_country_code"
    NOT_A_CHOICE = "not_one_of_the_values"
    LARGER_THAN_A_REQUEST = "larger_than_a_request"


@dataclass(frozen=True)
class FieldThere:
    """One field of a destination.

    :param key: two fields of one key would overwrite each other.
    :param name: as people see it there.
    :param type: by the destination's own word.
    :param is_made: whether an account has it only where it was made.
    """

    key: str
    name: str
    type: str
    is_made: bool


class DestinationFields(Protocol):
    """Contact fields of one destination."""

    @property
    def refused(self) -> Mapping[str, str]:
        """Names of its contact that a mapping may not fill, and why."""

    @property
    def most_bytes(self) -> int | None:
        """Bytes of a contact that one request takes, beside its lists; None where no bound is known."""

    def render(self, fields: Sequence[MappedField], columns: Sequence[pa.StringArray]) -> pa.StringArray:
        """Return each contact as the JSON object that is sent, one per row.

        ``columns`` holds the text of each field's values as the mapping converts them, null where nothing
        is to be sent. The first field is the address, which every contact has; a row without it gives
        text that is no JSON.
        """

    def refusals(self, field: MappedField, values: pa.StringArray) -> pa.StringArray | None:
        """Return why each value can't be held there (:class:`FieldRefusal`), or None where all can.

        ``values`` as for ``render``; null where a value can be held, or there is none.
        """

    def contradictions(self, fields: Sequence[MappedField], /) -> Iterator[str]:
        """Tell what of a mapping can't be had there; each text continues the key ``mapping``."""

    def there(self, field: MappedField) -> FieldThere:
        """Return what it is there."""
