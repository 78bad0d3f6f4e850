"""The secret of the ledgers, as Airflow has it and as a command line finds it."""

from __future__ import annotations

import pytest

from segment_exports.errors import LedgerError
from segment_exports.settings.ledger_secret import (
    LedgerSecret,
    ledger_secret,
    ledger_secret_alone,
    ledger_secret_given_to_airflow,
    look_up_given_to_airflow,
    told_of_ledger_secret,
)

SECRET = "a secret that protects nothing"
LONG = "a secret of some length that protects nothing"
VARIABLE = "AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"
FORMER = "AUTOPILOT_LEDGER_KEY"


def test_airflow_is_asked_for_its_variable() -> None:
    assert ledger_secret({"AUTOPILOT_LEDGER_SECRET": SECRET}.get).text == SECRET


@pytest.mark.parametrize(
    "given",
    [
        SECRET,
        f"{SECRET}\n",
        f"{SECRET}\r\n",
        f" {SECRET}\t",
        f"{SECRET}\u00a0",
        f"\ufeff{SECRET}\r\n",
        f"{SECRET}\u200b",
    ],
)
def test_white_space_around_it_is_none_of_it(given: str) -> None:
    secret = ledger_secret({"AUTOPILOT_LEDGER_SECRET": given}.get)

    assert secret.text == SECRET
    of_files = {f"{mark}{SECRET}{end}" for mark in ("", "\ufeff") for end in ("", "\n", "\r\n")}
    assert of_files | {given, given.strip()} == set(secret.forms)
    assert secret.forms[0] == SECRET
    assert SECRET not in repr(secret)


def test_it_is_told_by_its_length_and_whether_white_space_was_around_it() -> None:
    assert LedgerSecret(SECRET).in_words == "30 characters"
    assert (
        LedgerSecret(f"{SECRET}\n").in_words
        == "30 characters, and white space around it, which is none of it"
    )


@pytest.mark.parametrize(
    "variables", [{}, {"AUTOPILOT_LEDGER_SECRET": ""}, {"AUTOPILOT_LEDGER_SECRET": "\ufeff\n"}]
)
def test_where_airflow_has_none_it_is_told_how_to_make_one(variables: dict[str, str]) -> None:
    with pytest.raises(LedgerError) as refused:
        ledger_secret(variables.get)

    assert str(refused.value) == (
        "the Airflow Variable AUTOPILOT_LEDGER_SECRET is missing: the ledger holds no address, only hashes "
        "under this secret. Make one with `openssl rand -hex 32`, keep it for ever, and give it to Airflow "
        "as the environment variable AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET or through its secrets backend"
    )


def test_an_airflow_of_this_environment_takes_it_from_there_under_its_own_name_alone() -> None:
    assert ledger_secret_given_to_airflow({VARIABLE: SECRET}) == SECRET
    assert ledger_secret_given_to_airflow({VARIABLE: ""}) is None
    assert ledger_secret_given_to_airflow({"AUTOPILOT_LEDGER_SECRET": SECRET}) is None


# Its former name, which Airflow doesn't mask


def test_the_former_name_is_still_read_and_told() -> None:
    assert ledger_secret({FORMER: LONG}.get).text == LONG
    assert ledger_secret_given_to_airflow({f"AIRFLOW_VAR_{FORMER}": LONG}) == LONG
    (told,) = told_of_ledger_secret({FORMER: LONG}.get)
    assert "Give its value to Airflow as AUTOPILOT_LEDGER_SECRET, and remove it" in told
    assert "does not mask" in told


def test_a_long_one_under_its_name_is_nothing_to_tell() -> None:
    assert told_of_ledger_secret({"AUTOPILOT_LEDGER_SECRET": LONG}.get) == []


@pytest.mark.parametrize("former", [LONG, f"{LONG}\n", f" {LONG}"])
def test_both_names_may_be_set_while_they_are_equal(former: str) -> None:
    both = {"AUTOPILOT_LEDGER_SECRET": LONG, FORMER: former}

    assert ledger_secret(both.get).text == LONG
    (told,) = told_of_ledger_secret(both.get)
    assert told.endswith("Remove it")


def test_two_that_differ_are_refused_and_not_told() -> None:
    both = {"AUTOPILOT_LEDGER_SECRET": LONG, FORMER: SECRET}

    with pytest.raises(LedgerError, match="are both set and differ") as refused:
        told_of_ledger_secret(both.get)
    assert SECRET not in str(refused.value)
    assert LONG not in str(refused.value)


def test_an_empty_former_one_is_none() -> None:
    assert told_of_ledger_secret({"AUTOPILOT_LEDGER_SECRET": LONG, FORMER: " \n"}.get) == []


@pytest.mark.parametrize(("length", "is_short"), [(16, True), (31, True), (32, False), (64, False)])
def test_a_short_one_is_told_by_its_length(length: int, is_short: bool) -> None:
    told = told_of_ledger_secret({"AUTOPILOT_LEDGER_SECRET": "s" * length + "\n"}.get)

    assert LedgerSecret("s" * length).is_short is is_short
    assert [f"is short ({length} characters" in one for one in told] == [True] * is_short


def test_an_airflow_of_a_demo_has_its_own_secret_whatever_stands_around_it() -> None:
    around = {f"AIRFLOW_VAR_{FORMER}": SECRET, VARIABLE: SECRET}
    environ = {**around, **ledger_secret_alone(LONG)}

    assert ledger_secret_given_to_airflow(environ) == LONG
    assert told_of_ledger_secret(look_up_given_to_airflow(environ)) == []
