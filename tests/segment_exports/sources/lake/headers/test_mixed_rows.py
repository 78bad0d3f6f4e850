"""Headers amid the rows of a file: refused in whatever form they stand there, and nobody is taken for one."""

from __future__ import annotations

import pyarrow as pa
import pytest

from segment_exports.errors import SourceError
from segment_exports.sources.lake.headers.mixed_rows import MixedRows

COLUMNS = ("CustomerId", "EMail", "Subscriber", "Newsletter", "City")
WANTED = COLUMNS[:4]
PERSON = ("c1", "ann@mail.example", "Yes", "No")


def batch(*rows: tuple[str | None, ...]) -> pa.RecordBatch:
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=list(WANTED))


def doubts_about(*rows: tuple[str | None, ...]) -> list[str]:
    mixed = MixedRows(COLUMNS, "lake/T_1.csv", first_row=2)
    for row in rows:
        mixed.check(batch(PERSON, row))
    return mixed.doubts


@pytest.mark.parametrize(
    "row",
    [
        ("CustomerId", "EMail", "Newsletter", "Subscriber"),
        ("\ufeffCustomerId", "EMail", "Newsletter", "Subscriber"),
        ("customerid", "EMAIL", "newsletter", "subscriber"),
        (" CustomerId", "E-Mail ", "Newsletter", "Subscriber"),
        ("Customer Id", "Mail address", "Consent", "Letters"),
        ("EMail", "CustomerId", "Newsletter", "Subscriber"),
        ("EMail", "City", "Subscriber", "Letters"),
        ("Seg.CustomerId", "Seg.EMail", "Seg.Newsletter", "Seg.Subscriber"),
        ("CustomerID (PK)", "EMail (text)", "Newsletter (bool)", "Subscriber (bool)"),
        ("Kunde", "Adresse", "Newsletter", "CustomerId"),
    ],
)
def test_a_header_amid_the_rows_is_refused_in_any_form_and_order(row: tuple[str, ...]) -> None:
    with pytest.raises(SourceError) as refused:
        doubts_about(("c2", None, None, None), row)
    assert str(refused.value) == (
        "lake/T_1.csv: row 5 is a header once more: several files were put together, and the columns after "
        "it may be others"
    )


def test_a_byte_order_mark_amid_the_rows_is_a_beginning_of_another_file() -> None:
    with pytest.raises(SourceError, match=r"T_1\.csv: row 3 begins with a byte order mark: several files"):
        doubts_about(("\ufeffc2", "ben@mail.example", "Yes", "No"))


@pytest.mark.parametrize(
    "row",
    [
        ("c2", None, None, None),
        (None, None, None, None),
        ("c2", "n/a", "No", "Newsletter"),
        ("c2", None, "Subscriber", "Newsletter"),
        ("c2", "ben@mail.example", "Subscriber", "Newsletter"),
        ("CustomerId-17", "no email", "Yes", "No"),
    ],
)
def test_a_person_is_not_taken_for_a_header(row: tuple[str | None, ...]) -> None:
    assert doubts_about(row) == []


def test_a_row_that_may_be_a_header_in_other_words_is_doubted_with_number() -> None:
    (doubt,) = doubts_about(("Kunde", "Mailadresse", "Newsletter", "Subscriber"), PERSON)
    assert doubt.startswith(
        "lake/T_1.csv: 1 row has no address, and 2 or more values that are names of columns (the first is "
        "row 3): if that is a header"
    )


def test_a_batch_without_rows_is_nothing() -> None:
    MixedRows(COLUMNS, "lake/T_1.csv", 1).check(batch(PERSON).slice(0, 0))
