"""Measures the local AWS: ``python -m tools.bench_local``.

Stacks of 250 resources that refer to each other are deployed and deleted, one after another, through CloudFormation's
API. Times are seconds of wall clock; what grows linearly costs the same per resource however many there are.
"""

import json
import time
from typing import Any

from local_aws import LocalAws

SIZES = (250, 500, 1000, 2000)
PER_STACK = 250
GROUP = 5
"""Resources of one group: a key, a topic under it, a role, its policy, and a parameter that names them."""


def template(groups: int) -> str:
    """A template of that many groups."""
    resources: dict[str, Any] = {}
    for number in range(groups):
        resources |= {f"{name}{number}": body for name, body in _group(number).items()}
    return json.dumps({"Resources": resources})


def _group(number: int) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sts:AssumeRole"}
    publish = {"Effect": "Allow", "Action": "sns:Publish", "Resource": {"Ref": f"Topic{number}"}}
    everything = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
    return {
        "Key": _resource("KMS::Key", KeyPolicy=_policy(everything)),
        "Topic": _resource("SNS::Topic", KmsMasterKeyId={"Ref": f"Key{number}"}),
        "Role": _resource("IAM::Role", AssumeRolePolicyDocument=_policy(trust)),
        "Policy": _resource("IAM::ManagedPolicy", PolicyDocument=_policy(publish), Roles=[{"Ref": f"Role{number}"}]),
        "Parameter": _resource("SSM::Parameter", Type="String", Value={"Fn::GetAtt": [f"Role{number}", "Arn"]}),
    }


def _resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def _policy(statement: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement]}


def main() -> None:
    """Prints what each number of resources takes."""
    body = template(PER_STACK // GROUP)
    print(f"{'resources':>10}{'deploy':>12}{'delete':>12}{'per resource':>16}")
    for size in SIZES:
        with LocalAws() as aws:
            cloudformation = aws.client("cloudformation")
            names = [f"stack{number}" for number in range(size // PER_STACK)]
            started = time.perf_counter()
            for name in names:
                cloudformation.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
            deployed = time.perf_counter()
            states = {each["StackStatus"] for each in cloudformation.describe_stacks()["Stacks"]}
            if states != {"CREATE_COMPLETE"}:
                raise SystemExit(f"not deployed: {states}")
            began = time.perf_counter()
            for name in names:
                cloudformation.delete_stack(StackName=name)
            deleted = time.perf_counter()
            if cloudformation.describe_stacks()["Stacks"]:
                raise SystemExit("not deleted")
        deploy, delete = deployed - started, deleted - began
        print(f"{size:10}{deploy:10.2f} s{delete:10.2f} s{(deploy + delete) / size * 1000:13.2f} ms")


if __name__ == "__main__":
    main()
