"""The request that docs/guardrails.md shows is one that AWS takes and the guardrails let through."""

import re
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from tools.guardrails_page import page
from trainyard.sagemaker_actions import PROTECTIONS, Demand

SAYS = {
    "WithoutTrafficEncryption": "EnableInterContainerTrafficEncryption",
    "WithoutNetworkIsolation": "EnableNetworkIsolation",
    "ForeignSubnets": "VpcConfig",
    "ForeignSecurityGroups": "VpcConfig",
    "OtherOutputKeys": "OutputDataConfig",
    "OtherInstanceTypes": "ResourceConfig",
    "WithoutTheTeam": "Tags",
    "WithoutTheEnvironment": "Tags",
}


def test_the_request_is_one_that_aws_takes() -> None:
    service = botocore.session.get_session().get_service_model("sagemaker")
    shape = service.operation_model("CreateTrainingJob").input_shape
    assert shape
    assert not ParamValidator().validate(_request(), shape).has_errors()


def test_the_request_says_all_that_the_table_requires_of_it() -> None:
    required = {
        each.name for each in PROTECTIONS if "CreateTrainingJob" in each.required and not each.not_on_local_storage
    }
    assert required == set(SAYS)
    assert set(SAYS.values()) <= set(_request())


def test_every_protection_is_on_the_page() -> None:
    assert [each.name for each in PROTECTIONS if f": {each.name}\n" not in page()] == []


def test_what_must_be_given_is_told_as_required() -> None:
    (tagging,) = [each for each in PROTECTIONS if each.demand is Demand.GIVEN]
    assert f"{tagging.name}\n\nThe value must be there.\n\n- Required: `AddTags`" in page()


def _request() -> dict[str, Any]:
    """The keyword arguments of the call in the page, with made-up texts for the names in capitals."""
    code = re.search(r"create_training_job\((.*?)\n\)\n```", page(), re.S)
    assert code
    names = set(re.findall(r"\b[A-Z][A-Z_]+\b", code[1]))
    values: dict[str, Any] = dict.fromkeys(names, "arn:aws:iam::111111111111:role/jobs")
    values["SUBNETS"] = ["subnet-0a"]
    values["TRAINING_GROUP"] = values["CLIENTS_GROUP"] = "sg-0a"
    request: dict[str, Any] = eval(f"dict({code[1]})", {"dict": dict}, values)  # noqa: S307 (our own page)
    return request
