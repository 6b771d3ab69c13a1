import json
from pathlib import Path

import pytest
from aws_cdk import App, Environment, Stack, Validations
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from policies import gate, report
from tests.support import documents
from trainyard.managed_policy import ManagedPolicy, Statement

FINDING = "AwsSolutions::AwsSolutions-IAM5"
FOLDER = "arn:aws:s3:::bucket/folder/*"


def test_a_policy_says_what_its_statements_say() -> None:
    stack = Stack(App(), "Test")
    conditions = {"StringEquals": {"aws:ResourceAccount": "111111111111"}}
    ManagedPolicy(
        stack,
        "Policy",
        statements=[
            Statement("Read", ["s3:GetObject"], [FOLDER], conditions=conditions, wildcards="Many"),
            Statement("Never", ["s3:CreateBucket"], effect="Deny"),
        ],
    )
    (document,) = documents(Template.from_stack(stack)).values()
    assert document == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Read",
                "Effect": "Allow",
                "Action": ["s3:GetObject"],
                "Resource": [FOLDER],
                "Condition": conditions,
            },
            {"Sid": "Never", "Effect": "Deny", "Action": ["s3:CreateBucket"], "Resource": ["*"]},
        ],
    }


def test_its_arn_is_that_of_the_policy() -> None:
    stack = Stack(App(), "Test")
    policy = ManagedPolicy(
        stack, "Policy", statements=[Statement("Read", ["s3:GetObject"], [FOLDER], wildcards="Many")]
    )
    # What a reference to a managed policy gives is its ARN.
    assert stack.resolve(policy.arn) == {"Ref": stack.get_logical_id(policy)}


def test_a_policy_may_be_as_long_as_iam_takes() -> None:
    document = _policy_of_length(6144).policy_document
    assert len(json.dumps(document, separators=(",", ":"))) == 6144


def test_a_policy_that_is_one_character_longer_is_refused() -> None:
    with pytest.raises(ValueError, match="Policy: 6145 characters, a managed policy has at most 6144"):
        _policy_of_length(6145)


def test_what_is_not_known_yet_counts_as_long_as_it_can_become() -> None:
    """A reference to an ARN is some thirty characters in the template, and up to 160 in the policy."""
    _policy_with_keys(35)
    with pytest.raises(ValueError, match=r"Policy: 6\d\d\d characters, a managed policy has at most 6144"):
        _policy_with_keys(38)


def test_a_wildcard_with_a_reason_is_acknowledged_by_its_own_name() -> None:
    statement = Statement("Read", ["s3:Get*", "s3:ListBucket"], [FOLDER, "arn:aws:s3:::bucket"], wildcards="Many")
    assert _acknowledged(statement) == {
        f"{FINDING}[Action::s3:Get*]": "Read: Many",
        f"{FINDING}[Resource::{FOLDER}]": "Read: Many",
    }


@pytest.mark.parametrize(
    ("actions", "resources"), [(["s3:Get*"], ["arn:aws:s3:::bucket"]), (["s3:ListAllMyBuckets"], ["*"])]
)
def test_a_wildcard_without_a_reason_is_refused(actions: list[str], resources: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^Policy: Read: .*: a wildcard must have a reason$"):
        _acknowledged(Statement("Read", actions, resources))


def test_the_reason_of_one_statement_is_not_that_of_another() -> None:
    first = Statement("Read", ["s3:GetObject"], [FOLDER], wildcards="Many")
    second = Statement("Write", ["s3:PutObject"], [FOLDER])
    with pytest.raises(ValueError, match="Policy: Write: "):
        _acknowledged(first, second)


def test_a_wildcard_that_two_statements_have_gets_both_reasons() -> None:
    first = Statement("Read", ["s3:GetObject"], [FOLDER], wildcards="Many")
    second = Statement("Write", ["s3:PutObject"], [FOLDER], wildcards="Made later")
    assert _acknowledged(first, second) == {f"{FINDING}[Resource::{FOLDER}]": "Read: Many. Write: Made later"}


def test_a_wildcard_of_a_deny_is_never_acknowledged() -> None:
    assert _acknowledged(Statement("Never", ["s3:*"], ["*"], effect="Deny", wildcards="Everything")) == {}


def test_a_statement_without_wildcards_acknowledges_nothing() -> None:
    assert _acknowledged(Statement("Read", ["s3:GetObject"], ["arn:aws:s3:::bucket/file"], wildcards="Why?")) == {}


def test_the_gate_accepts_acknowledged_wildcards_however_the_resource_is_written(tmp_path: Path) -> None:
    app, stack = _app(tmp_path)
    bucket = s3.CfnBucket(stack, "Bucket")
    statements = [
        Statement("Ref", ["s3:GetObject"], [f"arn:aws:s3:::{bucket.ref}/*"], wildcards="Many"),
        Statement("GetAtt", ["s3:GetObject*"], [f"{bucket.attr_arn}/a/*"], wildcards="Many"),
        Statement("Pseudo", ["s3:GetObject"], [f"arn:{stack.partition}:s3:::b/*"], wildcards="Many"),
        Statement("Variable", ["s3:GetObject"], ["arn:aws:s3:::b/${aws:username}/*"], wildcards="Many"),
    ]
    ManagedPolicy(stack, "Policy", statements=statements)
    assert _findings(app, tmp_path) == set()


def test_the_gate_finds_no_wildcard_in_a_deny(tmp_path: Path) -> None:
    app, stack = _app(tmp_path)
    ManagedPolicy(stack, "Policy", statements=[Statement("Never", ["s3:CreateBucket"], effect="Deny")])
    assert _findings(app, tmp_path) == set()


def _policy_of_length(characters: int) -> ManagedPolicy:
    def policy(padding: int) -> ManagedPolicy:
        # Several texts, so that what stands between them counts too.
        conditions = {"StringEquals": {"aws:ResourceAccount": "1" * padding}}
        resources = ["arn:aws:s3:::bucket/a", "arn:aws:s3:::bucket/b"]
        statement = Statement("Read", ["s3:GetObject", "s3:ListBucket"], resources, conditions=conditions)
        return ManagedPolicy(
            Stack(App(), "Test"), "Policy", statements=[statement, Statement("Other", ["s3:X"], wildcards="Many")]
        )

    shortest = len(json.dumps(policy(0).policy_document, separators=(",", ":")))
    return policy(characters - shortest)


def _policy_with_keys(count: int) -> ManagedPolicy:
    stack = Stack(App(), "Test")
    key = kms.CfnKey(stack, "Key", key_policy={})
    return ManagedPolicy(stack, "Policy", statements=[Statement("Use", ["kms:Decrypt"], [key.attr_arn] * count)])


def _acknowledged(*statements: Statement) -> dict[str, str]:
    """Finding to reason."""
    policy = ManagedPolicy(Stack(App(), "Test"), "Policy", statements=statements)
    key = Validations.ACKNOWLEDGED_RULES_METADATA_KEY
    return {finding: why for each in policy.node.metadata if each.type == key for finding, why in each.data.items()}


def _app(folder: Path) -> tuple[App, Stack]:
    app = App(outdir=str(folder), post_cli_context=gate.CONTEXT, builtin_cloud_formation_validation=False)
    gate.attach(app)
    return app, Stack(app, "Test", env=Environment(account="111111111111", region="eu-west-1"))


def _findings(app: App, folder: Path) -> set[str]:
    """What the packs say of the policy."""
    app.synth()
    return {
        violation["ruleName"]
        for each in report.read(folder).values()
        for violation in each["violations"]
        if any(construct["constructPath"] == "Test/Policy" for construct in violation["violatingConstructs"])
    }
