"""What the policies of an organisation stop and let through, as a ceiling over all that an account allows."""

import json
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from environments import Environment, load
from environments.access import MAX_INSTANCE_TYPES
from environments.loading import ROOT, known_environments
from operations import __main__ as command
from operations import organization
from operations.errors import InputError
from policies.evaluator import Decision, Request, decide
from tests.environments.test_loading import ADOPTED
from tests.support import Assembly, Json, environment_with
from trainyard import sagemaker_actions as table
from trainyard.instance_types import SAGEMAKER_TYPES
from trainyard.instances import has_local_storage
from trainyard.sagemaker_actions import CONDITION_KEYS, Key, Protection

PROD = load("prod")
ACCOUNT = f"arn:aws:iam::{PROD.account}"
ORGANIZATION = "o-a1b2c3d4e5"

ALL = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
SOMEONE = f"{ACCOUNT}:role/Somebody"
CLOUDFORMATION = f"{ACCOUNT}:role/cdk-hnb659fds-cfn-exec-role-{PROD.account}-{PROD.region}"
APPROVER = f"{ACCOUNT}:role/trainyard-prod-team-vision-RolesApprover1A2B3C4D-ABCDEFGHIJKL"
EXCEPTION = f"{ACCOUNT}:role/trainyard-prod-team-langu-RolesWithoutIsolation1A2-ABCDEFGHIJKL"

KEY = f"arn:aws:kms:{PROD.region}:{PROD.account}:key/any"
COMPLIANT: dict[str, Any] = {
    Key.SUBNETS: ["subnet-any"],
    Key.SECURITY_GROUPS: ["sg-any"],
    Key.TRAFFIC_ENCRYPTION: True,
    Key.NETWORK_ISOLATION: True,
    Key.VOLUME_KEY: KEY,
    Key.OUTPUT_KEY: KEY,
    Key.SHARING_KEY: KEY,
    Key.INSTANCE_TYPES: ["ml.m5.xlarge"],
    Key.MAX_RUNTIME: 3600,
    Key.KEEP_ALIVE: 60,
    Key.FILE_SYSTEM: "fs-any",
    Key.REMOTE_DEBUG: False,
    Key.INTERNET_ACCESS: "Disabled",
    Key.ROOT_ACCESS: "Disabled",
    Key.METADATA_VERSION: "2",
    Key.NOTEBOOK_LIFECYCLE: [
        f"arn:aws:sagemaker:{PROD.region}:{PROD.account}:notebook-instance-lifecycle-config/trainyard-prod-team-vision"
    ],
    Key.STUDIO_LIFECYCLE: [
        f"arn:aws:sagemaker:{PROD.region}:{PROD.account}:studio-lifecycle-config/trainyard-prod-studio-start"
    ],
    Key.DOMAIN_NETWORK: "VpcOnly",
    Key.AUTH_MODE: "SSO",
    Key.OWNER: "arn:aws:sagemaker:eu-west-1:333333333333:user-profile/d-1/vision-1",
    Key.SHARING_TYPE: "Private",
    Key.REMOTE_ACCESS: "DISABLED",
    Key.APPROVAL: "PendingManualApproval",
    Key.TAGGING_ACTION: "CreateTrainingJob",
    Key.TEAM_TAG: "vision",
    Key.ENVIRONMENT_TAG: "prod",
}
REFUSED: dict[str, Any] = {
    Key.TRAFFIC_ENCRYPTION: False,
    Key.NETWORK_ISOLATION: False,
    Key.INSTANCE_TYPES: ["ml.m5.xlarge", "ml.p4de.24xlarge"],
    Key.MAX_RUNTIME: 120 * 3600 + 1,
    Key.KEEP_ALIVE: 30 * 60 + 1,
    Key.REMOTE_DEBUG: True,
    Key.INTERNET_ACCESS: "Enabled",
    Key.ROOT_ACCESS: "Enabled",
    Key.METADATA_VERSION: "1",
    Key.NOTEBOOK_LIFECYCLE: ["arn:aws:sagemaker:eu-west-1:333333333333:notebook-instance-lifecycle-config/mine"],
    Key.STUDIO_LIFECYCLE: ["arn:aws:sagemaker:eu-west-1:333333333333:studio-lifecycle-config/mine"],
    Key.DOMAIN_NETWORK: "PublicInternetOnly",
    Key.AUTH_MODE: "IAM",
    Key.REMOTE_ACCESS: "ENABLED",
    Key.APPROVAL: "Approved",
    Key.ENVIRONMENT_TAG: "dev",
}
"""Of the keys whose values AWS or the file decides."""

