"""The one place where Trainyard's local AWS takes hold of moto.

Every request that moto parses passes ``BaseResponse.call_action``. There an operation that is ours is answered by our
handler, one that AWS would refuse is refused, and everything else goes on to moto. Requests are read and answers are
written with moto's own parsers and serializers, which follow botocore's service models.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from unittest.mock import patch

from moto.backends import get_backend
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.responses import BaseResponse
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import MethodNotAllowed, NotFound

from local_aws.errors import AwsError

Answer = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One request.

    Args:
        service: botocore's name of the service.
        operation: the operation, as ``CreateSpace``.
        parameters: its parameters, by the names of botocore's model.
        account: the account of the caller.
        region: the region.
    """

    service: str
    operation: str
    parameters: dict[str, Any]
    account: str
    region: str

    def arn(self, resource: str) -> str:
        """The ARN of a resource of the service in the account and region."""
        return f"arn:aws:{self.service}:{self.region}:{self.account}:{resource}"


Handler = Callable[[Call], Answer | None]
"""Answers a call; None: it is about something of moto's, which answers."""
Check = Callable[[Call], None]


@dataclass
class Front:
    """Who answers what.

    Args:
        handlers: our own answers, by service and operation.
        checks: what raises ``AwsError`` where AWS refuses, before anybody answers; by service and operation.
    """

    handlers: dict[tuple[str, str], Handler] = field(default_factory=dict)
    checks: dict[tuple[str, str], list[Check]] = field(default_factory=dict)

    def handle(self, service: str, operation: str, handler: Handler) -> None:
        """Lets ``handler`` answer an operation.

        Raises:
            ValueError: when botocore's model has no such operation, or somebody answers it already.
        """
        self._must_exist(service, operation)
        if (service, operation) in self.handlers:
            raise ValueError(f"{service}.{operation}: has a handler already")
        self.handlers[service, operation] = handler

    def check(self, service: str, operation: str, check: Check) -> None:
        """Lets ``check`` refuse an operation.

        Raises:
            ValueError: when botocore's model has no such operation.
        """
        self._must_exist(service, operation)
        self.checks.setdefault((service, operation), []).append(check)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Takes hold of moto until the end of the block."""
        theirs = BaseResponse.call_action
        front = self
        # moto's dictionaries are not made for several threads: one may grow while another thread reads it.
        one_at_a_time = threading.RLock()

        def call_action(self: BaseResponse) -> Any:
            try:
                # What is S3's stays moto's own: it does not come this way.
                name = self.boto3_service_name
                operation, in_path = get_service_router(name).match(self.normalized_request)
            except (NotFound, MethodNotAllowed, NotImplementedError):
                return theirs(self)
            with nullcontext() if name in _WAITING else one_at_a_time:
                return front._answered(self, operation, in_path, theirs)

        with ExitStack() as patches:
            patches.enter_context(patch.object(BaseResponse, "call_action", call_action))
            for service in {service for service, _ in self.handlers}:
                paths = _paths_of(service)
                patches.enter_context(patch.dict(paths, self._missing(service, paths)))
            yield

    def _answered(
        self,
        response: BaseResponse,
        operation: OperationModel,
        in_path: dict[str, Any],
        theirs: Callable[[BaseResponse], Any],
    ) -> Any:
        name = response.boto3_service_name
        key = (name, operation.name)
        handler, checks = self.handlers.get(key), self.checks.get(key, ())
        try:
            if not handler and not checks:
                return theirs(response)
            parameters = _parsed(response, operation, in_path)
            call = Call(name, operation.name, parameters, response.current_account, response.region)
            for check in checks:
                check(call)
            answer: object = handler(call) if handler else None
            if answer is None:
                return theirs(response)
        except AwsError as error:
            answer = error
        except NotImplementedError:
            answer = AwsError("ValidationException", f"The local AWS does not have {name}.{operation.name}")
        return _written(response, operation, answer)

    def _missing(self, service: str, paths: Mapping[str, Any]) -> dict[str, Any]:
        """The paths of our operations that moto does not know: it would answer 404 before it asks us."""
        uris = {
            get_service_model(service).operation_model(operation).http.get("requestUri", "/").partition("?")[0]
            for each, operation in self.handlers
            if each == service
        }
        known = [re.compile(path.format("")) for path in paths]
        answers = next(iter(paths.values()))
        return {
            f"{{0}}{re.sub(_LABEL, '[^/]+', uri)}$": answers
            for uri in uris
            if not any(path.fullmatch(uri) for path in known)
        }

    @staticmethod
    def _must_exist(service: str, operation: str) -> None:
        if operation not in get_service_model(service).operation_names:
            raise ValueError(f"{service}.{operation}: botocore knows no such operation")


_WAITING = frozenset({"cloudformation"})
"""Services whose answers wait for calls that other threads make."""

_LABEL = re.compile(r"\{[^}]+\}")
"""A part of a path that is a parameter."""


def _paths_of(service: str) -> dict[str, Any]:
    """What moto answers by: expressions for paths, to what answers."""
    backend = get_backend(service).backend  # type: ignore[call-overload]  # any service
    paths: dict[str, Any] = import_module(f"{backend.__module__.removesuffix('.models')}.urls").url_paths
    return paths


def _parsed(response: BaseResponse, operation: OperationModel, in_path: dict[str, Any]) -> dict[str, Any]:
    request = response.normalized_request
    protocol = determine_request_protocol(operation.service_model, request.content_type)
    parser = PROTOCOL_PARSERS[protocol](operation)
    parsed: dict[str, Any] = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": in_path,
        }
    )
    return {key: value for key, value in parsed.items() if value is not None}


def _written(response: BaseResponse, operation: OperationModel, answer: object) -> Any:
    model = operation.service_model
    protocol = response.determine_response_protocol(model)
    # Plain structures: without moto's pickers, which look for attributes of its own classes.
    written = get_serializer_class(model.service_name, protocol)(operation).serialize(answer)
    status, headers, body = written["status_code"], written["headers"], written["body"]
    return status, {**response.response_headers, **headers, "status": str(status)}, body
