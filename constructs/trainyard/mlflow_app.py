"""An MLflow App: where people record their experiments, from Studio and notebook instances."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from trainyard.place import place_of
from trainyard.service_role import ServiceRole


class MlflowApp(Construct):
    """One app for the whole environment; everybody in it sees all experiments.

    Args:
        artifact_store_uri: where in S3 it keeps what experiments log.
        folder_policy: ARN of the policy that lets its role use that folder.
        boundary: ARN of the permissions boundary.
        keep: whether the app, which holds the experiments, stays when its stack is deleted.

    Attributes:
        arn: its ARN.

    Source: AWS docs sagemaker/latest/dg/mlflow-app-setup.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        artifact_store_uri: str,
        folder_policy: str,
        boundary: str,
        keep: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        role = ServiceRole(self, "Role", service="sagemaker.amazonaws.com", policies=[folder_policy], boundary=boundary)
        app = sagemaker.CfnMlflowApp(
            self,
            "App",
            name=place_of(scope).stack_name,
            artifact_store_uri=artifact_store_uri,
            role_arn=role.arn,
        )
        app.apply_removal_policy(RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY)
        self.arn = app.attr_arn
