"""The hooks against the emulators, over a socket: one suite for all destinations."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.http.hooks.http import HttpHook
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.routing import Route
from tests.thief import listening_thief

from segment_emulators.customer_insights.serving import write_certificate
from segment_emulators.serving import serve_in_thread
from segment_exports.destinations.agreement import agreement_version
from segment_exports.errors import AgreementMissingError, ConnectionDisabledError, DestinationError
from segment_exports.settings import bounds
from segment_exports_airflow.connection_forms import KNOWN_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request
    from tests.segment_exports_airflow.conftest import Service

KEY = "f0e1d2c3" * 4


@contextmanager
def nobody_listens() -> Iterator[str]:
    """Give the URL of a port that is held meanwhile, so that no other process listens there."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1"


class TestConnectionTest:
    """What the button *Test* says."""

    def test_a_good_connection_answers_with_what_lists_are_there(self, service: Service) -> None:
        before = len(service.emulator.account.lists)
        service.emulator.staff.add_list("News")
        service.emulator.staff.add_list("Win back")

        good, message = service.good().test_connection()

        assert good
        assert message.startswith(f"{service.name} answered in ")
        assert f"the account has {before + 2} {service.things}s" in message

    def test_it_makes_one_cheap_call(self, service: Service) -> None:
        service.good().test_connection()

        assert [(one.method, one.path) for one in service.emulator.log.entries] == [service.asked]

    def test_neither_what_a_server_quotes_nor_the_words_of_a_library_are_shown(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        service.emulator.switch(quotes=("ann@planted.example",))
        hook = service.connect(service.emulator.base_url, KEY)
        refused = hook.test_connection()[1]

        def fail(*_: object) -> None:
            raise ValueError(f"{KEY} of ann@planted.example")

        monkeypatch.setattr(type(hook), "check", fail)
        good, broken = hook.test_connection()

        assert refused.startswith(f"Wrong key: {' '.join(service.asked)} was answered 401")
        assert not good
        assert broken.startswith("ValueError at ")
        assert KEY not in refused + broken
        assert "planted" not in refused + broken

    def test_a_call_of_ones_own_logs_nothing_of_a_refusal(
        self, service: Service, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        service.emulator.switch(quotes=("ann@planted.example",))
        hook = service.good()
        told = f"{service.connection_id} answered 404; its words may quote"
        with pytest.raises(AirflowException, match=told) as refused:
            hook.run("/nothing")

        assert "planted" not in str(refused.value) + caplog.text
        assert service.emulator.api_key not in caplog.text

    @pytest.mark.parametrize("key", [KEY, None, "", "with blanks in it"])
    def test_a_wrong_or_empty_key(self, service: Service, key: str | None) -> None:
        message = service.connect(service.emulator.base_url, key).test_connection()[1]
        assert message.startswith("Wrong key")
        assert key == KEY or f"connection {service.connection_id}" in message

    def test_an_unreachable_host(self, service: Service) -> None:
        with nobody_listens() as url:
            good, message = service.connect(url).test_connection()

        assert not good
        assert message.startswith("Unreachable")

    def test_something_else_at_that_address(self, service: Service) -> None:
        method, path = service.asked
        page = Route(f"/v1{path}", lambda _: HTMLResponse("<html>Welcome</html>"), methods=[method])
        with serve_in_thread(Starlette(routes=[page])) as url:
            good, message = service.connect(f"{url}/v1").test_connection()

        assert not good
        assert f"not {service.name}'s API" in message

    def test_it_asks_an_account_that_is_out_of_order_twice_and_no_more(self, service: Service) -> None:
        method, path = service.asked
        asked: list[str] = []

        def answer(request: Request) -> JSONResponse:
            asked.append(request.url.path)
            return JSONResponse({}, 503)

        with serve_in_thread(Starlette(routes=[Route(f"/v1{path}", answer, methods=[method])])) as url:
            good, message = service.connect(f"{url}/v1").test_connection()

        assert not good
        assert "was answered 503" in message
        assert len(asked) == 2

    @pytest.mark.parametrize("missing", ["agreed_by", "agreed_at", "agreed_text"])
    def test_an_agreement_that_is_not_complete(self, service: Service, missing: str) -> None:
        good, message = service.good(**{**service.signed, missing: None}).test_connection()

        assert not good
        assert "Nobody has agreed" in message
        assert not service.emulator.log.entries, "nothing may be asked of the account before"

    @pytest.mark.parametrize("of_another", [True, False])
    def test_an_agreement_to_an_older_text_or_on_another_service(
        self, service: Service, of_another: bool
    ) -> None:
        other = agreement_version("Ortto" if service.name == "Autopilot" else "Autopilot")
        signed = {**service.signed, "agreed_text": other if of_another else "0123456789ab"}

        _, message = service.good(**signed).test_connection()

        assert "has changed since the tests agreed" in message
        assert agreement_version(service.name) in message

    @pytest.mark.parametrize("off", [False, "false", "0", "off", "No"])
    def test_a_disabled_connection(self, service: Service, off: Any) -> None:
        assert "is disabled" in service.good(enabled=off).test_connection()[1]


class TestAccount:
    """What is read from a connection."""

    def test_defaults_are_the_documented_ones(self, service: Service) -> None:
        account = service.connect(None).account

        assert account.base_url == service.base_url == service.hook().default_host
        assert account.requests_per_second == account.lasting_rate == service.rate
        assert account.enabled

    @pytest.mark.parametrize(
        ("host", "base_url"),
        [
            ("https://proxy.example.com/here/v1/", "https://proxy.example.com/here/v1"),
            ("api.example.com/v1", "https://api.example.com/v1"),
            ("", None),
        ],
    )
    def test_a_host_without_a_scheme_is_https(
        self, service: Service, host: str, base_url: str | None
    ) -> None:
        assert service.connect(host).account.base_url == (base_url or service.base_url)

    def test_a_connection_written_as_a_url(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_BY_URL", f"{service.kind}://:secret@proxy.example.com:8443/v1")

        account = service.hook("by_url").account

        assert account.base_url == "https://proxy.example.com:8443/v1"
        assert account.api_key == "secret"

    @pytest.mark.parametrize("rate", [0, -1, "fast", 0.05, "inf", "nan"])
    def test_a_rate_that_is_none_is_refused(self, service: Service, rate: Any) -> None:
        hook = service.connect(None, requests_per_second=rate)

        told = rf"Requests per second of connection {service.connection_id}"
        with pytest.raises(DestinationError, match=told):
            _ = hook.account

    @pytest.mark.parametrize(
        ("rate", "beyond"), [(bounds.LEAST_RATE, 0.0999), (bounds.MOST_RATE, bounds.MOST_RATE + 1)]
    )
    def test_a_rate_may_be_as_low_and_as_high_as_its_bounds_and_no_lower_or_higher(
        self, service: Service, rate: float, beyond: float
    ) -> None:
        assert service.connect(None, requests_per_second=rate).account.requests_per_second == rate
        hook = service.connect(None, requests_per_second=beyond)
        with pytest.raises(DestinationError, match=r"a number of at least 0\.1 and at most 1,000,000"):
            _ = hook.account

    def test_a_missing_connection_says_how_to_make_one(
        self, service: Service, airflow_database: object
    ) -> None:
        with pytest.raises(ConnectionDisabledError, match="AIRFLOW_CONN_ELSEWHERE"):
            _ = service.hook("elsewhere").account

    def test_a_connection_of_another_type_is_refused_before_its_secret_is_sent_anywhere(
        self, service: Service
    ) -> None:
        service.put(conn_type="dataverse", host="https://contoso.crm4.dynamics.com", password="s3cret")

        good, text = service.hook().test_connection()

        assert not good
        assert text.startswith(
            f"The connection {service.connection_id} is of type dataverse; wanted is one of type "
            f"{service.kind} ({service.name} in"
        )

    def test_the_key_shows_nowhere(self, service: Service) -> None:
        hook = service.connect(None, "a-very-secret-key")

        assert "a-very-secret-key" not in f"{hook!r} {hook.account!r} {hook.client()!r}"

    def test_airflow_finds_the_hook_by_the_connections_type(self, service: Service) -> None:
        service.good()
        hook = BaseHook.get_hook(service.connection_id)

        assert type(hook) is service.hook
        assert getattr(hook, hook.conn_name_attr) == service.connection_id


class TestClient:
    """The client that the hook hands out."""

    def test_it_speaks_to_the_account(self, service: Service) -> None:
        async def ask() -> int:
            async with service.good().client() as client:
                await (client.tags() if service.kind == "ortto" else client.lists())
                return client.counters.total

        assert asyncio.run(ask()) == 1

    def test_there_is_none_without_an_agreement(self, service: Service) -> None:
        with pytest.raises(AgreementMissingError):
            service.good(agreed_by=None).client()


class TestHttpHook:
    """HttpHook's own way to make a call."""

    def test_a_single_call(self, service: Service) -> None:
        service.emulator.staff.add_list("News")
        hook = service.good()

        assert isinstance(hook, HttpHook)
        assert "News" in service.calling(hook).text

    def test_nothing_of_extra_becomes_a_header(self, service: Service) -> None:
        """HttpHook would send these: the strings reach the server, and the boolean raises InvalidHeader."""
        hook = service.good(enabled=True)

        session = hook.get_conn()

        assert session.headers[service.key_header] == service.emulator.api_key
        assert not KNOWN_FIELDS[service.kind] & {name.lower() for name in session.headers}
        assert service.calling(hook).ok

    def test_certificates_are_held_against_the_bundle_of_the_connection(
        self, service: Service, tmp_path: Path
    ) -> None:
        bundle, _ = write_certificate(tmp_path)
        hook = service.good(ca_bundle=f" {bundle} ")

        assert hook.get_conn().verify == str(bundle)
        assert hook.test_connection()[0]
        bundle.unlink()
        good, message = hook.test_connection()
        assert not good
        assert f"CA bundle of connection {service.connection_id}" in message

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("extra", [{}, {"enabled": True}])
    @pytest.mark.parametrize("options", [{}, {"allow_redirects": True, "verify": False}])
    def test_the_key_follows_no_redirect(
        self, service: Service, status: int, extra: dict[str, Any], options: dict[str, Any]
    ) -> None:
        """HttpHook follows them, where the connection has no extra or its caller wants it."""
        method, path = service.asked
        with listening_thief() as thief:
            away = RedirectResponse(f"http://{thief.address}{path}", status)
            here = Starlette(routes=[Route(f"/v1{path}", lambda _: away, methods=[method])])
            with serve_in_thread(here) as url:
                service.put(host=f"{url}/v1", password="f" * 32, extra=extra)
                hook = service.hook(method=method)
                hook.run(path, extra_options={"check_response": False, **options})

            assert not thief.was_asked

    def test_the_key_goes_to_no_proxy_on_the_way_to_this_machine(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with listening_thief() as thief:
            monkeypatch.setenv("HTTP_PROXY", f"http://{thief.address}")
            hook = service.good()
            assert service.calling(hook).ok
            assert hook.test_connection()[0]

            assert not thief.was_asked

    def test_no_netrc_of_the_worker_goes_along(
        self, service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "netrc").write_text("default login somebody password else\n")
        (tmp_path / "netrc").chmod(0o600)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

        assert "Authorization" not in service.calling(service.good()).request.headers

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"extra": {"enabled": "off"}}, "is disabled"),
            ({"extra": {"enabled": "disabled"}}, "must be true or false"),
            ({"host": "http://api.example.com/v1"}, "switch on Allow clear text"),
            ({"host": "https://api.example.com/v1", "port": 8443}, "has a port or schema beside the URL"),
        ],
    )
    def test_a_connection_that_must_not_be_used_sends_no_single_call(
        self, service: Service, fields: dict[str, Any], told: str
    ) -> None:
        service.put(**({"host": "https://127.0.0.1:9", "password": "f" * 32} | fields))

        with pytest.raises(DestinationError, match=told):
            service.calling(service.hook())


class TestClearText:
    """A key that can be read on the way."""

    @pytest.mark.parametrize("switch", [{}, {"allow_clear_text": False}, {"allow_clear_text": "no"}])
    def test_it_is_refused(self, service: Service, switch: dict[str, Any]) -> None:
        good, message = service.connect("http://api.example.com/v1", **switch).test_connection()

        assert not good
        assert "switch on Allow clear text in the connection" in message

    @pytest.mark.parametrize("on", [True, "true", 1])
    def test_it_is_told_where_it_is_allowed(
        self, service: Service, monkeypatch: pytest.MonkeyPatch, on: Any
    ) -> None:
        """The emulator stands in for another machine, as its own proxy."""
        monkeypatch.setenv("HTTP_PROXY", service.emulator.base_url.removesuffix("/v1"))
        good, message = service.connect(
            "http://emulator.invalid/v1", service.emulator.api_key, allow_clear_text=on
        ).test_connection()

        assert good
        assert "http://emulator.invalid:80 is asked in clear text (its connection allows it" in message
