"""Against an IAM, CloudFormation and STS that stand in this process and know one deployed environment."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from environments import load
from operations import __main__ as command
from operations.access.matrix import matrix
from operations.access.resources import Told, resources_of, told_by
from operations.access.roles import Role, roles_of
from operations.access.simulate import entry, simulate
from operations.assembly import stacks_of
from operations.errors import InputError
from policies.evaluator import Decision, Request, decide, plain
from tests.support import Assembly, Json, environment_with
from trainyard.sagemaker_actions import NETWORK_ISOLATION

pytestmark = pytest.mark.slow

LOCAL = load("local")
DECISIONS = {
    Decision.ALLOWED: "allowed",
    Decision.EXPLICITLY_DENIED: "explicitDeny",
    Decision.IMPLICITLY_DENIED: "implicitDeny",
}
READING = {"GetCallerIdentity", "ListStackResources", "SimulatePrincipalPolicy"}


class Account:
    """An account where ``local`` is deployed; its IAM evaluates the policies of the assembly.

    Attributes:
        number: the account.
        deployed: names of the stacks that are there.
        roles: by ARN.
        without: the Sids of statements that somebody took away.
        refused: an operation that the credentials may not use.
        asked: the requests, each with its operation.
        sent: for calls of the simulator that go as far as HTTP, the status and text of each response.
    """

    def __init__(self, folder: Path) -> None:
        self.number = LOCAL.account
        self.deployed = {stack.name: stack for stack in stacks_of(folder)}
        resources = resources_of(stacks_of(folder))
        # Not the ids by which the evaluator knows them elsewhere.
        self._ids = {each.name: f"physical-{index}" for index, each in enumerate(resources)}
        self._told: Told = told_by(resources, self._ids, LOCAL.region, LOCAL.account, "aws")
        self.roles: dict[str, Role] = {self._told(each.resource.arn): each for each in roles_of(resources)}
        self.without: tuple[str, ...] = ()
        self.refused = ""
        self.asked: list[tuple[str, Json]] = []
        self.sent: list[list[tuple[int, str]]] = []
        self._plain: dict[int, Json] = {}

    def answer(self, operation: str, asked: Json) -> Json:
        self.asked.append((operation, asked))
        if operation == self.refused:
            return {"Error": {"Code": "AccessDenied", "Message": "not authorized"}}
        if operation == "GetCallerIdentity":
            return {"Account": self.number, "Arn": f"arn:aws:sts::{self.number}:assumed-role/Auditor/x", "UserId": "x"}
        if operation == "ListStackResources":
            return self._resources(asked["StackName"])
        return self._decisions(asked)

    def _resources(self, name: str) -> Json:
        if name not in self.deployed:
            return {"Error": {"Code": "ValidationError", "Message": f"Stack with id {name} does not exist"}}
        stack = self.deployed[name]
        return {
            "StackResourceSummaries": [
                {"LogicalResourceId": each, "PhysicalResourceId": self._ids[f"{stack.key}.{each}"]}
                for each in stack.resources
            ]
        }

    def _decisions(self, asked: Json) -> Json:
        role = self.roles[asked["PolicySourceArn"]]
        policies = [self._document(each) for each in role.policies]
        boundary = self._document(role.boundary) if role.boundary else None
        if "PolicyInputList" in asked:
            everything: Json = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
            assert asked["PolicyInputList"] == asked["PermissionsBoundaryPolicyInputList"]
            policies, boundary = [everything, *policies], everything
        context = {each["ContextKeyName"]: _value(each) for each in asked["ContextEntries"]}
        (resource,) = asked["ResourceArns"]
        return {
            "EvaluationResults": [
                {
                    "EvalActionName": action,
                    "EvalDecision": DECISIONS[decide(Request(action, resource, context), policies, boundary)],
                }
                for action in asked["ActionNames"]
            ]
        }

    def _document(self, document: Json) -> Json:
        if id(document) not in self._plain:
            written = plain(self._told(document))
            kept = [each for each in written["Statement"] if each.get("Sid") not in self.without]
            self._plain[id(document)] = {"Statement": kept}
        return self._plain[id(document)]


def _value(given: Json) -> Any:
    values = given["ContextKeyValues"]
    match given["ContextKeyType"]:
        case "stringList":
            return values
        case "boolean":
            return {"true": True, "false": False}[values[0]]
        case "numeric":
            return int(values[0])
    assert given["ContextKeyType"] in ("string", "date")
    return values[0]


@pytest.fixture(scope="module")
def local(assembly_of: Callable[[str], Assembly]) -> Path:
    return assembly_of("local").folder


@pytest.fixture
def account(local: Path) -> Account:
    return Account(local)


@pytest.fixture
def session(account: Account) -> boto3.Session:
    return session_of(account)


@pytest.fixture(scope="module")
def as_meant(local: Path) -> tuple[Account, list[str]]:
    """An account as it is meant to be, which was asked about everything, and the lines about it."""
    account = Account(local)
    return account, run(session_of(account), local)


@pytest.fixture(scope="module")
def changed(local: Path) -> list[str]:
    """The differences of an account where a Deny and an Allow were taken away."""
    account = Account(local)
    account.without = ("WithoutNetworkIsolation", "FollowWork")
    return run(session_of(account), local)[1:-1]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the cases of one action."""
    monkeypatch.setattr(
        "operations.access.simulate.matrix",
        lambda *arguments: [each for each in matrix(*arguments) if each.action == "sagemaker:CreateAlgorithm"],
    )


