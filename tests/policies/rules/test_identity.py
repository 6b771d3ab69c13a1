"""Facts about the rules of identity that their examples do not show."""

import json
from pathlib import Path
from typing import Any

import pytest

from policies.rules.identity import foreign_accounts
from policies.rules.template import App, Json, Settings, Stack
from tests.policies.rules.judged import changed, found

MANAGED = "AWS::IAM::ManagedPolicy"
OTHER = "999999999999"


def _policy(*statements: Json, **properties: Any) -> Json:
    return {"Type": MANAGED, "Properties": {"PolicyDocument": {"Statement": list(statements)}, **properties}}


def _allow(action: str, resource: Any = "*", **condition: Any) -> Json:
    return {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}


def _role(principal: Any, condition: Json | None = None, **properties: Any) -> Json:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, "Condition": condition or {}}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": {"Statement": [statement]}, **properties},
    }


def _details(rule: str, *templates: Json) -> list[str]:
    return [each.detail for each in found(rule, *templates)]


@pytest.mark.parametrize(
    ("principal", "details"),
    [
        ({"Service": "lambda.amazonaws.com"}, []),
        ({"Service": "ec2.amazonaws.com"}, ["PermissionsBoundary"]),
        ({"Service": ["lambda.amazonaws.com", "ecs-tasks.amazonaws.com"]}, ["SourceAccount", "PermissionsBoundary"]),
        ({"AWS": "arn:aws:iam::111111111111:root"}, ["PermissionsBoundary"]),
        ({"Federated": "arn:aws:iam::111111111111:saml-provider/a"}, ["PermissionsBoundary"]),
    ],
)
def test_a_ceiling_is_for_whatever_runs_the_code_of_people(principal: Json, details: list[str]) -> None:
    assert _details("I1", {"Role": _role(principal)}) == details


def test_a_boundary_may_come_from_another_stack() -> None:
    boundary = {"Fn::ImportValue": "access:Boundary"}
    assert _details("I1", {"Role": _role({"Service": "ec2.amazonaws.com"}, PermissionsBoundary=boundary)}) == []


def test_each_statement_of_a_trust_names_the_account() -> None:
    role = changed("I1")["Job"]
    statements = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    statements.append({key: value for key, value in statements[0].items() if key != "Condition"})
    assert [each.path[-1] for each in found("I1", {"Job": role})] == ["1"]


@pytest.mark.parametrize("type_", ["AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::Role"])
@pytest.mark.parametrize(
    ("policy", "is_broad"),
    [
        ("AmazonSageMakerFullAccess", True),
        ("AWSLambda_FullAccess", True),
        ("job-function/AdministratorAccess", True),
        ("AdministratorAccess-Amplify", True),
        ("SecurityAudit", False),
        ("service-role/AWSLambdaBasicExecutionRole", False),
    ],
)
def test_policies_of_aws_that_allow_a_whole_service_are_found(type_: str, policy: str, is_broad: bool) -> None:
    principal = {"Type": type_, "Properties": {"ManagedPolicyArns": [f"arn:aws:iam::aws:policy/{policy}"]}}
    assert _details("I2", {"Principal": principal}) == [policy.rpartition("/")[2]] * is_broad


@pytest.mark.parametrize("action", ["sagemaker:Describe*", "s3:*", "sagemaker:CreateModel", "sagemaker:*Tags"])
def test_wildcards_that_make_nothing_may_be_allowed(action: str) -> None:
    assert _details("I2", {"Work": _policy(_allow(action))}) == []


@pytest.mark.parametrize("action", ["*:*", "sagemaker:CreateStudio*", "sagemaker:*Job", "sagemaker:C*Url"])
def test_wildcards_that_make_something_in_sagemaker_are_found(action: str) -> None:
    assert _details("I2", {"Work": _policy(_allow(action))}) == [f"Action.{action}"]


def test_inline_policies_are_read() -> None:
    inline = [{"PolicyName": "a", "PolicyDocument": {"Statement": [_allow("sagemaker:*")]}}]
    (finding,) = found("I2", {"Role": _role({"Service": "lambda.amazonaws.com"}, Policies=inline)})
    assert finding.path == "Properties.Policies.0.PolicyDocument.Statement.0"


@pytest.mark.parametrize("rule", ["I2", "I3", "I5"])
def test_what_is_only_a_boundary_may_be_wide(rule: str) -> None:
    boundary = _policy(_allow("sagemaker:*"), _allow("iam:PassRole"))
    role = _role({"Service": "lambda.amazonaws.com"}, PermissionsBoundary={"Ref": "Boundary"})
    assert found(rule, {"Boundary": boundary, "Role": role}) == []
    boundary["Properties"]["Users"] = ["someone"]
    assert found(rule, {"Boundary": boundary, "Role": role}) != []


