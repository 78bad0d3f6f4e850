"""Files that can't be believed: cut off, empty, garbage, or another's. Who reads one is told what to do."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from segment_exports.errors import DamagedFileError, StagingError
from segment_exports.records.storing.trouble import staging_trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

CLEAR = "Clear the task of this run that writes it, with what follows"
ASIDE = "It is for the report alone: move it away and clear settle_run"
_UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError, EOFError)


def missing(path: str, advice: str) -> StagingError:
    """Return the error of a file that isn't there."""
    return StagingError(f"{path} is missing. {advice}")


def damaged(path: str, what: str, advice: str) -> DamagedFileError:
    """Return the error of a file that can't be believed.

    :param what: what is wrong with it, without anything of its content.
    """
    return DamagedFileError(f"{path} can't be believed: {what}. {advice}")


def parsed(data: bytes, model: Callable[..., T], path: str, advice: str) -> T:
    """Return what a JSON file holds.

    :param model: a pydantic model, a dataclass, or a type such as ``dict[str, str]``.
    :raises DamagedFileError: it holds no JSON, or that of another file.
    """
    try:
        value: T = _adapter(model).validate_json(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(one) for one in first["loc"])
        what = _emptiness(data) or (
            "it is no whole JSON"
            if first["type"] == "json_invalid"
            else f"{where or 'its content'}: {first['msg']}"
        )
        raise damaged(path, what, advice) from None
    return value


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def _emptiness(data: bytes) -> str | None:
    if not data:
        return "it is empty (0 bytes)"
    return None if data.strip(b"\0") else f"it holds {len(data)} bytes of nothing, as after a power cut"


class ParquetReading(pq.ParquetFile):  # type: ignore[misc] # pyarrow has no types
    """A Parquet file whose damage is told with its path, when it is opened and while it is read."""

    def __init__(self, source: Any, path: str, advice: str, columns: Sequence[str], **kwargs: Any) -> None:
        self._told = (path, advice)
        with told_of_damage(path, advice):
            super().__init__(source, **kwargs)
        self._require(columns)

    def read(self, *args: Any, **kwargs: Any) -> pa.Table:
        """Read the file, or some columns of it."""
        with told_of_damage(*self._told):
            return super().read(*args, **kwargs)

    def read_row_group(self, *args: Any, **kwargs: Any) -> pa.Table:
        """Read one row group, or some columns of it."""
        with told_of_damage(*self._told):
            return super().read_row_group(*args, **kwargs)

    def iter_batches(self, *args: Any, **kwargs: Any) -> Iterator[pa.RecordBatch]:
        """Read the file batch by batch."""
        batches = iter(super().iter_batches(*args, **kwargs))
        while True:
            with told_of_damage(*self._told):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def _require(self, columns: Sequence[str]) -> None:
        missing = [name for name in columns if name not in self.schema_arrow.names]
        if missing:
            path, advice = self._told
            raise damaged(path, f"it has no columns {', '.join(missing)}, so it is another's", advice)


@contextmanager
def told_of_damage(path: str, advice: str) -> Iterator[None]:
    """Turn whatever a reader of Arrow's or Parquet's files says of damage into words.

    :raises DamagedFileError: naming the path and what to do.
    """
    try:
        yield
    except _UNREADABLE as error:
        if isinstance(error, OSError) and error.errno:
            raise staging_trouble(path, error) from None
        raise damaged(path, f"it is cut off or no file of ours ({type(error).__name__})", advice) from None
