"""The hook against the emulator, over a socket."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.http.hooks.http import HttpHook
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Route
from tests.thief import listening_thief

from segment_emulators.customer_insights.serving import write_certificate
from segment_emulators.serving import serve_in_thread
from segment_exports.destinations.agreement import agreement_version, signed_agreement
from segment_exports.errors import AgreementMissingError, ConnectionDisabledError, DestinationError
from segment_exports.settings import bounds
from segment_exports_airflow.connection_forms import KNOWN_FIELDS
from segment_exports_airflow.hooks.autopilot import AutopilotHook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from segment_emulators.autopilot import AutopilotEmulator

SIGNED = signed_agreement("the tests")


@contextmanager
def nobody_listens() -> Iterator[str]:
    """Give the URL of a port that is held meanwhile, so that no other process listens there."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1"


class TestConnectionTest:
    """What the button *Test* says."""

    def test_a_good_connection_answers_with_the_number_of_lists(
        self, emulator: AutopilotEmulator, account: str
    ) -> None:
        emulator.staff.add_list("News")

        good, message = AutopilotHook(account).test_connection()

        assert good
        assert "1 list" in message

    def test_it_makes_one_cheap_call(self, emulator: AutopilotEmulator, account: str) -> None:
        AutopilotHook(account).test_connection()

        assert [(one.method, one.path) for one in emulator.log.entries] == [("GET", "/lists")]

    def test_neither_what_a_server_quotes_nor_the_words_of_a_library_are_shown(
        self, emulator: AutopilotEmulator, connect: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        emulator.switch(quotes=("ann@planted.example",))
        key = "f0e1d2c3" * 4
        hook = AutopilotHook(connect(emulator.base_url, key))
        refused = hook.test_connection()[1]

        def fail(_: object) -> None:
            raise ValueError(f"{key} of ann@planted.example")

        monkeypatch.setattr(AutopilotHook, "check", fail)
        good, broken = hook.test_connection()

        assert refused.startswith("Wrong key: GET /lists was answered 401")
        assert not good
        assert broken.startswith("ValueError at ")
        assert key not in refused + broken
        assert "planted" not in refused + broken

    def test_a_call_of_ones_own_logs_nothing_of_a_refusal(
        self, emulator: AutopilotEmulator, account: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        emulator.switch(quotes=("ann@planted.example",))
        hook = AutopilotHook(account, method="GET")
        with pytest.raises(AirflowException, match=f"{account} answered 404; its words may quote") as refused:
            hook.run("/nothing")

        assert "planted" not in str(refused.value) + caplog.text
        assert emulator.api_key not in caplog.text

    def test_a_wrong_key(self, emulator: AutopilotEmulator, connect: Callable[..., str]) -> None:
        assert (
            AutopilotHook(connect(emulator.base_url, "f" * 32)).test_connection()[1].startswith("Wrong key")
        )

    def test_an_empty_key(self, emulator: AutopilotEmulator, connect: Callable[..., str]) -> None:
        assert AutopilotHook(connect(emulator.base_url, None)).test_connection()[1].startswith("Wrong key")

    def test_an_unreachable_host(self, connect: Callable[..., str]) -> None:
        with nobody_listens() as url:
            good, message = AutopilotHook(connect(url, "f" * 32)).test_connection()

        assert not good
        assert message.startswith("Unreachable")

    def test_something_else_at_that_address(self, connect: Callable[..., str]) -> None:
        page = Starlette(routes=[Route("/v1/lists", lambda _: HTMLResponse("<html>Welcome</html>"))])
        with serve_in_thread(page) as url:
            good, message = AutopilotHook(connect(f"{url}/v1", "f" * 32)).test_connection()

        assert not good
        assert "not Autopilot's API" in message

    @pytest.mark.parametrize("missing", ["agreed_by", "agreed_at", "agreed_text"])
    def test_an_agreement_that_is_not_complete(
        self, emulator: AutopilotEmulator, connect: Callable[..., str], missing: str
    ) -> None:
        extra = {**SIGNED, missing: None}

        good, message = AutopilotHook(connect(emulator.base_url, emulator.api_key, **extra)).test_connection()

        assert not good
        assert "nobody has agreed" in message
        assert not emulator.log.entries, "nothing may be asked of the account before"

    def test_an_agreement_to_an_older_text(
        self, emulator: AutopilotEmulator, connect: Callable[..., str]
    ) -> None:
        extra = {**SIGNED, "agreed_text": "0123456789ab"}

        _, message = AutopilotHook(connect(emulator.base_url, emulator.api_key, **extra)).test_connection()

        assert "has changed since the tests agreed" in message
        assert agreement_version("Autopilot") in message

    @pytest.mark.parametrize("off", [False, "false", "0", "off", "No"])
    def test_a_disabled_connection(
        self, emulator: AutopilotEmulator, connect: Callable[..., str], off: Any
    ) -> None:
        hook = AutopilotHook(connect(emulator.base_url, emulator.api_key, enabled=off, **SIGNED))

        assert "is disabled" in hook.test_connection()[1]


class TestAccount:
    """What is read from a connection."""

    def test_defaults_are_the_documented_ones(self, connect: Callable[..., str]) -> None:
        account = AutopilotHook(connect(None, "f" * 32, **SIGNED)).account

        assert account.base_url == "https://api2.autopilothq.com/v1"
        assert account.requests_per_second == 5
        assert account.enabled

    @pytest.mark.parametrize(
        ("host", "base_url"),
        [
            ("https://proxy.example.com/autopilot/v1/", "https://proxy.example.com/autopilot/v1"),
            ("api2.autopilothq.com/v1", "https://api2.autopilothq.com/v1"),
            ("", "https://api2.autopilothq.com/v1"),
        ],
    )
    def test_a_host_without_a_scheme_is_https(
        self, connect: Callable[..., str], host: str, base_url: str
    ) -> None:
        assert AutopilotHook(connect(host, "f" * 32, **SIGNED)).account.base_url == base_url

    def test_a_connection_written_as_a_url(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_AUTOPILOT_URL", "autopilot://:secret@proxy.example.com:8443/v1")

        account = AutopilotHook("autopilot_url").account

        assert account.base_url == "https://proxy.example.com:8443/v1"
        assert account.api_key == "secret"

    @pytest.mark.parametrize("rate", [0, -1, "fast", 0.05, "inf", "nan"])
    def test_a_rate_that_is_none_is_refused(self, connect: Callable[..., str], rate: Any) -> None:
        hook = AutopilotHook(connect(None, "f" * 32, requests_per_second=rate, **SIGNED))

        with pytest.raises(DestinationError, match=r"requests_per_second of connection autopilot_default"):
            _ = hook.account

    @pytest.mark.parametrize(
        ("rate", "beyond"), [(bounds.LEAST_RATE, 0.0999), (bounds.MOST_RATE, bounds.MOST_RATE + 1)]
    )
    def test_a_rate_may_be_as_low_and_as_high_as_its_bounds_and_no_lower_or_higher(
        self, connect: Callable[..., str], rate: float, beyond: float
    ) -> None:
        hook = AutopilotHook(connect(None, "f" * 32, requests_per_second=rate, **SIGNED))
        assert hook.account.requests_per_second == rate
        hook = AutopilotHook(connect(None, "f" * 32, requests_per_second=beyond, **SIGNED))
        with pytest.raises(DestinationError, match=r"a number of at least 0\.1 and at most 1,000,000"):
            _ = hook.account

    def test_a_missing_connection_says_how_to_make_one(self, airflow_database: object) -> None:
        with pytest.raises(ConnectionDisabledError, match="AIRFLOW_CONN_AUTOPILOT_ELSEWHERE"):
            _ = AutopilotHook("autopilot_elsewhere").account

    def test_a_connection_of_another_type_is_refused_before_its_secret_is_sent_anywhere(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fields = {"conn_type": "dataverse", "host": "https://contoso.crm4.dynamics.com", "password": "s3cret"}
        monkeypatch.setenv("AIRFLOW_CONN_AUTOPILOT_DEFAULT", json.dumps(fields))

        good, text = AutopilotHook().test_connection()

        assert not good
        assert text.startswith(
            "the connection autopilot_default is of type dataverse; wanted is one of type auto"
        )

    def test_the_key_shows_nowhere(self, connect: Callable[..., str]) -> None:
        hook = AutopilotHook(connect(None, "a-very-secret-key", **SIGNED))

        assert "a-very-secret-key" not in f"{hook!r} {hook.account!r} {hook.client()!r}"

    def test_airflow_finds_the_hook_by_the_connections_type(self, account: str) -> None:
        hook = BaseHook.get_hook(account)

        assert isinstance(hook, AutopilotHook)
        assert hook.autopilot_conn_id == account


class TestClient:
    """The client that the hook hands out."""

    def test_it_speaks_to_the_account(self, emulator: AutopilotEmulator, account: str) -> None:
        emulator.staff.add_list("News")

        async def titles() -> list[str]:
            async with AutopilotHook(account).client() as client:
                return [one.title for one in await client.lists()]

        assert asyncio.run(titles()) == ["News"]

    def test_there_is_none_without_an_agreement(
        self, emulator: AutopilotEmulator, connect: Callable[..., str]
    ) -> None:
        hook = AutopilotHook(connect(emulator.base_url, emulator.api_key, enabled=True))

        with pytest.raises(AgreementMissingError):
            hook.client()


class TestHttpHook:
    """HttpHook's own way to make a call."""

    def test_a_single_call(self, emulator: AutopilotEmulator, account: str) -> None:
        emulator.staff.add_list("News")
        hook = AutopilotHook(account, method="GET")

        assert isinstance(hook, HttpHook)
        assert [one["title"] for one in hook.run("/lists").json()["lists"]] == ["News"]

    def test_nothing_of_extra_becomes_a_header(
        self, emulator: AutopilotEmulator, connect: Callable[..., str]
    ) -> None:
        """HttpHook would send these: the strings reach the server, and the boolean raises InvalidHeader."""
        connection = connect(
            emulator.base_url, emulator.api_key, enabled=True, requests_per_second=9, **SIGNED
        )

        session = AutopilotHook(connection, method="GET").get_conn()

        assert session.headers["autopilotapikey"] == emulator.api_key
        known = KNOWN_FIELDS["autopilot"]
        assert not known & {name.lower() for name in session.headers}
        assert AutopilotHook(connection, method="GET").run("/lists").ok

    def test_certificates_are_held_against_the_bundle_of_the_connection(
        self, emulator: AutopilotEmulator, connect: Callable[..., str], tmp_path: Path
    ) -> None:
        bundle, _ = write_certificate(tmp_path)
        connection = connect(emulator.base_url, emulator.api_key, ca_bundle=f" {bundle} ", **SIGNED)

        assert AutopilotHook(connection, method="GET").get_conn().verify == str(bundle)
        assert AutopilotHook(connection).test_connection()[0]
        bundle.unlink()
        good, message = AutopilotHook(connection).test_connection()
        assert not good
        assert "CA bundle of the connection" in message

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("extra", [{}, {"enabled": True}])
    @pytest.mark.parametrize("options", [{}, {"allow_redirects": True, "verify": False}])
    def test_the_key_follows_no_redirect(
        self, monkeypatch: pytest.MonkeyPatch, status: int, extra: dict[str, Any], options: dict[str, Any]
    ) -> None:
        """HttpHook follows them, where the connection has no extra or its caller wants it."""
        with listening_thief() as thief:
            away = RedirectResponse(f"http://{thief.address}/lists", status)
            here = Starlette(routes=[Route("/v1/lists", lambda _: away)])
            with serve_in_thread(here) as url:
                fields = {"conn_type": "autopilot", "host": f"{url}/v1", "password": "f" * 32, "extra": extra}
                monkeypatch.setenv("AIRFLOW_CONN_AUTOPILOT_DEFAULT", json.dumps(fields))
                AutopilotHook(method="GET").run("/lists", extra_options={"check_response": False, **options})

            assert not thief.was_asked

    def test_the_key_goes_to_no_proxy_on_the_way_to_this_machine(
        self, emulator: AutopilotEmulator, account: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with listening_thief() as thief:
            monkeypatch.setenv("HTTP_PROXY", f"http://{thief.address}")
            assert AutopilotHook(account, method="GET").run("/lists").ok
            assert AutopilotHook(account).test_connection()[0]

            assert not thief.was_asked

    def test_no_netrc_of_the_worker_goes_along(
        self, account: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "netrc").write_text("default login somebody password else\n")
        (tmp_path / "netrc").chmod(0o600)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        hook = AutopilotHook(account, method="GET")

        assert "Authorization" not in hook.run("/lists").request.headers

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"extra": {"enabled": "off"}}, "is disabled"),
            ({"extra": {"enabled": "disabled"}}, "must be true or false"),
            ({"host": "http://api.example.com/v1"}, "allow_clear_text"),
            ({"host": "https://api.example.com/v1", "port": 8443}, "names a port or schema beside the URL"),
        ],
    )
    def test_a_connection_that_must_not_be_used_sends_no_single_call(
        self, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], told: str
    ) -> None:
        connection = {"conn_type": "autopilot", "host": "https://127.0.0.1:9", "password": "f" * 32}
        monkeypatch.setenv("AIRFLOW_CONN_AUTOPILOT_DEFAULT", json.dumps(connection | fields))

        with pytest.raises(DestinationError, match=told):
            AutopilotHook(method="GET").run("/lists")


class TestClearText:
    """A key that can be read on the way."""

    @pytest.mark.parametrize("switch", [{}, {"allow_clear_text": False}, {"allow_clear_text": "no"}])
    def test_it_is_refused(self, connect: Callable[..., str], switch: dict[str, Any]) -> None:
        good, message = AutopilotHook(
            connect("http://api.example.com/v1", "f" * 32, **switch, **SIGNED)
        ).test_connection()

        assert not good
        assert 'put "allow_clear_text": true into the connection' in message

    @pytest.mark.parametrize("on", [True, "true", 1])
    def test_it_is_told_where_it_is_allowed(
        self,
        emulator: AutopilotEmulator,
        connect: Callable[..., str],
        monkeypatch: pytest.MonkeyPatch,
        on: Any,
    ) -> None:
        """The emulator stands in for another machine, as its own proxy."""
        monkeypatch.setenv("HTTP_PROXY", emulator.base_url.removesuffix("/v1"))
        good, message = AutopilotHook(
            connect("http://emulator.invalid/v1", emulator.api_key, allow_clear_text=on, **SIGNED)
        ).test_connection()

        assert good
        assert "http://emulator.invalid:80 is asked in clear text (allow_clear_text in its connect" in message