# The volumes and pools of prod stand in zones that the VPC made elsewhere does not have.
ADOPTED_ZONES: Json = {"batch.pools.2.zone": None, "teams.0.notebooks.1.zone": None}

ASKED = [protection for protection in table.PROTECTIONS if protection not in organization.LEFT_OUT]


def service_controls(environment: Environment = PROD) -> list[Json]:
    return [json.loads(text) for name, text in organization.documents(environment).items() if name.startswith("scp")]


def resource_controls() -> list[Json]:
    """Without the principal, which the evaluator does not ask for: they are for everybody."""
    documents = [
        json.loads(text) for name, text in organization.documents(PROD, ORGANIZATION).items() if name.startswith("rcp")
    ]
    for document in documents:
        for statement in document["Statement"]:
            assert statement.pop("Principal") == "*"
    return documents


def answer(
    action: str,
    changes: Mapping[Any, Any] | None = None,
    *,
    without: Key | None = None,
    who: str = SOMEONE,
    when: str = "2026-12-01T12:00:00Z",
    environment: Environment = PROD,
) -> Decision:
    """To a request of somebody whom the account allows everything, compliant but for ``changes``."""
    context: dict[str, Any] = {
        **{str(key): COMPLIANT[key] for key in CONDITION_KEYS.get(action, ()) if key != without},
        "aws:PrincipalArn": who,
        "aws:CurrentTime": when,
        "aws:SourceVpc": "vpc-any",
        **(changes or {}),
    }
    return decide(Request(f"sagemaker:{action}", context=context), [ALL, *service_controls(environment)])


@pytest.mark.parametrize("action", CONDITION_KEYS)
def test_a_compliant_request_passes(action: str) -> None:
    assert answer(action) is Decision.ALLOWED


@pytest.mark.parametrize("protection", ASKED, ids=lambda each: each.name)
def test_what_must_be_said_is_missed(protection: Protection) -> None:
    for action in protection.required:
        assert answer(action, without=protection.key) is Decision.EXPLICITLY_DENIED, action


@pytest.mark.parametrize("protection", ASKED, ids=lambda each: each.name)
def test_what_may_be_left_out_is_not_missed(protection: Protection) -> None:
    for action in protection.optional:
        if action in protection.actions:
            assert answer(action, without=protection.key) is Decision.ALLOWED, action


@pytest.mark.parametrize("protection", [each for each in ASKED if each.key in REFUSED], ids=lambda each: each.name)
def test_a_refused_value_is_denied(protection: Protection) -> None:
    for action in protection.actions:
        assert answer(action, {protection.key: REFUSED[protection.key]}) is Decision.EXPLICITLY_DENIED, action


def test_a_protection_is_asked_for_or_its_values_are_not_known() -> None:
    unknown = {each.name for each in ASKED if each.key not in REFUSED and not each.required}
    assert unknown == {"OtherSharingKeys", "OtherFileSystems"}


def test_a_volume_needs_no_key_where_the_hardware_encrypts_it() -> None:
    changes = {Key.INSTANCE_TYPES: ["ml.g5.2xlarge"]}
    assert has_local_storage("ml.g5.2xlarge")
    assert answer("CreateTrainingJob", changes, without=Key.VOLUME_KEY) is Decision.ALLOWED


