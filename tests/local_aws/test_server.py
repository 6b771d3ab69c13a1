import json
import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from local_aws import server
from local_aws.__main__ import main

ANY = "0.0.0.0"  # noqa: S104 (what must be refused)
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "bucket.localhost"])
def test_the_machine_itself_is_loopback(host: str) -> None:
    assert server.is_loopback(host)


@pytest.mark.parametrize("host", ["", ANY, "::", "10.0.0.1", "example.com", "127.0.0.1.example.com", "localhost.com"])
def test_no_other_host_is(host: str) -> None:
    assert not server.is_loopback(host)


def echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.input"].read()]


def broken(_environ: dict[str, Any], _start_response: Any) -> Iterable[bytes]:
    raise KeyError("nobody thought of this")


def ask(application: server.Wsgi, headers: dict[str, str] | None = None, body: str = "") -> TestResponse:
    return Client(server.Application(application)).post("/", data=body, headers=headers, base_url="http://127.0.0.1:1")


def test_a_request_goes_on_as_it_came() -> None:
    assert ask(echo, FORM, "Action=ListStacks").text == "Action=ListStacks"


@pytest.mark.parametrize(
    ("headers", "body", "logged"),
    [
        ({}, "", "200 POST /"),
        (
            {
                "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/eu-west-1/cloudformation/aws4_request",
                **FORM,
            },
            "Action=ListStacks&Version=2010-05-15",
            "200 POST / cloudformation ListStacks",
        ),
        ({"X-Amz-Target": "SageMaker.ListDomains"}, "{}", "200 POST / ListDomains"),
    ],
)
def test_the_log_names_service_and_operation(
    headers: dict[str, str], body: str, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ask(echo, headers, body)
    assert caplog.messages == [logged]


def test_a_failure_stands_in_the_log_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    ask(broken)
    assert "POST /: failed" in caplog.text
    assert "KeyError: 'nobody thought of this'" in caplog.text


@pytest.mark.parametrize(
    ("headers", "start"),
    [
        ({}, "<Error><Code>InternalFailure</Code>"),
        (FORM, "<ErrorResponse><Error><Code>InternalFailure</Code>"),
        ({"X-Amz-Target": "SageMaker.ListDomains"}, '{"__type": "InternalFailure"'),
        ({"Content-Type": "application/json"}, '{"__type": "InternalFailure"'),
    ],
)
def test_a_failure_is_told_in_the_callers_protocol(headers: dict[str, str], start: str) -> None:
    response = ask(broken, headers)
    assert response.status_code == 500
    assert response.text.startswith(start)


def test_what_nobody_emulates_is_refused_with_its_name() -> None:
    def unknown(_environ: dict[str, Any], _start_response: Any) -> Iterable[bytes]:
        raise NotImplementedError("The list_rules action has not been implemented")

    response = ask(unknown, FORM)
    assert response.status_code == 501  # which the SDKs do not try again
    assert "<Code>NotImplemented</Code><Message>The list_rules action" in response.text


@pytest.mark.parametrize("headers", [{"Origin": "https://example.com"}, {"Host": "example.com"}])
def test_what_a_web_page_sends_is_refused(headers: dict[str, str]) -> None:
    assert ask(echo, headers).status_code == 403


def test_the_ready_file_says_where_the_server_is(tmp_path: Path) -> None:
    with server.ready_file(tmp_path / "ready") as ready:
        ready("http://127.0.0.1:1")
        assert json.loads((tmp_path / "ready").read_text()) == {"url": "http://127.0.0.1:1", "pid": os.getpid()}


def test_the_ready_file_goes_with_the_server(tmp_path: Path) -> None:
    with server.ready_file(tmp_path / "ready"):
        pass
    assert not (tmp_path / "ready").exists()


def test_two_servers_cannot_have_one_ready_file(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    with (
        server.ready_file(path),
        pytest.raises(server.InUseError, match="another server has it"),
        server.ready_file(path),
    ):
        pass


def test_the_ready_file_of_a_dead_server_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "ready").write_text('{"url": "http://127.0.0.1:1", "pid": 1}\n')
    with server.ready_file(tmp_path / "ready") as ready:
        ready("http://127.0.0.1:2")
        assert json.loads((tmp_path / "ready").read_text())["url"] == "http://127.0.0.1:2"


def test_a_server_that_was_refused_leaves_the_others_file(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    with server.ready_file(path):
        with pytest.raises(server.InUseError), server.ready_file(path):
            pass
        assert path.exists()


@pytest.mark.parametrize("host", [ANY, "example.com"])
def test_a_host_that_is_not_loopback_is_one_line_and_exit_code_2(
    host: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["local_aws", "--host", host])
    assert main() == 2
    assert capsys.readouterr().err == (
        f"local_aws: host: '{host}': must be loopback, as 127.0.0.1: the local AWS is for this machine alone\n"
    )


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_free_port_is_found() -> None:
    with server.server("127.0.0.1", 0) as bound:
        assert server.url_of(bound) == f"http://127.0.0.1:{bound.port}"
        assert bound.port


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_port_in_use_is_an_error() -> None:
    with server.server("127.0.0.1", 0) as bound, pytest.raises(OSError, match="in use"):
        server.server("127.0.0.1", bound.port)
