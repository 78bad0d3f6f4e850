from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.contact_fields.form_columns import iso_dates, plain_numbers
from segment_exports.contact_fields.text_forms import DateForm, NumberForm

MOMENTS = st.datetimes().map(lambda one: one.replace(year=max(one.year, 1000), day=1, microsecond=0))
FORMS = st.sampled_from(
    [
        ("M/d/yyyy h:mm:ss tt", "{m.month}/{m.day}/{m.year} {hour}:{m.minute:02}:{m.second:02} {half}"),
        ("dd.MM.yyyy HH:mm:ss", "{m.day:02}.{m.month:02}.{m.year} {m.hour:02}:{m.minute:02}:{m.second:02}"),
        ("yyyy/M/d'T'H:m:s.fff", "{m.year}/{m.month}/{m.day}T{m.hour}:{m.minute}:{m.second}.000"),
    ]
)


def dates(pattern: str, *texts: str | None) -> list[str | None]:
    return iso_dates(pa.array(texts, pa.string()), DateForm.of(pattern)).to_pylist()


def numbers(sample: str, *texts: str | None, others: str | None = None) -> list[str | None]:
    return plain_numbers(pa.array(texts, pa.string()), NumberForm.of(sample), others=others).to_pylist()


def written(form: str, moment: datetime) -> str:
    return form.format(m=moment, hour=moment.hour % 12 or 12, half="PM" if moment.hour >= 12 else "am")


@settings(max_examples=150, deadline=None)
@given(st.lists(MOMENTS, min_size=1, max_size=3), FORMS)
def test_a_moment_in_a_form_is_the_moment(moments, form):
    pattern, text = form
    read = dates(pattern, *(written(text, one) for one in moments))
    assert [datetime.fromisoformat(one or "").replace(microsecond=0) for one in read] == moments


@pytest.mark.parametrize(
    ("pattern", "text", "read"),
    [
        ("M/d/yyyy", "11/20/2026", "2026-11-20T00:00:00"),
        ("d/M/yyyy", "05/11/2026", "2026-11-05T00:00:00"),
        ("dd-MM-yyyy HH:mm", "20-11-2026 7:05", "2026-11-20T07:05:00"),
        ("M/d/yyyy h:mm tt", "1/2/2026 12:30\u202fa.m.", "2026-01-02T00:30:00"),
        ("M/d/yyyy h:mm tt", "1/2/2026 13:30 PM", "2026-01-02T99:30:00"),
        ("M/d/yyyy", "2026-11-20", "2026-11-20"),
        ("M/d/yyyy", "11/20/26", "11/20/26"),
        ("M/d/yyyy", "20.11.2026", "20.11.2026"),
        ("M/d/yyyy", None, None),
    ],
)
def test_dates_of_a_form_are_written_in_iso_8601_and_others_stay(pattern, text, read):
    assert dates(pattern, text) == [read]
    assert dates(pattern, text, "soon", None) == [read, "soon", None]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("dd.MM", "must have year, month and day once each"),
        ("M/d/yyyy d", "must have year, month and day once each"),
        ("yy-MM-dd", "has 'y', which is no part of a date"),
        ("M/d/yyyy h:mm", "must have h with tt"),
        ("M/d/yyyy H:mm tt", "must have h with tt"),
    ],
)
def test_a_form_that_leaves_the_date_open_is_refused(pattern, message):
    with pytest.raises(ValueError, match=message):
        DateForm.of(pattern)


@pytest.mark.parametrize(
    ("sample", "text", "read"),
    [
        ("1.234,56", "1.234.567,8", "1234567.8"),
        ("1.234,56", "12,5", "12.5"),
        ("1.234,56", "1.234", "1234"),
        ("1.234,56", "-,5", "-.5"),
        ("1.234,56", "1.23,4", "1.23,4"),
        ("1.234,56", "12.5", "12.5"),
        ("1 234,56", "1\u202f234,56", "1234.56"),
        ("1'234.56", "1\u2019234.5", "1234.5"),
        ("1234,56", "1.234,56", "1.234,56"),
        ("1,234.56", "1,234", "1234"),
        ("1,234.56", None, None),
    ],
)
def test_numbers_of_a_form_are_written_plainly_and_others_stay(sample, text, read):
    assert numbers(sample, text) == [read]


def test_numbers_of_another_form_can_be_told_apart():
    assert numbers("1.234,56", "12.5", "12,5", None, others="?") == ["?", "12.5", None]


@pytest.mark.parametrize("sample", ["1,234,56", "12,5", "de-DE", "1.234", ""])
def test_a_form_that_is_no_number_is_refused(sample):
    with pytest.raises(ValueError, match=r"must be the number 1234\.56"):
        NumberForm.of(sample)