@pytest.mark.parametrize("action", table.FORBIDDEN)
def test_what_nobody_may_do_is_denied(action: str) -> None:
    assert answer(action) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize("action", table.PRESIGNED)
def test_a_presigned_url_is_asked_for_from_a_vpc(action: str) -> None:
    assert answer(action) is Decision.ALLOWED
    assert answer(action, {"aws:SourceVpc": ""}) is Decision.EXPLICITLY_DENIED


def test_a_presigned_url_is_asked_for_from_the_vpc_of_the_file() -> None:
    existing = environment_with(ADOPTED | ADOPTED_ZONES)
    action = "CreatePresignedDomainUrl"
    assert answer(action, {"aws:SourceVpc": "vpc-0123456789abcdef0"}, environment=existing) is Decision.ALLOWED
    assert answer(action, environment=existing) is Decision.EXPLICITLY_DENIED


def test_a_presigned_url_is_asked_for_from_anywhere_if_the_file_says_so() -> None:
    open_ = environment_with({"access.presigned_urls_from_vpc_only": False})
    assert answer("CreatePresignedDomainUrl", {"aws:SourceVpc": ""}, environment=open_) is Decision.ALLOWED


@pytest.mark.parametrize(
    "action", ["CreateNotebookInstanceLifecycleConfig", "CreateStudioLifecycleConfig", "CreateMlflowApp", "DeleteTags"]
)
def test_cloudformation_makes_what_the_templates_hold(action: str) -> None:
    assert answer(action, who=CLOUDFORMATION) is Decision.ALLOWED


def test_cloudformation_tags_what_is_there() -> None:
    assert answer("AddTags", without=Key.TAGGING_ACTION, who=CLOUDFORMATION) is Decision.ALLOWED


def test_cloudformation_makes_no_notebook_on_the_internet() -> None:
    changes = {Key.INTERNET_ACCESS: "Enabled"}
    assert answer("CreateNotebookInstance", changes, who=CLOUDFORMATION) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize(
    "who",
    [
        f"{ACCOUNT}:role/cdk-hnb659fds-deploy-role-{PROD.account}-{PROD.region}",
        f"arn:aws:iam::111111111111:role/cdk-hnb659fds-cfn-exec-role-{PROD.account}-{PROD.region}",
        f"{ACCOUNT}:role/mine/cdk-hnb659fds-cfn-exec-role-{PROD.account}-{PROD.region}",
        f"{ACCOUNT}:user/cdk-hnb659fds-cfn-exec-role-{PROD.account}-{PROD.region}",
    ],
)
def test_nobody_else_passes_for_cloudformation(who: str) -> None:
    assert answer("CreateStudioLifecycleConfig", who=who) is Decision.EXPLICITLY_DENIED


def test_an_approver_approves() -> None:
    assert answer("UpdateModelPackage", {Key.APPROVAL: "Approved"}, who=APPROVER) is Decision.ALLOWED


@pytest.mark.parametrize("who", [SOMEONE, CLOUDFORMATION, EXCEPTION, APPROVER.replace("prod", "dev")])
def test_nobody_else_approves(who: str) -> None:
    assert answer("UpdateModelPackage", {Key.APPROVAL: "Approved"}, who=who) is Decision.EXPLICITLY_DENIED


def test_without_an_approver_in_the_file_whoever_runs_the_account_approves() -> None:
    dev = environment_with({}, "dev")
    assert not any(team.approvers for team in dev.teams)
    assert answer("UpdateModelPackage", {Key.APPROVAL: "Approved"}, environment=dev) is Decision.ALLOWED


@pytest.mark.parametrize(
    ("when", "decision"),
    [("2027-03-30T23:59:59Z", Decision.ALLOWED), ("2027-03-31T00:00:00Z", Decision.EXPLICITLY_DENIED)],
)
def test_an_exception_from_isolation_ends_on_its_day(when: str, decision: Decision) -> None:
    assert answer("CreateTrainingJob", {Key.NETWORK_ISOLATION: False}, who=EXCEPTION, when=when) is decision


