"""What runs when a notebook instance is made and started."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Fn, Stack
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from trainyard.lengths import longest
from trainyard.managed_policy import ManagedPolicy, Statement
from trainyard.place import place_of
from trainyard.runtime_policy import write_logs
from trainyard.script_settings import told

MAX_SCRIPT = 16384
"""Characters of a lifecycle script in base64 (botocore, NotebookInstanceLifecycleConfigContent)."""

FETCH = ("s3:GetObject",)


@dataclass(frozen=True)
class Archive:
    """The scripts that instances fetch, because a lifecycle configuration would not hold them.

    Args:
        path: where the archive lies.
        sha256: the digest of its content in hexadecimal; nothing else is unpacked in its place.
    """

    path: str
    sha256: str


@dataclass(frozen=True)
class NotebookScripts:
    """The scripts of notebook instances: the text of the two that SageMaker runs, and the job that they start."""

    on_create: str
    on_start: str
    job: Archive


class NotebookLifecycle(Construct):
    """A lifecycle configuration, and the scripts that it fetches.

    Args:
        scripts: the scripts.
        settings: what they are told, by name.

    Attributes:
        name: the name of the lifecycle configuration.
        policy: ARN of the policy that lets an instance fetch the scripts, nothing else beside them, and write its logs.

    Raises:
        ValueError: when a script could be longer than SageMaker takes.

    Source: AWS docs sagemaker/latest/dg/notebook-lifecycle-config.html
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, scripts: NotebookScripts, settings: Mapping[str, str]
    ) -> None:
        super().__init__(scope, construct_id)
        job = assets.Asset(self, "Job", path=scripts.job.path)
        settings = {**settings, "JOB": job.s3_object_url, "JOB_SHA256": scripts.job.sha256}
        self.policy = ManagedPolicy(
            self,
            "Fetch",
            statements=[
                Statement(
                    "FetchScripts",
                    FETCH,
                    [f"arn:{place_of(scope).partition}:s3:::{job.s3_bucket_name}/{job.s3_object_key}"],
                    conditions={"StringEquals": {"aws:ResourceAccount": place_of(scope).account}},
                ),
                *write_logs(scope, ["NotebookInstances:log-stream:*"]),
            ],
        ).arn
        self.name = sagemaker.CfnNotebookInstanceLifecycleConfig(
            self,
            "Scripts",
            # A guardrail admits lifecycle configurations by the beginning of their names.
            notebook_instance_lifecycle_config_name=place_of(scope).stack_name,
            on_create=[self._hook("on_create", scripts.on_create, settings)],
            on_start=[self._hook("on_start", scripts.on_start, settings)],
        ).attr_notebook_instance_lifecycle_config_name

    def _hook(
        self, name: str, script: str, settings: Mapping[str, str]
    ) -> sagemaker.CfnNotebookInstanceLifecycleConfig.NotebookInstanceLifecycleHookProperty:
        text = told(script, settings)
        length = -(-longest(Stack.of(self).resolve(text)) // 3) * 4
        if length > MAX_SCRIPT:
            raise ValueError(f"{name}: {length} characters in base64, SageMaker takes {MAX_SCRIPT}")
        return sagemaker.CfnNotebookInstanceLifecycleConfig.NotebookInstanceLifecycleHookProperty(
            content=Fn.base64(text)
        )
