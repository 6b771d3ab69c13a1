import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from policies.evaluator import plain
from tests.support import Json
from trainyard.account_role import AccountRole, named_roles, roles_of_team
from trainyard.managed_policy import Conditions

ROLE = iam.CfnRole.CFN_RESOURCE_TYPE_NAME
POLICY = "arn:aws:iam::111111111111:policy/a"


def test_principals_of_this_account_take_it_on_and_nobody_else() -> None:
    (statement,) = _trust(roles_of_team("vision", "prod"))
    assert plain(statement["Principal"]) == {"AWS": "arn:aws:iam::111111111111:root"}
    assert statement["Effect"] == "Allow"


def test_who_comes_with_a_source_identity_keeps_it() -> None:
    (statement,) = _trust(roles_of_team("vision", "prod"))
    assert statement["Action"] == ["sts:AssumeRole", "sts:SetSourceIdentity"]


def test_a_team_is_known_by_the_tags_of_its_roles() -> None:
    (statement,) = _trust(roles_of_team("vision", "prod"))
    tags = {"aws:PrincipalTag/Team": "vision", "aws:PrincipalTag/Environment": "prod"}
    assert statement["Condition"] == {"StringEquals": tags}


def test_roles_are_named_with_their_paths() -> None:
    stack = _stack()
    (statement,) = _trust(named_roles(stack, ["Auditors", "aws-reserved/sso.amazonaws.com/Audit"]), stack)
    assert plain(statement["Condition"]) == {
        "ArnEquals": {
            "aws:PrincipalArn": [
                "arn:aws:iam::111111111111:role/Auditors",
                "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/Audit",
            ]
        }
    }


def test_a_trust_policy_that_iam_does_not_take_is_refused() -> None:
    stack = _stack()
    who = named_roles(stack, [f"{'a' * 190}{number}" for number in range(10)])
    with pytest.raises(ValueError, match=r"who: 2[0-9]{3} characters, a trust policy has at most 2048"):
        _trust(who, stack)


def test_as_many_long_names_as_a_file_takes_have_room() -> None:
    stack = _stack()
    assert _trust(named_roles(stack, [f"{'a' * 100}{number}" for number in range(10)]), stack)


def _stack() -> Stack:
    return Stack(App(), "Test", env=Environment(account="111111111111", region="eu-west-1"))


def _trust(who: Conditions, stack: Stack | None = None) -> list[Json]:
    stack = stack or _stack()
    AccountRole(stack, "Role", who=who, policies=[POLICY], boundary=POLICY, description="For a test")
    (role,) = Template.from_stack(stack).find_resources(ROLE).values()
    statements: list[Json] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    return statements