def test_an_exception_from_isolation_is_one_from_nothing_else() -> None:
    changes = {Key.TRAFFIC_ENCRYPTION: False}
    assert answer("CreateTrainingJob", changes, who=EXCEPTION) is Decision.EXPLICITLY_DENIED


def test_a_team_without_an_exception_has_none() -> None:
    other = EXCEPTION.replace("team-langu", "team-visio")
    assert answer("CreateTrainingJob", {Key.NETWORK_ISOLATION: False}, who=other) is Decision.EXPLICITLY_DENIED


def test_each_exception_ends_on_its_own_day() -> None:
    two = environment_with(
        {"teams.0.without_network_isolation": {"reason": "Because of tests.", "until": "2028-01-01"}}
    )
    vision = EXCEPTION.replace("team-langu", "team-visio")
    isolated = {Key.NETWORK_ISOLATION: False}
    for who, decision in ((vision, Decision.ALLOWED), (EXCEPTION, Decision.EXPLICITLY_DENIED)):
        given = answer("CreateTrainingJob", isolated, who=who, when="2027-12-31T00:00:00Z", environment=two)
        assert given is decision


@pytest.mark.parametrize("construct_id", ["Approver", "WithoutIsolation"])
def test_the_roles_of_the_templates_bear_the_names_that_are_exempt(prod: Assembly, construct_id: str) -> None:
    """CloudFormation cuts a name that is too long down to 24 characters of the stack's and of the resource's."""
    patterns = {
        pattern
        for document in service_controls()
        for statement in document["Statement"]
        for operator in ("ArnLike", "ArnNotLike")
        for pattern in statement["Condition"].get(operator, {}).get("aws:PrincipalArn", ())
        if construct_id in pattern
    }
    named: set[str] = set()
    for name in prod.resources("AWS::IAM::Role"):
        stack, logical_id = name.split(".")
        stack = f"trainyard-prod-{stack}"
        for role in (f"{stack}-{logical_id}-ABCDEFGHIJKL", f"{stack[:24]}-{logical_id[:24]}-ABCDEFGHIJKL"):
            if any(fnmatchcase(f"{ACCOUNT}:role/{role}", pattern) for pattern in patterns):
                named.add(name)
    described = {"Approver": "Approves the model versions", "WithoutIsolation": "its jobs need no network isolation"}
    assert named == {
        name
        for name, role in prod.resources("AWS::IAM::Role").items()
        if described[construct_id] in str(role["Properties"].get("Description"))
    }
    assert named


@pytest.mark.parametrize("name", known_environments())
@pytest.mark.slow
def test_cloudformation_makes_the_notebook_instances_of_the_file(
    name: str, assembly_of: Callable[[str], Assembly]
) -> None:
    environment = load(name)
    scripts = "notebook-instance-lifecycle-config"
    for place, resource in assembly_of(name).resources("AWS::SageMaker::NotebookInstance").items():
        made = resource["Properties"]
        stack = f"trainyard-{name}-{place.split('.')[0]}"
        context: dict[str, Any] = {
            Key.SUBNETS: ["subnet-any"],
            Key.SECURITY_GROUPS: ["sg-any"],
            Key.INSTANCE_TYPES: [made["InstanceType"]],
            Key.INTERNET_ACCESS: made["DirectInternetAccess"],
            Key.ROOT_ACCESS: made["RootAccess"],
            Key.METADATA_VERSION: made["InstanceMetadataServiceConfiguration"]["MinimumInstanceMetadataServiceVersion"],
            Key.NOTEBOOK_LIFECYCLE: [f"arn:aws:sagemaker:{environment.region}:{environment.account}:{scripts}/{stack}"],
            **({Key.VOLUME_KEY: KEY} if "KmsKeyId" in made else {}),
            "aws:PrincipalArn": CLOUDFORMATION.replace(PROD.account, environment.account),
        }
        request = Request("sagemaker:CreateNotebookInstance", context=context)
        assert decide(request, [ALL, *service_controls(environment)]) is Decision.ALLOWED


