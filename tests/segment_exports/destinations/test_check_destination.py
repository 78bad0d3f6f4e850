from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from segment_emulators.autopilot import EmulatorConfig, Fault, FaultKind, serve_autopilot
from segment_exports.destinations.agreement import (
    Agreement,
    agreement_version,
    signed_agreement,
)
from segment_exports.destinations.autopilot.account import check_account
from segment_exports.destinations.autopilot.client import AutopilotClient
from segment_exports.destinations.check_destination import AccountConnection, DestinationCheck
from segment_exports.errors import (
    AgreementMissingError,
    ConnectionDisabledError,
    CredentialsRefusedError,
    DestinationError,
    DestinationUnreachableError,
    OutcomeUnknownError,
)
from segment_exports.transport.pacing import Pacer
from segment_exports.transport.retrying import RetrySettings

VERSION = agreement_version("Autopilot")
KEY = "0123456789abcdef0123456789abcdef"
AGREED = Agreement("Eva Muster", "2026-03-01", VERSION)


@pytest.fixture(scope="module")
def served():
    with serve_autopilot(EmulatorConfig(api_key=KEY)) as emulator:
        yield emulator


def connection(**changes) -> AccountConnection:
    defaults = {
        "connection_id": "autopilot_default",
        "service": "Autopilot",
        "base_url": "http://x/v1",
        "api_key": KEY,
        "requests_per_second": 5.0,
        "agreement": AGREED,
    }
    return AccountConnection(**(defaults | changes))


async def check(url: str, key: str = KEY):
    async with AutopilotClient(url, key, pacer=Pacer(None), retry=RetrySettings(max_attempts=1)) as client:
        return await check_account(client)


async def test_an_account_that_answers(served) -> None:
    served.staff.add_list("News")
    found = await check(served.base_url)

    assert found.lists == 1
    assert re.fullmatch(r"Autopilot answered in \d+\.\d\d s; the account has 1 list", found.message)
    assert [entry.method for entry in served.log.entries] == ["GET"]


@pytest.mark.parametrize("hours", [2, -49])
async def test_the_clock_of_the_service_is_looked_at(served, hours: int) -> None:
    async with AutopilotClient(
        served.base_url, KEY, pacer=Pacer(None), now=lambda: datetime.now(UTC) + timedelta(hours=hours)
    ) as client:
        found = await check_account(client)

    assert found.clock_ahead == pytest.approx(hours * 3600, abs=600)
    assert found.warnings[0] in found.message


@pytest.mark.parametrize(
    ("ahead", "told"), [(7200.0, "2:00:00 ahead of"), (-176_400.0, "2 days, 1:00:00 behind")]
)
def test_a_clock_that_is_wrong_is_told(ahead: float, told: str) -> None:
    (warning,) = DestinationCheck("Autopilot", 1, 0.5, ahead).warnings
    assert warning.startswith(f"the clock of this machine is {told} that of Autopilot; set it")


@pytest.mark.parametrize("ahead", [None, 0.0, 299.0, -299.0])
def test_a_clock_that_is_a_little_off_is_no_matter(ahead: float | None) -> None:
    assert DestinationCheck("Autopilot", 1, 0.5, ahead).warnings == ()


async def test_a_wrong_key_an_unreachable_host_and_another_server_are_told_apart(served) -> None:
    with pytest.raises(CredentialsRefusedError, match="API key of the connection is wrong"):
        await check(served.base_url, "f" * 32)
    with pytest.raises(DestinationUnreachableError, match="no connection"):
        await check("http://127.0.0.1:9/v1")
    with pytest.raises(DestinationError, match="not Autopilot's API"):
        await check(served.url + "/elsewhere")
    with pytest.raises(DestinationError, match="not Autopilot's API"):
        await check(served.url + ["/_emulator/state", "x="][0])


async def test_an_account_that_is_out_of_order_is_not_called_another_server(served) -> None:
    served.inject(Fault(kind=FaultKind.ERROR, status=503))
    with pytest.raises(OutcomeUnknownError, match="503"):
        await check(served.base_url)


def test_a_connection_with_agreement_is_usable() -> None:
    assert connection().reason_to_refuse() is None
    connection().require_usable()


def test_a_disabled_connection_is_not_used() -> None:
    with pytest.raises(ConnectionDisabledError, match="autopilot_default is disabled"):
        connection(enabled=False).require_usable()


def test_nobody_agreed() -> None:
    with pytest.raises(AgreementMissingError, match="fill in Agreed by and Agreed on"):
        connection(agreement=None).require_usable()


def test_a_changed_text_asks_again() -> None:
    old = Agreement("Eva Muster", "2025-01-01", "000000000000")
    with pytest.raises(AgreementMissingError, match=rf'choose "I agree \(text {VERSION}\)"'):
        connection(agreement=old).require_usable()


def test_an_agreement_on_another_service_is_none_on_this_one() -> None:
    with pytest.raises(AgreementMissingError, match=rf"Ortto; open .*text {agreement_version('Ortto')}"):
        connection(service="Ortto").require_usable()


@pytest.mark.parametrize(
    ("a_second", "a_minute", "lasting"), [(5.0, None, 5.0), (10.0, 300.0, 5.0), (10.0, 900.0, 10.0)]
)
def test_the_slower_rate_is_the_one_that_lasts(a_second, a_minute, lasting) -> None:
    found = connection(requests_per_second=a_second, requests_per_minute=a_minute)
    assert found.lasting_rate == lasting


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(connection())


def test_signing_gives_what_the_connection_carries() -> None:
    extra = signed_agreement("Eva Muster", datetime(2026, 3, 1, 12, tzinfo=UTC))

    assert Agreement.of(extra) == Agreement("Eva Muster", "2026-03-01T12:00:00+00:00", VERSION)
    assert Agreement.of(extra).is_current("Autopilot")
    assert Agreement.of(extra).to_json() == extra


@pytest.mark.parametrize("missing", ["agreed_by", "agreed_at", "agreed_text"])
def test_half_an_agreement_is_none(missing) -> None:
    extra = signed_agreement("Eva Muster")
    assert Agreement.of({**extra, missing: " "}) is None
    assert Agreement.of({key: value for key, value in extra.items() if key != missing}) is None
