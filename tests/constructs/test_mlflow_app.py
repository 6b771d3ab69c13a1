import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk.assertions import Match, Template

from trainyard.mlflow_app import MlflowApp

APP = sagemaker.CfnMlflowApp.CFN_RESOURCE_TYPE_NAME
ROLE = iam.CfnRole.CFN_RESOURCE_TYPE_NAME

FOLDER = "arn:aws:iam::111111111111:policy/experiments"
BOUNDARY = "arn:aws:iam::111111111111:policy/boundary"


@pytest.fixture(scope="module")
def stack() -> Stack:
    stack = Stack(App(), "Test", stack_name="trainyard-test-studio")
    uri = "s3://artifacts/mlflow"
    MlflowApp(stack, "Mlflow", artifact_store_uri=uri, folder_policy=FOLDER, boundary=BOUNDARY, keep=True)
    return stack


@pytest.fixture(scope="module")
def template(stack: Stack) -> Template:
    return Template.from_stack(stack)


def test_it_keeps_what_experiments_log_in_the_given_folder(template: Template) -> None:
    template.has_resource_properties(APP, {"ArtifactStoreUri": "s3://artifacts/mlflow"})


def test_it_is_named_after_its_stack(template: Template) -> None:
    template.has_resource_properties(APP, {"Name": "trainyard-test-studio"})


def test_it_runs_as_a_role_that_may_use_that_folder_and_nothing_else(template: Template) -> None:
    (role,) = template.find_resources(ROLE)
    template.has_resource_properties(APP, {"RoleArn": {"Fn::GetAtt": [role, "Arn"]}})
    template.has_resource_properties(ROLE, {"ManagedPolicyArns": [FOLDER], "Policies": Match.absent()})


def test_its_role_has_the_boundary(template: Template) -> None:
    template.has_resource_properties(ROLE, {"PermissionsBoundary": BOUNDARY})


def test_its_arn_is_what_others_are_let_into(stack: Stack, template: Template) -> None:
    mlflow = stack.node.find_child("Mlflow")
    assert isinstance(mlflow, MlflowApp)
    (app,) = template.find_resources(APP)
    assert stack.resolve(mlflow.arn)["Fn::GetAtt"][0] == app


def test_experiments_outlive_their_stack_when_they_are_kept(template: Template) -> None:
    template.has_resource(sagemaker.CfnMlflowApp.CFN_RESOURCE_TYPE_NAME, {"DeletionPolicy": "Retain"})