# ---- the resource control policy ----

OURS: dict[str, Any] = {"aws:PrincipalOrgID": ORGANIZATION, "aws:PrincipalIsAWSService": False}
OF_OTHERS = {"aws:PrincipalOrgID": "o-9z8y7x6w5v", "aws:PrincipalIsAWSService": False}
NOBODY: dict[str, Any] = {"aws:PrincipalIsAWSService": False}
FOR_US = {"aws:PrincipalIsAWSService": True, "aws:SourceAccount": PROD.account, "aws:SourceOrgID": ORGANIZATION}
FOR_OTHERS = {"aws:PrincipalIsAWSService": True, "aws:SourceAccount": "999999999999", "aws:SourceOrgID": "o-9z8y7x6w5v"}
FOR_NO_ORGANIZATION = {"aws:PrincipalIsAWSService": True, "aws:SourceAccount": "999999999999"}
UNSAID = {"aws:PrincipalIsAWSService": True}


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject", "kms:Decrypt", "kms:CreateGrant", "sts:AssumeRole"])
@pytest.mark.parametrize(
    ("who", "decision"),
    [
        (OURS, Decision.ALLOWED),
        (OF_OTHERS, Decision.EXPLICITLY_DENIED),
        (NOBODY, Decision.EXPLICITLY_DENIED),
        (FOR_US, Decision.ALLOWED),
        (FOR_OTHERS, Decision.EXPLICITLY_DENIED),
        (FOR_NO_ORGANIZATION, Decision.EXPLICITLY_DENIED),
        (UNSAID, Decision.ALLOWED),
    ],
    ids=[
        "ours",
        "of others",
        "nobody",
        "a service for us",
        "for others",
        "for no organisation",
        "for whom is not said",
    ],
)
def test_data_and_roles_are_for_the_organisation_and_services_that_act_for_it(
    action: str, who: Mapping[str, Any], decision: Decision
) -> None:
    request = Request(action, context={**who, "aws:SecureTransport": True})
    assert decide(request, [ALL, *resource_controls()]) is decision


@pytest.mark.parametrize("action", ["s3:GetObject", "kms:Decrypt", "sts:AssumeRole"])
def test_nothing_goes_without_tls(action: str) -> None:
    request = Request(action, context={**OURS, "aws:SecureTransport": False})
    assert decide(request, [ALL, *resource_controls()]) is Decision.EXPLICITLY_DENIED


@pytest.mark.parametrize("action", ["sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity", "sts:SetSourceIdentity"])
def test_people_sign_in_with_their_identity_provider(action: str) -> None:
    request = Request(action, context={**NOBODY, "aws:SecureTransport": True})
    assert decide(request, [ALL, *resource_controls()]) is Decision.ALLOWED


# ---- the documents ----


def largest() -> Environment:
    """As many instance types as a file takes, and the longest."""
    types = ["ml.t3.medium", *sorted(SAGEMAKER_TYPES, key=len)[-MAX_INSTANCE_TYPES + 1 :]]
    return environment_with({"access.instance_types": types})


@pytest.mark.parametrize("environment", [*map(load, known_environments()), largest()], ids=lambda each: each.name)
def test_every_document_is_as_short_as_organizations_takes(environment: Environment) -> None:
    written = organization.documents(environment, ORGANIZATION)
    assert max(map(len, written.values())) <= 5120
    assert all(text.isascii() for text in written.values())


