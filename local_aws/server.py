"""Trainyard's local AWS over HTTP, on the loopback interface alone: the endpoint of the CDK CLI and boto3."""

import fcntl
import ipaddress
import json
import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Response

_LOG = logging.getLogger(__name__)
_FORM = "application/x-www-form-urlencoded"

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is that of the machine itself, whatever a name server says."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Application:
    """Logs each request, and answers for ``application`` where that fails.

    A web page that is open in the same machine's browser could make requests too, and templates can hold programs: what
    a browser sends on behalf of a page is refused. It names the page's origin, or a host that is not this one.
    """

    def __init__(self, application: Wsgi) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI."""
        request = _described(environ)

        def start(status: str, *arguments: Any) -> Any:
            _LOG.info("%s %s", status.partition(" ")[0], request)
            return start_response(status, *arguments)

        if "HTTP_ORIGIN" in environ or not is_loopback(urlsplit(f"//{environ.get('HTTP_HOST')}").hostname or ""):
            return Response("The local AWS takes no requests from web pages.\n", 403)(environ, start)
        try:
            return self._application(environ, start)
        except NotImplementedError as error:
            return _failure(environ, 501, "NotImplemented", str(error))(environ, start)
        except Exception:  # noqa: BLE001 (whatever it is: it is logged, and the server goes on)
            _LOG.exception("%s: failed", request)
            message = "The local AWS failed; its log says how."
            return _failure(environ, 500, "InternalFailure", message)(environ, start)


def _described(environ: Environ) -> str:
    """Method and path with, where it says so, the service and the operation."""
    # Of "AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, ..."
    scope = environ.get("HTTP_AUTHORIZATION", "").partition(",")[0].split("/")
    service = scope[3] if len(scope) == 5 else ""
    operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    if environ.get("CONTENT_TYPE", "").startswith(_FORM):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        operation = parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
    return " ".join(filter(None, [environ["REQUEST_METHOD"], environ["PATH_INFO"], service, operation]))


def _failure(environ: Environ, status: int, code: str, message: str) -> Response:
    """An error in the caller's protocol.

    Source: AWS docs "Common error types" of each service's API reference.
    """
    if "HTTP_X_AMZ_TARGET" in environ or "json" in environ.get("CONTENT_TYPE", ""):
        body = json.dumps({"__type": code, "message": message})
        return Response(body, status, {"x-amzn-ErrorType": code}, content_type="application/json")
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    if environ.get("CONTENT_TYPE", "").startswith(_FORM):
        error = f"<ErrorResponse>{error}<RequestId>local</RequestId></ErrorResponse>"
    return Response(error, status, content_type="text/xml")


class _RequestHandler(MotoRequestHandler):
    """Moto's, without werkzeug's access log, which knows no operations."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the application does it."""


def server(host: str, port: int) -> BaseWSGIServer:
    """A server that is bound, on a free port for port 0, and not yet serving; each request gets a thread of its own.

    Raises:
        ValueError: for a host that is not loopback.
        OSError: when the port cannot be had.
    """
    if not is_loopback(host):
        raise ValueError(f"host: {host!r}: must be loopback, as 127.0.0.1: the local AWS is for this machine alone")
    application = Application(DomainDispatcherApplication(create_backend_app))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Werkzeug ends the process where it cannot bind.
    with socket.create_server((host, port), family=family, backlog=128) as bound:
        return make_server(host, port, application, threaded=True, request_handler=_RequestHandler, fd=bound.fileno())


def url_of(bound: BaseWSGIServer) -> str:
    """The endpoint of a server."""
    return f"http://{f'[{bound.host}]' if ':' in bound.host else bound.host}:{bound.port}"


class InUseError(Exception):
    """Another server has the ready file."""


@contextmanager
def ready_file(path: Path) -> Iterator[Callable[[str], None]]:
    """A file that says where a server is, locked for as long as it lives, and gone when it ends well.

    The lock tells whether the process of that id is still the server: no other process holds it.

    Raises:
        InUseError: when another server has the file.
    """
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(f"{path}: another server has it") from None
        file.truncate(0)

        def ready(url: str) -> None:
            file.write(json.dumps({"url": url, "pid": os.getpid()}) + "\n")
            file.flush()

        try:
            yield ready
        finally:
            path.unlink(missing_ok=True)
