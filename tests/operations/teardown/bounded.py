"""A small environment whose roles have a boundary, which a run closes and somebody opens."""

import json
from pathlib import Path

from operations.teardown import intake
from operations.teardown.aws import Aws
from operations.teardown.inventory import Inventory
from operations.teardown.journal import Journal
from tests.operations.teardown.made import NOTHING_DECIDED, REGION, Made

ALLOW = {"Sid": "Here", "Effect": "Allow", "Action": ["sagemaker:CreateApp"], "Resource": "*"}


def bound(account: Made) -> None:
    """Gives the environment a role with a boundary."""
    document = json.dumps({"Version": "2012-10-17", "Statement": [ALLOW]})
    policy = account.client("iam").create_policy(PolicyName="boundary", PolicyDocument=document)["Policy"]["Arn"]
    boundary = {"Ref": account.add("AWS::IAM::ManagedPolicy", policy)}
    account.add("AWS::IAM::Role", "worker", PermissionsBoundary=boundary)


def closed(account: Made) -> None:
    """Nobody starts anything any more, as the journal of the account says."""
    account.do(intake.stage(account.journal))


def opened_and_closed_elsewhere(account: Made, folder: Path) -> None:
    """Somebody with another journal opens it, and closes it later."""
    journal = Journal(folder / "elsewhere.jsonl")
    aws = Aws(account.local.client, REGION, account.local.clock, journal)
    opened(account, aws)
    account.finish(intake.stage(journal).work(Inventory(aws, account.scope), NOTHING_DECIDED, lambda *_: None))


def opened(account: Made, aws: Aws | None = None) -> None:
    """Somebody opens it."""
    account.finish(intake.reopen(aws or account.aws, account.scope, lambda *_: None))