@pytest.mark.parametrize("environment", [*map(load, known_environments()), largest()], ids=lambda each: each.name)
def test_there_are_no_more_documents_than_it_takes(environment: Environment) -> None:
    lengths = [len(json.dumps(each, separators=(",", ":"))) for each in service_controls(environment)]
    assert len(lengths) == -(-sum(lengths) // 5120) <= 4


def test_no_statement_stands_twice_and_none_is_without_a_condition() -> None:
    statements = [each for document in service_controls() for each in document["Statement"]]
    assert len({each["Sid"] for each in statements}) == len(statements)
    assert [each for each in statements if each["Effect"] != "Deny" or not each["Condition"]] == []


def test_a_document_holds_what_organizations_takes_and_nothing_else() -> None:
    for document in service_controls():
        assert set(document) == {"Version", "Statement"}
        for statement in document["Statement"]:
            assert set(statement) == {"Sid", "Effect", "Action", "Resource", "Condition"}
            assert statement["Sid"].isalnum()


def test_nothing_waits_for_a_deployment() -> None:
    assert not any("Token" in text or "Fn::" in text for text in organization.documents(PROD, ORGANIZATION).values())


def test_the_same_file_gives_the_same_documents() -> None:
    assert organization.documents(load("prod"), ORGANIZATION) == organization.documents(load("prod"), ORGANIZATION)


def test_more_than_an_account_takes_is_refused() -> None:
    exceptions = {
        f"teams.{index}": {
            "name": f"team{index}",
            "monthly_budget_usd": 1,
            "without_network_isolation": {"reason": "Because of tests.", "until": f"2027-01-{index:02}"},
        }
        for index in range(3, 31)
    }
    teams = [*(each.model_dump(mode="json") for each in PROD.teams), *exceptions.values()]
    with pytest.raises(InputError, match=r"^scp: [5-9] documents, .*: an account takes 4 of 5120 each$"):
        organization.documents(environment_with({"teams": teams}))


# ---- the command ----


def test_it_writes_the_documents_and_says_how_long_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "prod", "--output", str(tmp_path), "--organization", ORGANIZATION) == 0
    written = {file.name: file.read_text() for file in (tmp_path / "prod").iterdir()}
    assert written == organization.documents(PROD, ORGANIZATION)
    lines = capsys.readouterr().out.splitlines()
    assert sorted(lines) == [
        f"{tmp_path}/prod/{name}: {len(written[name])} of 5120 characters" for name in sorted(written)
    ]


def test_the_page_about_it_shows_what_it_prints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "organization.md").read_text()
    monkeypatch.chdir(tmp_path)
    printed = "\n".join(organization.write(PROD, Path("organization/prod"), ORGANIZATION))
    assert f"$ make scp ENV=prod ORGANIZATION={ORGANIZATION}\n{printed}\n```\n" in page


def test_without_an_organisation_it_writes_no_resource_control_policy_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "prod", "--output", str(tmp_path), "--organization", "") == 0
    assert [file.name for file in (tmp_path / "prod").glob("rcp-*")] == []
    assert capsys.readouterr().out.endswith("\nno resource control policy: it needs ORGANIZATION=o-...\n")


def test_documents_of_an_earlier_time_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "prod").mkdir()
    for name in ("scp-9.json", "rcp-1.json", "notes.txt"):
        (tmp_path / "prod" / name).write_text("old")
    run(monkeypatch, "prod", "--output", str(tmp_path))
    left = {file.name for file in (tmp_path / "prod").iterdir()}
    assert left == {*organization.documents(PROD), "notes.txt"}


@pytest.mark.parametrize("given", ["x", "o-123", "o-A1B2C3D4E5", "r-a1b2c3d4e5"])
def test_an_id_that_is_none_is_one_message_and_exit_code_2(
    given: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "prod", "--output", str(tmp_path), "--organization", given) == 2
    message = f"organization: {given!r}: must be the id of an organisation, such as o-a1b2c3d4e5\n"
    assert capsys.readouterr().err == message
    assert not (tmp_path / "prod").exists()


def test_an_environment_that_is_none_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "prdo") == 2
    assert capsys.readouterr().err.startswith("environment: 'prdo': unknown environment")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["operations", "scp", *arguments])
    return command.main()
