"""What people of one team may do in Studio, asked of an evaluator of policies."""

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from policies.evaluator import Context, Decision, Request, decide
from tests.support import Json, documents
from trainyard.team_studio import TeamStudio, private_space, shared_space

SAGEMAKER = "arn:aws:sagemaker:eu-west-1:111111111111"
# What Studio fills in for calls of a person from inside it.
INSIDE = {"sagemaker:DomainId": "d-1", "sagemaker:UserProfileName": "vision-1"}
OWN_SPACES = ["vision-1-private", "vision-shared"]
OTHER_SPACES = ["vision-2-private", "language-shared", "vision-1", "vision-11-private", "vision-1-private-2"]

APPS = ["sagemaker:CreateApp", "sagemaker:DeleteApp", "sagemaker:DescribeApp", "sagemaker:AddTags"]
SPACES = ["sagemaker:DescribeSpace", "sagemaker:UpdateSpace", "sagemaker:ListTags"]


@pytest.fixture(scope="module")
def policy() -> Json:
    stack = Stack(App(), "Test")
    TeamStudio(stack, "Studio", shared_space="vision-shared")
    (document,) = documents(Template.from_stack(stack)).values()
    return document


@pytest.mark.parametrize("action", APPS)
@pytest.mark.parametrize("space", OWN_SPACES)
@pytest.mark.parametrize("app", ["JupyterLab/default", "CodeEditor/default"])
def test_apps_of_the_own_spaces_are_used(policy: Json, action: str, space: str, app: str) -> None:
    context = {**INSIDE, "sagemaker:TaggingAction": "CreateApp"}
    assert _allows(policy, action, f"{SAGEMAKER}:app/d-1/{space}/{app}", context)


@pytest.mark.parametrize("action", APPS)
@pytest.mark.parametrize("space", OTHER_SPACES)
def test_apps_of_other_spaces_and_profiles_are_not(policy: Json, action: str, space: str) -> None:
    context = {**INSIDE, "sagemaker:TaggingAction": "CreateApp"}
    assert not _allows(policy, action, f"{SAGEMAKER}:app/d-1/{space}/JupyterLab/default", context)


@pytest.mark.parametrize("action", SPACES)
@pytest.mark.parametrize("space", OWN_SPACES)
def test_the_own_spaces_are_used(policy: Json, action: str, space: str) -> None:
    assert _allows(policy, action, f"{SAGEMAKER}:space/d-1/{space}", INSIDE)


@pytest.mark.parametrize("action", SPACES)
@pytest.mark.parametrize("space", OTHER_SPACES)
def test_other_spaces_are_not(policy: Json, action: str, space: str) -> None:
    assert not _allows(policy, action, f"{SAGEMAKER}:space/d-1/{space}", INSIDE)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:CreateApp", "app/d-1/vision-1-private/JupyterLab/default"),
        ("sagemaker:CreateApp", "app/d-1/vision-shared/JupyterLab/default"),
        ("sagemaker:UpdateSpace", "space/d-1/vision-shared"),
        ("sagemaker:DescribeUserProfile", "user-profile/d-1/vision-1"),
        ("sagemaker:DescribeDomain", "domain/d-1"),
    ],
)
@pytest.mark.parametrize(
    "context", [{}, INSIDE | {"sagemaker:DomainId": "d-2"}, {"sagemaker:UserProfileName": "vision-1"}]
)
def test_nothing_is_used_from_outside_studio_or_another_domain(
    policy: Json, action: str, resource: str, context: Context
) -> None:
    assert not _allows(policy, action, f"{SAGEMAKER}:{resource}", context)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:DescribeDomain", "domain/d-1"),
        ("sagemaker:DescribeUserProfile", "user-profile/d-1/vision-1"),
    ],
)
def test_the_domain_and_the_own_profile_are_shown(policy: Json, action: str, resource: str) -> None:
    assert _allows(policy, action, f"{SAGEMAKER}:{resource}", INSIDE)


@pytest.mark.parametrize("profile", ["vision-2", "language-1", "vision-1-private"])
def test_other_profiles_are_not_shown(policy: Json, profile: str) -> None:
    assert not _allows(policy, "sagemaker:DescribeUserProfile", f"{SAGEMAKER}:user-profile/d-1/{profile}", INSIDE)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:CreateSpace", "space/d-1/vision-shared"),
        ("sagemaker:DeleteSpace", "space/d-1/vision-1-private"),
        ("sagemaker:UpdateUserProfile", "user-profile/d-1/vision-1"),
        ("sagemaker:CreateUserProfile", "user-profile/d-1/vision-1"),
        ("sagemaker:UpdateDomain", "domain/d-1"),
        ("sagemaker:StartSession", "space/d-1/vision-1-private"),
    ],
)
def test_spaces_profiles_and_domain_are_made_and_changed_by_nobody(policy: Json, action: str, resource: str) -> None:
    assert not _allows(policy, action, f"{SAGEMAKER}:{resource}", INSIDE)


def test_nobody_signs_in_as_somebody_else(policy: Json) -> None:
    profile = f"{SAGEMAKER}:user-profile/d-1/vision-2"
    assert not _allows(policy, "sagemaker:CreatePresignedDomainUrl", profile, INSIDE)


@pytest.mark.parametrize("space", OWN_SPACES)
def test_tags_are_given_to_an_app_only_while_it_is_made(policy: Json, space: str) -> None:
    assert not _allows(policy, "sagemaker:AddTags", f"{SAGEMAKER}:app/d-1/{space}/JupyterLab/default", INSIDE)


def test_spaces_are_named_after_whom_they_belong_to() -> None:
    assert (private_space("vision-1"), shared_space("vision")) == ("vision-1-private", "vision-shared")


def _allows(policy: Json, action: str, resource: str, context: Context) -> bool:
    return decide(Request(action, resource, context), [policy]) is Decision.ALLOWED
