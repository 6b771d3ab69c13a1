"""Runs the handler of one Lambda function once: a program of its own, without anything else of this package.

It reads what to run from its standard input, gives the handler a ``ResponseURL`` of this process, and writes what came
of it to the file that its argument names.
"""

import importlib
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.request import Request, urlopen

RECEIVED: list[Any] = []
"""What the handler sent to its ``ResponseURL``."""


class Response(BaseHTTPRequestHandler):
    """Takes the answer that a custom resource sends to CloudFormation."""

    def do_PUT(self) -> None:
        """Takes the answer."""
        RECEIVED.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()


class Context:
    """The second argument of a handler.

    Source: AWS docs lambda/latest/dg/python-context.html
    """

    function_version = "$LATEST"
    identity = None
    client_context = None

    def __init__(self, function: dict[str, Any]) -> None:
        self.function_name = function["name"]
        self.invoked_function_arn = function["arn"]
        self.memory_limit_in_mb = function["memory"]
        self.aws_request_id = function["request"]
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = f"local/[$LATEST]{self.aws_request_id}"
        self._ends = time.monotonic() + function["timeout"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the time is up."""
        return max(0, int((self._ends - time.monotonic()) * 1000))


def send(
    event: dict[str, Any],
    context: Context,
    responseStatus: str,  # noqa: N803 (cfnresponse's names)
    responseData: dict[str, Any],  # noqa: N803
    physicalResourceId: str | None = None,  # noqa: N803
    noEcho: bool = False,  # noqa: N803
    reason: str | None = None,
) -> None:
    """Answers CloudFormation, as the module ``cfnresponse`` does that Lambda gives to inline code.

    Source: AWS docs AWSCloudFormation/latest/UserGuide/cfn-lambda-function-code-cfnresponsemodule.html
    """
    answer = {
        "Status": responseStatus,
        "Reason": reason or f"See the details in CloudWatch Log Stream: {context.log_stream_name}",
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
        "NoEcho": noEcho,
        "Data": responseData,
    }
    # The URL is this process's own.
    urlopen(Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")).close()  # noqa: S310


def main() -> None:
    """Runs the handler; whatever it left running ends with this process."""
    function = json.load(sys.stdin)
    server = HTTPServer(("127.0.0.1", 0), Response)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    event = {**function["event"], "ResponseURL": f"http://127.0.0.1:{server.server_port}/response"}
    cfnresponse: Any = ModuleType("cfnresponse")
    cfnresponse.SUCCESS, cfnresponse.FAILED, cfnresponse.send = "SUCCESS", "FAILED", send
    sys.modules["cfnresponse"] = cfnresponse
    sys.path[:0] = function["path"]
    outcome: dict[str, Any] = {}
    try:
        module, _, name = function["handler"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
        outcome["returned"] = handler(event, Context(function))
    except BaseException as error:  # noqa: BLE001 (Lambda reports all of them, SystemExit too)
        outcome["error"] = f"{type(error).__name__}: {error}"
    outcome["answer"] = RECEIVED[-1] if RECEIVED else None
    Path(sys.argv[1]).write_text(json.dumps(outcome, default=str))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