TO_SAGEMAKER = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"Action": "iam:PassRole", "Resource": "arn:aws:iam::111111111111:role/job"}, []),
        ({"Action": "*", "Resource": "*"}, ["Resource"]),
        ({"Action": "iam:PassRole", "NotResource": "arn:aws:iam::111111111111:role/admin"}, ["Resource"]),
        ({"NotAction": "s3:*", "Resource": "*"}, ["Resource"]),
        ({"NotAction": "iam:*", "Resource": "*"}, []),
        ({"Action": "iam:GetRole", "Resource": "*"}, []),
    ],
)
def test_passing_is_found_however_it_is_allowed(body: Json, details: list[str]) -> None:
    assert _details("I3", {"Work": _policy({"Effect": "Allow", "Condition": TO_SAGEMAKER, **body})}) == details


def test_a_role_of_another_stack_is_followed() -> None:
    admin = {
        "Admin": _role({"Service": "ec2.amazonaws.com"}, ManagedPolicyArns=["arn:aws:iam::aws:policy/IAMFullAccess"])
    }
    output = {"Value": {"Fn::GetAtt": ["Admin", "Arn"]}, "Export": {"Name": "a:Admin"}}
    work = {"Work": _policy(_allow("iam:PassRole", {"Fn::ImportValue": "a:Admin"}, **TO_SAGEMAKER))}
    assert _details("I3", {"Resources": admin, "Outputs": {"Admin": output}}, work) == ["Admin"]


FROM_HERE = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}
NOTEBOOKS = "sagemaker:CreatePresignedNotebookInstanceUrl"
NOTEBOOK = "arn:aws:sagemaker:eu-west-1:111111111111:notebook-instance/a"


@pytest.mark.parametrize(
    ("condition", "is_enough"),
    [
        ({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}, True),
        ({"StringNotEqualsIfExists": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}}, True),
        ({"StringNotEquals": {"aws:SourceVpc": "vpc-1", "aws:SourceVpce": "vpce-1"}}, True),
        ({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}, "Null": {"aws:SourceVpc": "false"}}, False),
        ({"StringNotLike": {"aws:SourceVpc": "vpc-*"}}, False),
        ({"Null": {"aws:SourceVpc": "true"}}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, False),
    ],
)
def test_a_deny_stops_urls_for_the_internet_and_for_other_networks(condition: Json, is_enough: bool) -> None:
    deny = {"Effect": "Deny", "Action": NOTEBOOKS, "Resource": "*", "Condition": condition}
    role = _role({"Service": "lambda.amazonaws.com"}, ManagedPolicyArns=[{"Ref": "Work"}])
    template = {"Role": role, "Work": _policy(_allow(NOTEBOOKS, NOTEBOOK), deny)}
    assert (found("I5", template) == []) is is_enough


def test_every_role_that_has_the_allow_needs_the_deny() -> None:
    elsewhere = {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}
    deny = {"Effect": "Deny", "Action": NOTEBOOKS, "Resource": "*", "Condition": elsewhere}
    one = _role({"Service": "lambda.amazonaws.com"}, ManagedPolicyArns=[{"Ref": "Work"}, {"Ref": "Denies"}])
    other = _role({"Service": "lambda.amazonaws.com"}, ManagedPolicyArns=[{"Ref": "Work"}])
    template = {"One": one, "Work": _policy(_allow(NOTEBOOKS, NOTEBOOK)), "Denies": _policy(deny)}
    assert found("I5", template) == []
    assert _details("I5", {**template, "Other": other}) == ["CreatePresignedNotebookInstanceUrl:Network"]


@pytest.mark.parametrize(
    ("resource", "condition", "is_own"),
    [
        ("arn:aws:sagemaker:*:*:user-profile/d-1/anna", {}, True),
        ("arn:aws:sagemaker:*:*:user-profile/d-1/${aws:PrincipalTag/User}", {}, True),
        ("arn:aws:sagemaker:*:*:user-profile/*", {}, False),
        ("arn:aws:sagemaker:*:*:*", {}, False),
        ("*", {"sagemaker:ResourceTag/Owner": "${aws:username}"}, True),
        ("*", {"aws:RequestTag/Owner": "${aws:username}"}, False),
        ("*", {"aws:ResourceTag/Owner": "*"}, False),
    ],
)
def test_a_url_is_for_the_own_profile(resource: str, condition: Json, is_own: bool) -> None:
    conditions = {"StringLike": {"aws:SourceVpc": "vpc-1", **condition}}
    template = {"Work": _policy(_allow("sagemaker:CreatePresignedDomainUrl", resource, **conditions))}
    assert _details("I5", template) == ["CreatePresignedDomainUrl:Resource"] * (not is_own)


