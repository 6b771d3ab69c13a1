"""Asks IAM's own simulator about every case of the access matrix, in an account where an environment is deployed."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from environments import Environment
from operations.access.matrix import NOW, Case, matrix
from operations.access.resources import Resource, Told, resources_of, told_by
from operations.access.roles import roles_of
from operations.access.values import Platform
from operations.assembly import StackTemplate, stacks_of
from operations.errors import InputError
from stacks.platform_stack import stack_name

EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
# IAM lets an account simulate only so often, and refuses what is too much.
RETRIES = Config(retries={"mode": "standard", "max_attempts": 10})
CALLS_AT_ONCE = 4

DECISIONS = {
    "allowed": "is allowed",
    "explicitDeny": "is denied by a Deny",
    "implicitDeny": "is allowed by nothing",
    None: "has no answer",
}


def simulate(environment: Environment, assembly: Path, session: boto3.Session, say: Callable[[str], None]) -> int:
    """Compares what IAM says with what is meant, by calls that change nothing.

    Args:
        environment: the environment, which must be deployed as the assembly says.
        assembly: the folder that cdk synth wrote.
        session: the session of the environment's account and region.
        say: takes a line: how many cases there are, each that differs, and how many do.

    Returns:
        How many cases differ.

    Raises:
        InputError: for an assembly, an account or a deployment that are not the environment's.

    Source: AWS docs IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
    """
    stacks = _stacks(environment, assembly)
    resources = resources_of(stacks)
    try:
        told = _deployed(environment, stacks, resources, session)
        cases = sorted(matrix(Platform(environment, resources, told), roles_of(resources)), key=_circumstances)
        groups = [list(each) for _, each in groupby(cases, _circumstances)]
        say(f"{environment.name}: {len(cases)} cases, {len(groups)} calls")
        iam = session.client("iam", config=RETRIES)
        differ = 0
        with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
            for group, decisions in zip(groups, pool.map(lambda each: _ask(iam, told, each), groups), strict=True):
                for case in group:
                    decision = decisions.get(case.action)
                    if decision is None or (decision == "allowed") is not case.allowed:
                        differ += 1
                        should = "allowed" if case.allowed else "denied"
                        say(f"{case.name}: should be {should}, {DECISIONS[decision]}")
    except (BotoCoreError, ClientError) as error:
        raise InputError(f"{environment.name}: {error}") from None
    say(f"{differ} of {len(cases)} cases differ")
    return differ


def _circumstances(case: Case) -> tuple[str, str, str, bool]:
    return case.circumstances


def _stacks(environment: Environment, assembly: Path) -> list[StackTemplate]:
    try:
        stacks = stacks_of(assembly)
    except FileNotFoundError as error:
        raise InputError(f"{assembly}: not an assembly of cdk synth: {error.filename} is missing") from None
    for stack in stacks:
        if stack.name != stack_name(environment, stack.key):
            raise InputError(f"{assembly}: not an assembly of {environment.name}: it holds {stack.name}")
    teams = {f"Team-{team.name}" for team in environment.teams}
    if teams != {stack.key for stack in stacks if stack.key.startswith("Team-")}:
        raise InputError(f"{assembly}: not an assembly of {environment.name} as its file is now: it has other teams")
    return stacks


def _deployed(
    environment: Environment, stacks: Sequence[StackTemplate], resources: Sequence[Resource], session: boto3.Session
) -> Told:
    identity = session.client("sts").get_caller_identity()
    if identity["Account"] != environment.account:
        raise InputError(
            f"account: {environment.name} is of {environment.account}, and these credentials of {identity['Account']}"
        )
    pages = session.client("cloudformation", config=RETRIES).get_paginator("list_stack_resources")
    ids = {
        f"{stack.key}.{each['LogicalResourceId']}": each["PhysicalResourceId"]
        for stack in stacks
        for page in pages.paginate(StackName=stack.name)
        for each in page["StackResourceSummaries"]
        if "PhysicalResourceId" in each
    }
    missing = [each.name for each in resources if each.name not in ids]
    if missing:
        raise InputError(f"{environment.name}: not deployed as the assembly says: {missing[0]} is missing: make diff")
    return told_by(resources, ids, environment.region, environment.account, identity["Arn"].split(":")[1])


def _ask(iam: Any, told: Told, group: Sequence[Case]) -> dict[str, str]:
    """IAM's decision for each action of cases that have all else in common."""
    case = group[0]
    # A boundary that is given replaces the role's own.
    further = {"PolicyInputList": [EVERYTHING], "PermissionsBoundaryPolicyInputList": [EVERYTHING]}
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=told(case.role.resource.arn),
        ActionNames=[each.action for each in group],
        ResourceArns=[case.resource],
        ContextEntries=[entry(key, value) for key, value in case.context.items()],
        **(further if case.all_else_allowed else {}),
    )
    return {each["EvalActionName"]: each["EvalDecision"] for page in pages for each in page["EvaluationResults"]}


def entry(key: str, value: object) -> dict[str, Any]:
    """A condition key and what a request says in it, as the simulator takes it."""
    match value:
        case bool():
            kind = "boolean"
        case int():
            kind = "numeric"
        case list():
            kind = "stringList"
        case _:
            kind = "date" if key == NOW else "string"
    values = value if isinstance(value, list) else [str(value).lower() if isinstance(value, bool) else str(value)]
    return {"ContextKeyName": key, "ContextKeyType": kind, "ContextKeyValues": values}