def session_of(account: Account) -> boto3.Session:
    """A session of the account: botocore checks each request, and asks nobody outside."""
    session = boto3.Session("key", "secret", region_name=LOCAL.region)

    def keep(params: Json, context: Json, **_: object) -> None:
        context["asked"] = dict(params)

    sent: dict[int, list[tuple[int, str]]] = {}

    def answer(model: Any, context: Json, **_: object) -> tuple[SimpleNamespace, Json] | None:
        if model.name == "SimulatePrincipalPolicy" and account.sent:
            sent[threading.get_ident()] = account.sent.pop()
            return None
        parsed = account.answer(model.name, context["asked"])
        parsed["ResponseMetadata"] = {}
        return SimpleNamespace(status_code=400 if "Error" in parsed else 200), parsed

    def send(request: Any, **_: object) -> AWSResponse:
        status, text = sent[threading.get_ident()].pop(0)
        return AWSResponse(request.url, status, HTTPHeaders(), SimpleNamespace(stream=lambda: [text.encode()]))

    session.events.register("before-parameter-build", keep)
    session.events.register("before-call", answer)  # type: ignore[arg-type]
    session.events.register("before-send.iam", send)  # type: ignore[arg-type]
    return session


def run(session: boto3.Session, folder: Path, environment: str = "local") -> list[str]:
    lines: list[str] = []
    differ = simulate(load(environment), folder, session, lines.append)
    assert differ == len(lines) - 2
    return lines


def test_an_account_as_it_is_meant_to_be_differs_in_nothing(as_meant: tuple[Account, list[str]]) -> None:
    first, last = as_meant[1]
    cases = int(first.split()[1])
    assert first.startswith("local: ")
    assert cases > 2000
    assert last == f"0 of {cases} cases differ"


def test_it_only_reads(as_meant: tuple[Account, list[str]]) -> None:
    assert {operation for operation, _ in as_meant[0].asked} == READING


def test_actions_that_have_all_else_in_common_are_one_call(as_meant: tuple[Account, list[str]]) -> None:
    calls = simulated(as_meant[0])
    cases = as_meant[1][0].split()[1]
    assert as_meant[1][0] == f"local: {cases} cases, {len(calls)} calls"
    assert max(len(asked["ActionNames"]) for asked in calls) > 1
    assert sum(len(asked["ActionNames"]) for asked in calls) == int(cases)


def test_keys_have_the_types_that_iam_asks_for(as_meant: tuple[Account, list[str]]) -> None:
    kinds = {
        each["ContextKeyName"]: each["ContextKeyType"]
        for asked in simulated(as_meant[0])
        for each in asked["ContextEntries"]
    }
    assert kinds["sagemaker:VpcSubnets"] == kinds["sagemaker:StudioLifecycleConfigArns"] == "stringList"
    assert kinds["sagemaker:NetworkIsolation"] == kinds["sagemaker:EnableRemoteDebug"] == "boolean"
    assert kinds["sagemaker:MaxRuntimeInSeconds"] == "numeric"
    assert kinds["sagemaker:VolumeKmsKeyArn"] == kinds["aws:RequestTag/Team"] == "string"


def test_a_moment_is_a_date() -> None:
    assert entry("aws:CurrentTime", "2027-03-31T00:00:00Z")["ContextKeyType"] == "date"


