"""What runs when a notebook instance is made and started."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Fn, Stack
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from trainyard.lengths import longest
from trainyard.managed_policy import ManagedPolicy, Statement
from trainyard.place import Place, place_of
from trainyard.runtime_policy import write_logs
from trainyard.script_settings import told

MAX_SCRIPT = 16384
"""Characters of a lifecycle script in base64 (botocore, NotebookInstanceLifecycleConfigContent)."""

FETCH = ("s3:GetObject",)
USE_REPOSITORIES = ("codecommit:GitPull", "codecommit:GitPush")
SIGN_IN_TO_LIBRARIES = ("codeartifact:GetAuthorizationToken",)
READ_LIBRARIES = ("codeartifact:GetRepositoryEndpoint", "codeartifact:ReadFromRepository")
BEARER_TOKENS = ("sts:GetServiceBearerToken",)


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


def git_url(region: str, repository: str) -> str:
    """Where git finds a repository of CodeCommit (AWS docs codecommit/latest/userguide/regions.html)."""
    return f"https://git-codecommit.{region}.amazonaws.com/v1/repos/{repository}"


class NotebookLifecycle(Construct):
    """A lifecycle configuration, and the scripts that it fetches.

    Args:
        scripts: the scripts.
        settings: what they are told, by name.
        repositories: names of repositories of CodeCommit that instances clone and write to.
        codeartifact: the domain and the repository of CodeArtifact that libraries come from, if there is one.

    Attributes:
        name: the name of the lifecycle configuration.
        policy: ARN of the policy that lets an instance fetch the scripts, write its logs, and use the repositories.

    Raises:
        ValueError: when a script could be longer than SageMaker takes.

    Source: AWS docs sagemaker/latest/dg/notebook-lifecycle-config.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        scripts: NotebookScripts,
        settings: Mapping[str, str],
        repositories: Sequence[str] = (),
        codeartifact: tuple[str, str] | None = None,
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
                *_use_repositories(place_of(scope), repositories),
                *(_install_libraries(place_of(scope), *codeartifact) if codeartifact else ()),
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


def _use_repositories(place: Place, names: Sequence[str]) -> list[Statement]:
    if not names:
        return []
    return [Statement("UseRepositories", USE_REPOSITORIES, [place.arn("codecommit", name) for name in names])]


def _install_libraries(place: Place, domain: str, repository: str) -> list[Statement]:
    """Source: AWS docs codeartifact/latest/ug/tokens-authentication.html."""
    return [
        Statement("SignInToLibraries", SIGN_IN_TO_LIBRARIES, [place.arn("codeartifact", f"domain/{domain}")]),
        Statement("ReadLibraries", READ_LIBRARIES, [place.arn("codeartifact", f"repository/{domain}/{repository}")]),
        Statement(
            "TokensOfLibraries",
            BEARER_TOKENS,
            conditions={"StringEquals": {"sts:AWSServiceName": "codeartifact.amazonaws.com"}},
            wildcards="The token stands for the role itself; only CodeArtifact takes it",
        ),
    ]
