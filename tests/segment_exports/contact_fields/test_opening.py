from __future__ import annotations

import subprocess
import sys

import pytest

from segment_exports.contact_fields.fields import STANDARD_FIELDS
from segment_exports.contact_fields.opening import fields_of, refused_fields


def test_a_type_leads_to_its_fields_and_an_unknown_one_to_none() -> None:
    assert "unsubscribed" in fields_of("autopilot").refused
    assert "bol::p" in fields_of("ortto").refused
    with pytest.raises(KeyError):
        fields_of("elsewhere")


def test_what_can_be_mapped_is_refused_nowhere() -> None:
    assert not set(refused_fields()) & set(STANDARD_FIELDS)


def test_who_reads_a_definition_loads_no_arrow() -> None:
    code = "import sys, segment_exports.definition; print('pyarrow' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
