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
class Script:
    """A script that instances fetch, because a lifecycle configuration would not hold it.

    Args:
        path: where it lies.
        sha256: the digest of its content in hexadecimal; nothing else is run in its place.
    """

    path: str
    sha256: str


@dataclass(frozen=True)
class NotebookScripts:
    """The scripts of notebook instances: the text of the two that SageMaker runs, and those that they fetch."""

    on_create: str
    on_start: str
    bootstrap: Script
    idle_stop: Script


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
        arns: list[str] = []
        settings = dict(settings)
        for name, script in (("BOOTSTRAP", scripts.bootstrap), ("IDLE_STOP", scripts.idle_stop)):
            asset = assets.Asset(self, name.title().replace("_", ""), path=script.path)
            settings |= {name: asset.s3_object_url, f"{name}_SHA256": script.sha256}
            arns.append(f"arn:{place_of(scope).partition}:s3:::{asset.s3_bucket_name}/{asset.s3_object_key}")
        self.policy = ManagedPolicy(
            self,
            "Fetch",
            statements=[
                Statement(
                    "FetchScripts",
                    FETCH,
                    arns,
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
