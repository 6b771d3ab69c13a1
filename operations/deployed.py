"""What of an environment is deployed, and what a deployment over it would replace or remove."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from environments import Environment
from operations.assembly import Json, StackTemplate, stacks_of
from operations.errors import InputError
from operations.replacement import changes, create_only, record, refused

RETRIES = Config(retries={"mode": "adaptive", "max_attempts": 10})
"""For calls that are many, or that must not fail half-way because AWS asks to wait."""

STACK = "aws:cloudformation:stack"

EMPTY = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "DELETE_COMPLETE")
"""States of a stack that has a template and no resources: its first deployment did not come to its end."""


def check_replacement(
    environment: Environment, assembly: Path, session: boto3.Session, say: Callable[[str], None]
) -> bool:
    """Whether a deployment replaces and removes nothing that holds data, but for what the environment file allows.

    Stacks that the assembly does not have count for nothing: a deployment leaves them alone.

    Args:
        environment: the environment; it need not be deployed.
        assembly: the folder that cdk synth wrote for it.
        session: the session of the environment's region.
        say: takes what would be lost, and the lines for the file that allow it.

    Raises:
        InputError: for an assembly or an account that is not the environment's, and for what AWS refuses.
    """
    stacks = _stacks(environment, assembly)
    try:
        cloudformation = _reading(environment, assembly, session).client("cloudformation", config=RETRIES)
        there = {stack.name: template for stack in stacks if (template := template_of(cloudformation, stack.name))}
    except (BotoCoreError, ClientError) as error:
        raise InputError(f"{environment.name}: {error}") from None
    paths = create_only()
    found = changes(record(there, paths), record({stack.name: stack.template for stack in stacks}, paths))
    for change in found:
        if change.name in environment.allowed_replacements:
            say(f"allowed: {change}")
    for name in environment.allowed_replacements:
        if name not in {change.name for change in found}:
            say(f"warning: allowed_replacements: '{name}': would be neither replaced nor removed: take it out")
    forbidden = refused(found, environment.allowed_replacements)
    if forbidden:
        say(f"{environment.name}: refused:\n{forbidden}")
    return not forbidden


def template_of(cloudformation: Any, stack: str) -> Json | None:
    """The template of a deployed stack; None when there is no such stack, or nothing in it."""
    try:
        (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        if described["StackStatus"] in EMPTY:
            return None
        body = cloudformation.get_template(StackName=stack)["TemplateBody"]
    except ClientError as error:
        # The code is that of any other bad request.
        if f"{stack} does not exist" in str(error):
            return None
        raise
    # The CLI of CDK sends JSON or YAML; boto3 reads the one and not the other.
    template: Json = yaml.safe_load(body) if isinstance(body, str) else body
    return template


def _stacks(environment: Environment, assembly: Path) -> Sequence[StackTemplate]:
    try:
        stacks = stacks_of(assembly)
    except FileNotFoundError as error:
        raise InputError(f"{assembly}: not an assembly of cdk synth: {error.filename} is missing") from None
    for stack in stacks:
        if stack.name != f"trainyard-{environment.name}-{stack.key.lower()}":
            raise InputError(f"{assembly}: not an assembly of {environment.name}: it holds {stack.name}")
    return stacks


def _reading(environment: Environment, assembly: Path, session: boto3.Session) -> boto3.Session:
    """A session that reads with the role that the CDK CLI reads with, or else with what the caller has.

    Whoever deploys through the roles of CDK's bootstrap may have nothing but them.
    """
    sts = session.client("sts", config=RETRIES)
    partition = session.get_partition_for_region(environment.region)
    try:
        role = _lookup_role(assembly).replace("${AWS::Partition}", partition)
        keys = sts.assume_role(RoleArn=role, RoleSessionName="trainyard")["Credentials"]
    except ClientError:
        # In another account every stack would seem to be new.
        account = sts.get_caller_identity()["Account"]
        if account != environment.account:
            raise InputError(
                f"account: {environment.name} is of {environment.account}, and these credentials of {account}"
            ) from None
        return session
    return boto3.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        region_name=environment.region,
    )


def _lookup_role(assembly: Path) -> str:
    """ARN of the role of CDK's bootstrap that may read all stacks; one environment has one."""
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"].values()
    (role,) = {each["properties"]["lookupRole"]["arn"] for each in artifacts if each["type"] == STACK}
    return str(role)
