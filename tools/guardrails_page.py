"""Writes docs/guardrails.md from the table of SageMaker's actions and what their requests must say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from trainyard.sagemaker_actions import FORBIDDEN, PRESIGNED, PROTECTIONS, Demand, Protection

INTRODUCTION = """\
# The guardrails

Training jobs are in no template: what a job may be is decided by IAM when somebody submits it. Every role of a team
that may submit work carries four managed policies of Denies, which nobody but an administrator of the account can
detach: about the network, about work, about the platform, and about what differs from team to team. They hold whatever
else a role is allowed.

| | where in the environment file |
|---|---|
| subnets and security groups | those that Trainyard makes, or `network.existing_vpc` |
| instance types, longest runtime, keep-alive | `access` |
| key of volumes; key of outputs | Trainyard's; a team's own with `teams[].own_key` |
| file systems | `lustre[].teams` |
| URLs of notebook instances and Studio | `access.presigned_urls_from_vpc_only` |
| an exception from network isolation | `teams[].without_network_isolation`, with a reason and a day that ends it |

A request that passes names the team (`vision-...`), and says all that the list below asks for. A pipeline names its
jobs itself, `pipelines-EXECUTION-STEP-...`, so a step is called like a job: `vision-train`. With boto3:

```python
import boto3

boto3.client("sagemaker").create_training_job(
    TrainingJobName="vision-first",
    RoleArn=JOB_ROLE,
    AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    OutputDataConfig={"S3OutputPath": "s3://ARTIFACTS/vision/output", "KmsKeyId": OUTPUT_KEY},
    ResourceConfig={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 50},
    StoppingCondition={"MaxRuntimeInSeconds": 86400},
    VpcConfig={"Subnets": SUBNETS, "SecurityGroupIds": [TRAINING_GROUP, CLIENTS_GROUP]},
    EnableNetworkIsolation=True,
    EnableInterContainerTrafficEncryption=True,
    Tags=[{"Key": "Team", "Value": "vision"}, {"Key": "Environment", "Value": "prod"}],
)
```

An instance type with local storage (ml.g5, ml.p4d and others) takes no `VolumeKmsKeyId`: AWS refuses one, and the
hardware encrypts. Every other type must have it.

What IAM cannot see: `CreateTransformJob` has no switches of its own for the network, and an endpoint has them and need
not use them: both take those of their models. AutoML has none for isolation, and no role may use it. SageMaker starts
the processing jobs of Debugger's rules and of the profiler by itself, and no key looks at them. AWS Batch has none of
these switches, and a team may submit its own job definitions alone. No key exists for a container image: roles pull
from the environment's repositories and the accounts of `network.image_accounts`, and from nowhere else.

`make scp` writes the same guardrails for an organisation ([how](organization.md)), and `make simulate` asks a live
account whether they hold.

This page is made from `constructs/trainyard/sagemaker_actions.py` (`make snapshots`).

"""

SAYS = {
    Demand.TRUE: "must be true",
    Demand.ONE_OF: "must be one of the allowed values",
    Demand.LIKE: "must match an allowed pattern",
    Demand.AT_MOST: "must be at most the allowed number",
    Demand.NONE_OF: "must not be",
    Demand.GIVEN: "must be there",
}


def page() -> str:
    """The text of the page."""
    lines = [INTRODUCTION, "## What a request must say\n"]
    for protection in PROTECTIONS:
        lines += [*_section(protection), ""]
    lines += ["## What is never done\n", "| action | why |", "|---|---|"]
    lines += [f"| `{action}` | {why} |" for action, why in FORBIDDEN.items()]
    lines += ["| `s3:CreateBucket` | a bucket may get a name that others trust |"]
    lines += [
        "",
        "## URLs that work for whoever has them\n",
        "From inside the VPC alone, unless the file says otherwise:",
    ]
    lines += [f"{_listed(PRESIGNED)}."]
    return "\n".join(lines) + "\n"


def _section(protection: Protection) -> Iterator[str]:
    values = f" {' or '.join(f'`{value}`' for value in protection.values)}" if protection.values else ""
    yield f"### `{protection.key}`: {protection.name}\n"
    yield f"The value {SAYS[protection.demand]}{values}."
    if protection.not_on_local_storage:
        yield "Not asked of instance types with local storage."
    if protection.in_private_spaces:
        yield "Asked in private spaces."
    yield ""
    if protection.required:
        yield f"- Required: {_listed(protection.required)}"
    for why, actions in _by_reason(protection.optional, protection.actions):
        yield f"- May be left out: {_listed(actions)}: {why}"
    for why, actions in _by_reason(protection.free, tuple(protection.free)):
        yield f"- Not looked at: {_listed(actions)}: {why}"


def _by_reason(reasons: Mapping[str, str], actions: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for why in dict.fromkeys(reasons.values()):
        found = [action for action in actions if reasons.get(action) == why]
        if found:
            yield why, found


def _listed(actions: Iterable[str]) -> str:
    return ", ".join(f"`{action}`" for action in actions)
