"""Runs programs that use a SageMaker SDK, in the SDK's own environment, with an AWS that says yes and does nothing.

``sdk_driver.py FILE`` reads name to program, as JSON, from its standard input, and writes name to what the program
asked of AWS and what it failed on to the file.
"""

import importlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any, cast

import botocore
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

ROLE = "arn:aws:iam::111111111111:role/vision-notebook"
ANSWERS: dict[str, dict[str, Any]] = {
    "GetCallerIdentity": {"Account": "111111111111", "Arn": "arn:aws:sts::111111111111:assumed-role/vision-notebook/x"},
    "GetRole": {"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": "%7B%7D"}},
    "CreateModel": {"ModelArn": "arn:aws:sagemaker:eu-west-1:111111111111:model/vision"},
    "DescribeTrainingJob": {"TrainingJobName": "vision", "TrainingJobStatus": "Completed"},
    "DescribeHyperParameterTuningJob": {
        "HyperParameterTuningJobName": "vision",
        "HyperParameterTuningJobConfig": {"Strategy": "Bayesian", "ResourceLimits": {"MaxParallelTrainingJobs": 1}},
    },
    "DescribeModel": {"ModelName": "vision-model"},
    "DescribeEndpoint": {"EndpointName": "vision-endpoint", "EndpointStatus": "InService"},
    "CreateEndpoint": {"EndpointArn": "arn:aws:sagemaker:eu-west-1:111111111111:endpoint/vision"},
}
# No role of a team may list all buckets.
REFUSED = {"ListBuckets"}

asked: list[tuple[str, str, Any]] = []


def answer(model: Any, params: dict[str, Any], **_: object) -> Any:
    """In place of sending a request."""
    service, operation = model.service_model, model.name
    asked.append((service.service_name, operation, _said(params) if service.metadata["protocol"] == "json" else None))
    status = 403 if operation in REFUSED else 200
    error = {"Error": {"Code": "AccessDenied", "Message": operation}} if operation in REFUSED else {}
    parsed = {**ANSWERS.get(operation, {}), **error, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}}}
    return AWSResponse(params["url"], status, HTTPHeaders(), None), parsed


def _said(params: dict[str, Any]) -> Any:
    return json.loads(params["body"] or "{}")


def run(program: str) -> dict[str, Any]:
    """What it asked, and the end of the traceback if it failed."""
    asked.clear()
    failed = ""
    try:
        exec(compile(program, "program", "exec"), {"__name__": "program"})  # noqa: S102 (programs of the tests)
    except Exception:  # noqa: BLE001 (of any library)
        failed = traceback.format_exc()
    return {"asked": list(asked), "failed": failed}


if __name__ == "__main__":
    botocore.register_initializer(lambda session: session.register("before-call", cast(Any, answer)))
    # At each look-up of a default the SDK checks the file, and its own schema too, which takes most of its time.
    jsonschema: Any = importlib.import_module("jsonschema")
    jsonschema.Draft202012Validator.check_schema = lambda *_, **__: None
    programs = json.load(sys.stdin)
    Path(sys.argv[1]).write_text(json.dumps({name: run(program) for name, program in programs.items()}))
