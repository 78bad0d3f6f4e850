from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from segment_emulators.customer_insights import CustomerInsights, Faults, Switches
from segment_emulators.customer_insights.serving import serve
from segment_emulators.tenant import Tenant
from segment_exports.sources.ci_api.source import CiApiSettings, CiApiSource
from segment_exports.sources.dataverse.settings import DataverseSettings
from segment_exports.sources.dataverse.source import DataverseSource
from segment_exports.sources.web.connections import AppRegistration, CiApiConnection, DataverseConnection
from segment_exports.sources.web.patience import Patience, Waits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_emulators.customer_insights.serving import Addresses
    from segment_exports.sources.seen_columns import SeenColumns

CUSTOMERS = 3_000


class FakeTime:
    """A clock that runs only while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def waits(self) -> Waits:
        return Waits(
            sleep=self.sleep, monotonic=lambda: self.seconds, now=lambda: self.seconds, jitter=lambda: 1.0
        )


@dataclass
class Insights:
    """The emulated tenant, reached as a user would: with an app registration."""

    state: CustomerInsights
    addresses: Addresses
    time: FakeTime

    def app(self, **changes: str) -> AppRegistration:
        known = {
            "tenant": self.state.tenant_id,
            "client_id": self.state.client_id,
            "client_secret": self.state.client_secret,
            "authority": self.addresses.authority,
            "ca_bundle": self.addresses.ca_bundle,
        }
        return AppRegistration(**(known | changes))

    def dataverse(
        self, *, tries: int = 3, app: AppRegistration | None = None, **settings: object
    ) -> DataverseSource:
        return DataverseSource(
            DataverseConnection(app or self.app(), self.addresses.environment_url),
            DataverseSettings(**settings),
            patience=Patience(tries=tries),
            waits=self.time.waits(),
        )

    def api(
        self,
        *,
        tries: int = 3,
        key: str | None = None,
        seen: SeenColumns | None = None,
        **settings: object,
    ) -> CiApiSource:
        return CiApiSource(
            CiApiConnection(
                self.app(),
                self.state.instance_id,
                key or self.state.subscription_key,
                base_url=self.addresses.api_url,
            ),
            CiApiSettings(**settings),
            patience=Patience(tries=tries),
            waits=self.time.waits(),
            seen=seen,
        )


@pytest.fixture(scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CustomerInsights, Addresses]]:
    state = CustomerInsights(Tenant(CUSTOMERS, seed=11))
    with serve(state, tmp_path_factory.mktemp("authority")) as addresses:
        yield state, addresses


@pytest.fixture
def insights(_served: tuple[CustomerInsights, Addresses]) -> Insights:
    state, addresses = _served
    state.switches, state.faults = Switches(), Faults()
    state.reset()
    return Insights(state, addresses, FakeTime())