def test_a_missing_deny_is_told_line_by_line(changed: list[str]) -> None:
    assert (
        "Team-vision Person vision-1: CreateTrainingJob: without NetworkIsolation: should be denied, is allowed"
    ) in changed


def test_a_missing_allow_is_told_line_by_line(changed: list[str]) -> None:
    assert (
        "Team-vision Person vision-1: DescribeModel: compliant: should be allowed, is allowed by nothing"
    ) in changed


def test_what_is_as_it_was_is_not_told(changed: list[str]) -> None:
    told = {line.split(": ")[1] for line in changed}
    assert {action for action in told if action.startswith(("Create", "Update"))} == set(NETWORK_ISOLATION.actions)


def test_another_account_is_refused(session: boto3.Session, local: Path, account: Account) -> None:
    account.number = "999999999999"
    with pytest.raises(InputError, match=r"^account: local is of 111111111111, and these credentials of 999999999999$"):
        run(session, local)
    assert {operation for operation, _ in account.asked} == {"GetCallerIdentity"}


def test_an_environment_that_is_not_deployed_is_told(session: boto3.Session, local: Path, account: Account) -> None:
    del account.deployed["trainyard-local-team-vision"]
    with pytest.raises(InputError, match=r"^local: .*Stack with id trainyard-local-team-vision does not exist"):
        run(session, local)


def test_a_deployment_that_lacks_something_is_told(session: boto3.Session, local: Path, account: Account) -> None:
    del account.deployed["trainyard-local-team-vision"].resources["Guardrails"]
    with pytest.raises(
        InputError, match=r"^local: not deployed as the assembly says: Team-vision.Guardrails is missing"
    ):
        run(session, local)


def test_a_missing_assembly_is_told(session: boto3.Session, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not an assembly of cdk synth: .*manifest.json is missing$"):
        run(session, tmp_path)


def test_an_assembly_of_another_environment_is_told(session: boto3.Session, local: Path) -> None:
    with pytest.raises(InputError, match=r"not an assembly of dev: it holds trainyard-local-data$"):
        run(session, local, "dev")


def test_an_assembly_with_other_teams_is_told(session: boto3.Session, local: Path) -> None:
    teams = [{"name": "vision", "monthly_budget_usd": 50}, {"name": "audio", "monthly_budget_usd": 10}]
    with pytest.raises(InputError, match=r"not an assembly of local as its file is now: it has other teams$"):
        simulate(environment_with({"teams": teams}, "local"), local, session, print)


@pytest.mark.usefixtures("few")
def test_what_credentials_may_not_ask_is_told(session: boto3.Session, local: Path, account: Account) -> None:
    account.refused = "SimulatePrincipalPolicy"
    with pytest.raises(InputError, match=r"^local: .*AccessDenied.* not authorized"):
        run(session, local)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("without", "number", "code"),
    [((), LOCAL.account, 0), (("Never",), LOCAL.account, 1), ((), "999999999999", 2)],
    ids=["nothing differs", "cases differ", "another account"],
)
def test_the_command_says_by_its_exit_code_what_came_out(
    session: boto3.Session,
    local: Path,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    without: tuple[str, ...],
    number: str,
    code: int,
) -> None:
    account.without, account.number = without, number
    monkeypatch.setattr("boto3.Session", lambda **_: session)
    monkeypatch.setattr("sys.argv", ["operations", "simulate", "local", "--assembly", str(local)])
    assert command.main() == code
    printed = capsys.readouterr()
    assert ("CreateAlgorithm: forbidden" in printed.out) is (code == 1)
    assert printed.err.count("\n") == (code == 2)


@pytest.mark.usefixtures("few")
def test_a_call_that_is_throttled_is_repeated(session: boto3.Session, local: Path, account: Account) -> None:
    """By botocore's own retries, through which one call goes here."""
    refused = "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>"
    answered = (
        "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults/>"
        "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    )
    account.sent = [[(400, refused), (400, refused), (200, answered)]]
    _, *differences, _ = run(session, local)
    # The repeated call has a response, which says nothing.
    assert differences
    assert {line.rpartition(", ")[2] for line in differences} == {"has no answer"}


def simulated(account: Account) -> list[Json]:
    return [asked for operation, asked in account.asked if operation == "SimulatePrincipalPolicy"]