def _letting_in(principal: Any, condition: Json | None = None, **statement: Any) -> Json:
    return {"Effect": "Allow", "Principal": principal, "Action": "*", "Condition": condition or {}, **statement}


RESOURCES = {
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::SNS::TopicInlinePolicy": "PolicyDocument",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::IAM::Role": "AssumeRolePolicyDocument",
}


@pytest.mark.parametrize("type_", RESOURCES)
def test_another_account_is_found_in_every_kind_of_policy(type_: str) -> None:
    statement = _letting_in({"AWS": f"arn:aws:iam::{OTHER}:role/a"})
    properties = {RESOURCES[type_]: {"Statement": [statement]}}
    assert _details("I6", {"Resource": {"Type": type_, "Properties": properties}}) == [f"Account.{OTHER}"]


def test_a_policy_may_be_written_as_text() -> None:
    document = json.dumps({"Statement": _letting_in("*")})
    repository = {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryPolicyText": document}}
    assert _details("I6", {"Repository": repository}) == ["Everybody"]


@pytest.mark.parametrize(
    ("statement", "details"),
    [
        (_letting_in("*"), ["Everybody"]),
        (_letting_in({"AWS": ["*"]}), ["Everybody"]),
        ({"Effect": "Allow", "NotPrincipal": {"AWS": "a"}, "Action": "*"}, ["Everybody"]),
        (_letting_in("*", Effect="Deny"), []),
        (_letting_in("*", {"Bool": {"aws:SecureTransport": "true"}}), ["Everybody"]),
        (
            _letting_in("*", {"StringEqualsIfExists": {"aws:PrincipalAccount": "111111111111"}}),
            ["Everybody", "Account.111111111111"],
        ),
        (_letting_in("*", {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), []),
        (_letting_in("*", {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{OTHER}:role/*"}}), [f"Account.{OTHER}"]),
        (_letting_in({"Service": "logs.amazonaws.com"}), []),
        (_letting_in({"AWS": {"Fn::GetAtt": ["Role", "Arn"]}}), []),
        (_letting_in({"AWS": OTHER}, Effect="Deny"), []),
    ],
)
def test_who_is_let_in(statement: Json, details: list[str]) -> None:
    policy = {"Type": "AWS::S3::BucketPolicy", "Properties": {"PolicyDocument": {"Statement": [statement]}}}
    assert _details("I6", {"Policy": policy}) == details


def test_accounts_that_the_app_names_may_be_let_in() -> None:
    policy = {"Statement": [_letting_in({"AWS": OTHER})]}
    template = {"Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy}}}
    assert found("I6", template, settings=Settings(foreign_accounts=[OTHER])) == []


@pytest.mark.parametrize(
    ("environment", "is_own"), [(f"aws://{OTHER}/eu-west-1", True), ("aws://unknown-account/a", False)]
)
def test_the_account_that_an_assembly_is_for_is_the_own(tmp_path: Path, environment: str, is_own: bool) -> None:
    artifacts = {"tree": {"type": "cdk:tree"}, "Data": {"environment": environment}}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    policy = {"Statement": [_letting_in({"AWS": OTHER})]}
    resources = {"Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy}}}
    app = App([Stack(str(tmp_path / "Data.template.json"), {"Resources": resources})])
    assert (list(foreign_accounts(app)) == []) is is_own


@pytest.mark.parametrize(
    ("change", "is_enough"),
    [
        ({"Action": "sns:*"}, True),
        ({"Action": "sns:Subscribe"}, False),
        ({"Principal": {"AWS": "arn:aws:iam::111111111111:role/a"}}, False),
        ({"Condition": {"Bool": {"AWS:SecureTransport": False}}}, True),
        ({"Condition": {"Bool": {"aws:SecureTransport": "false"}, "Null": {"aws:SourceVpc": "true"}}}, False),
    ],
)
def test_a_topic_denies_messages_without_tls(change: Json, is_enough: bool) -> None:
    changes = {f"TopicPolicy__Properties__PolicyDocument__Statement__0__{key}": value for key, value in change.items()}
    assert (_details("I6", changed("I6", **changes)) == []) is is_enough


def test_the_policy_of_a_topic_is_not_that_of_another() -> None:
    other = {"Other": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": {"Ref": "Key"}}}}
    assert _details("I6", changed("I6", **other)) == ["Tls"]
