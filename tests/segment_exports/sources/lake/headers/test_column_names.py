"""Names of columns are found in the forms in which programs write them."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest

from segment_exports.sources.lake.headers.column_names import ColumnNames

NAMES = ColumnNames(["CustomerId", "E-Mail", "Größe", "顧客 番号", "---"])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("CustomerId", 0),
        ("\ufeffCUSTOMER_ID", 0),
        ("[dbo].[T].[Customer Id]", 0),
        ("customerid (primary key)", 0),
        ("CustomerId:string", 0),
        ("e mail\u00a0", 1),
        ("GRÖSSE", -1),
        ("gröẞe", 2),
        ("顧客番号", 3),
        ("CustomerId 17", -1),
        ("CustomerId (17)", -1),
        ("no email", -1),
        ("---", -1),
        ("", -1),
        (None, -1),
    ],
)
def test_a_name_is_found_whatever_its_form(text: str | None, place: int) -> None:
    assert NAMES.named_in(pa.array(["x", text, "x"], pa.string())).tolist() == [-1, place, -1]


def test_names_that_are_no_text_for_a_file_are_none() -> None:
    assert ColumnNames(["\ud800", "A"]).named_in(pa.array(["a"], pa.string())).tolist() == [0]


def test_reading_does_not_wait_for_pandas() -> None:
    program = (
        "import sys, tempfile, pathlib\n"
        "from segment_exports.sources.lake.csv_files import CsvFile\n"
        "from segment_exports.sources.lake.model_json import CsvFormat\n"
        "from segment_exports.sources.lake.storage import ExportFolder\n"
        "folder = pathlib.Path(tempfile.mkdtemp())\n"
        "(folder / 'f.csv').write_text('CustomerId,A\\n1,a@x.example\\n2,\\n')\n"
        "names = ['CustomerId', 'A']\n"
        "assert list(CsvFile(ExportFolder.local(folder), 'f.csv', names, CsvFormat()).read(names))\n"
        "assert 'pandas' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
