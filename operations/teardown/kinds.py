"""What people make in an environment while it runs, and what its stacks have that must be drained: one table.

A kind says how things of it are listed, which of them are the environment's, and what is done to them in which order.
A thing is known by where it is (a domain, a queue, a group), by its stack, by the role that it runs as, by what it
uses, or by the tags that the guardrails ask for; never by its name.
Source of orders and states: AWS docs sagemaker/latest/dg/gs-studio-delete-domain.html and the references of the API.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from operations.teardown.aws import code_of, message_of
from operations.teardown.scope import Scope

Json = dict[str, Any]

GONE = "gone"
"""The state of what is not there."""
THERE = "there"
"""The state of what is there and has no states of its own."""
PAGE = 100
"""Things in one answer; SageMaker gives ten unless it is asked for more."""
REASON = "The environment is being taken away"
"""What people read who ask why their work ended."""


@dataclass(frozen=True)
class Bulk:
    """A call that does its verb to many things, and says of each whether it did.

    Args:
        argument: the argument that takes the things, each by the last member of its key.
        most: how many it takes.
        refused: a JMESPath expression for those that it did not do: thing, code and message of each.
    """

    argument: str
    most: int
    refused: str


@dataclass(frozen=True)
class Verb:
    """Something that is done to every thing of a kind.

    Args:
        name: how it is called, such as delete.
        operation: the call, in boto3's words.
        states: in which it can be called; in all others it is waited.
        until: the states that it leads to.
        after: what must be done before: ``KIND.VERB``.
        also: arguments beside those that identify the thing, from what is told of it.
        minutes: after how long it is given up.
        bulk: if it is done to many things in one call.
    """

    name: str
    operation: str
    states: frozenset[str]
    until: frozenset[str] = frozenset({GONE})
    after: tuple[str, ...] = ()
    also: Callable[[Json], Json] = lambda _told: {}
    minutes: int = 60
    bulk: Bulk | None = None

    @property
    def done(self) -> str:
        """What a thing is then."""
        return {"stop": "stopped", "terminate": "terminated"}.get(self.name, f"{self.name}d")


@dataclass(frozen=True)
class Kind:
    """One kind of thing. All expressions are JMESPath, over what its service tells of a thing.

    Args:
        name: what they are called, in the plural.
        service: boto3's name of the service.
        listed: the operation that lists them.
        items: the things in its answer.
        key: the members that identify a thing, and in which the calls want them.
        verbs: what is done to them, in this order.
        state: its state; empty for things that have none.
        asked: the arguments of each listing, from the scope: it is asked once for each.
        within: the kind of what they are listed of, one listing for each: it gives its own key as arguments.
        page: the argument for how many things an answer may have; empty if the service gives as many as it can.
        described: the operation that tells more of one.
        role: the role, or the roles, that it runs as. Without one, ``uses`` and ``tagged`` decide.
        uses: other kinds, and what a thing uses of them: it is the environment's as they are.
        needs: other kinds, and what of them stays as long as a thing stays.
        tagged: its ARN, where tags can tell whose it is; ``Tags`` are told then.
        types: types of CloudFormation whose resources are of this kind.
        missing: codes, and what the message says, when a thing is not there.
        data: whether things of it are kept unless somebody names them.
        billed: whether a thing costs money as long as it is there.
        size: its size in GiB.
        owner: who it belongs to or who started it: a person, a team, or the role that it runs as.
        since: when it was made or started.
        instance: the types of the instances that it runs on.
        activity: when somebody last used it.
    """

    name: str
    service: str
    listed: str
    items: str
    key: tuple[str, ...]
    verbs: tuple[Verb, ...] = ()
    state: str = ""
    asked: Callable[[Scope], Sequence[Json]] = lambda _scope: [{}]
    within: str = ""
    page: str = "MaxResults"
    described: str = ""
    role: str = ""
    uses: Mapping[str, str] = field(default_factory=dict, hash=False)
    needs: Mapping[str, str] = field(default_factory=dict, hash=False)
    tagged: str = ""
    types: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = (("ResourceNotFound", ""),)
    data: bool = False
    billed: bool = True
    size: str = ""
    owner: str = ""
    since: str = "CreationTime"
    instance: str = ""
    activity: str = ""

    def is_missing(self, error: ClientError) -> bool:
        """Whether AWS says that a thing is not there, and nothing else with the same code."""
        return self.means_missing(code_of(error), message_of(error))

    def means_missing(self, code: str, message: str) -> bool:
        """The same, of a code and a message."""
        return any(code == each and re.search(pattern, message) for each, pattern in self.missing)


def _of_domains(scope: Scope) -> list[Json]:
    return [{"DomainIdEquals": each} for each in scope.ids("AWS::SageMaker::Domain")]


def _states(*names: str) -> frozenset[str]:
    return frozenset(names)


def _jobs(
    name: str,
    of: str,
    *,
    starters: Sequence[str],
    described: str = "",
    running: Sequence[str] = ("InProgress",),
    stopping: str = "Stopping",
    role: str = "RoleArn",
    uses: Mapping[str, str] | None = None,
    tagged: str = "",
    instance: str = "",
) -> Kind:
    """Jobs of SageMaker: their kinds differ in names alone. They are ended after what starts them."""
    return Kind(
        name=name,
        service="sagemaker",
        listed=f"list_{xform_name(of)}s",
        items=f"{of}Summaries[]",
        # All that ever ran stay listed.
        asked=lambda _scope: [{"StatusEquals": each} for each in (*running, stopping)],
        described=described or f"describe_{xform_name(of)}",
        role=role,
        uses=uses or {},
        tagged=tagged,
        key=(f"{of}Name",),
        state=f"{of}Status",
        verbs=(
            Verb(
                "stop", f"stop_{xform_name(of)}", frozenset(running), after=tuple(f"{each}.stop" for each in starters)
            ),
        ),
        missing=(
            ("ResourceNotFound", ""),
            ("ValidationException", "(?i)resource not found|could not find|can't find|does not exist"),
        ),
        owner=role or "Tags.Team",
        instance=instance,
    )


_SPACES_AND_PROFILES = _states("InService", "Failed", "Delete_Failed", "Update_Failed")
_PERSON = "CreatedBy.UserProfileName || RoleArn"

_STUDIO = (
    Kind(
        name="apps",
        service="sagemaker",
        listed="list_apps",
        items="Apps[?Status!='Deleted' && Status!='Failed']",
        asked=_of_domains,
        described="describe_app",
        key=("DomainId", "UserProfileName", "SpaceName", "AppType", "AppName"),
        state="Status",
        verbs=(Verb("delete", "delete_app", _states("InService"), minutes=120),),
        # One that failed, or was deleted a moment ago, is no app any more.
        missing=(
            ("ResourceNotFound", ""),
            ("ValidationException", "already been deleted|previously failed and was automatically deleted"),
        ),
        owner="UserProfileName || SpaceName",
        instance="ResourceSpec.InstanceType",
        activity="LastUserActivityTimestamp",
    ),
    Kind(
        name="spaces",
        service="sagemaker",
        listed="list_spaces",
        items="Spaces[]",
        asked=_of_domains,
        needs={"user profiles": "OwnershipSettingsSummary.OwnerUserProfileName"},
        key=("DomainId", "SpaceName"),
        state="Status",
        verbs=(Verb("delete", "delete_space", _SPACES_AND_PROFILES, after=("apps.delete",)),),
        types=("AWS::SageMaker::Space",),
        size="SpaceSettingsSummary.SpaceStorageSettings.EbsStorageSettings.EbsVolumeSizeInGb",
        owner="OwnershipSettingsSummary.OwnerUserProfileName",
    ),
    Kind(
        name="user profiles",
        service="sagemaker",
        listed="list_user_profiles",
        items="UserProfiles[]",
        asked=_of_domains,
        key=("DomainId", "UserProfileName"),
        state="Status",
        verbs=(Verb("delete", "delete_user_profile", _SPACES_AND_PROFILES, after=("spaces.delete",)),),
        types=("AWS::SageMaker::UserProfile",),
        billed=False,
        owner="UserProfileName",
    ),
    Kind(
        name="notebook instances",
        service="sagemaker",
        listed="list_notebook_instances",
        items="NotebookInstances[]",
        described="describe_notebook_instance",
        role="RoleArn",
        key=("NotebookInstanceName",),
        state="NotebookInstanceStatus",
        verbs=(
            Verb("stop", "stop_notebook_instance", _states("InService"), _states("Stopped", "Failed", GONE)),
            Verb(
                "delete",
                "delete_notebook_instance",
                _states("Stopped", "Failed"),
                after=("notebook volumes.back_up",),
            ),
        ),
        types=("AWS::SageMaker::NotebookInstance",),
        missing=(("ValidationException", "RecordNotFound"),),
        size="VolumeSizeInGB",
        owner="RoleArn",
        instance="InstanceType",
    ),
    Kind(
        name="images",
        service="sagemaker",
        listed="list_images",
        items="Images[]",
        described="describe_image",
        role="RoleArn",
        key=("ImageName",),
        state="ImageStatus",
        verbs=(
            Verb(
                "delete",
                # Its versions go with it; the container images in ECR stay.
                "delete_image",
                _states("CREATED", "CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"),
                after=("apps.delete",),
            ),
        ),
        types=("AWS::SageMaker::Image",),
        billed=False,
        owner="RoleArn",
    ),
    Kind(
        name="app image configs",
        service="sagemaker",
        listed="list_app_image_configs",
        items="AppImageConfigs[]",
        tagged="AppImageConfigArn",
        key=("AppImageConfigName",),
        verbs=(Verb("delete", "delete_app_image_config", _states(THERE), after=("apps.delete",)),),
        types=("AWS::SageMaker::AppImageConfig",),
        billed=False,
        owner="Tags.Team",
    ),
    Kind(
        name="Studio lifecycle configs",
        service="sagemaker",
        listed="list_studio_lifecycle_configs",
        items="StudioLifecycleConfigs[]",
        tagged="StudioLifecycleConfigArn",
        key=("StudioLifecycleConfigName",),
        verbs=(
            Verb(
                "delete",
                "delete_studio_lifecycle_config",
                _states(THERE),
                # Profiles and spaces may name it.
                after=("apps.delete", "spaces.delete", "user profiles.delete"),
            ),
        ),
        types=("AWS::SageMaker::StudioLifecycleConfig",),
        billed=False,
        owner="Tags.Team",
    ),
)

_WORK = (
    Kind(
        name="pipelines",
        service="sagemaker",
        listed="list_pipelines",
        items="PipelineSummaries[]",
        role="RoleArn",
        tagged="PipelineArn",
        key=("PipelineName",),
        verbs=(Verb("delete", "delete_pipeline", _states(THERE), after=("pipeline executions.stop",)),),
        billed=False,
        owner="RoleArn",
    ),
    Kind(
        name="pipeline executions",
        service="sagemaker",
        listed="list_pipeline_executions",
        items="PipelineExecutionSummaries[?PipelineExecutionStatus=='Executing'||PipelineExecutionStatus=='Stopping']",
        within="pipelines",
        described="describe_pipeline_execution",
        key=("PipelineExecutionArn",),
        state="PipelineExecutionStatus",
        verbs=(Verb("stop", "stop_pipeline_execution", _states("Executing")),),
        billed=False,
        owner=_PERSON,
        since="StartTime",
    ),
    Kind(
        name="monitoring schedules",
        service="sagemaker",
        listed="list_monitoring_schedules",
        items="MonitoringScheduleSummaries[]",
        described="describe_monitoring_schedule",
        role="MonitoringScheduleConfig.MonitoringJobDefinition.RoleArn",
        uses={"endpoints": "EndpointName"},
        tagged="MonitoringScheduleArn",
        key=("MonitoringScheduleName",),
        state="MonitoringScheduleStatus",
        verbs=(
            Verb("stop", "stop_monitoring_schedule", _states("Scheduled"), _states("Stopped", "Failed", GONE)),
            Verb("delete", "delete_monitoring_schedule", _states("Stopped", "Failed"), after=("processing jobs.stop",)),
        ),
        billed=False,
        owner="MonitoringScheduleConfig.MonitoringJobDefinition.RoleArn",
    ),
    _jobs(
        "AutoML jobs",
        "AutoMLJob",
        # It knows those of both versions.
        described="describe_auto_ml_job_v2",
        starters=("pipeline executions",),
    ),
    _jobs(
        "tuning jobs",
        "HyperParameterTuningJob",
        role="[TrainingJobDefinition.RoleArn, TrainingJobDefinitions[].RoleArn][]",
        starters=("pipeline executions", "AutoML jobs"),
        instance="TrainingJobDefinition.ResourceConfig.InstanceType",
    ),
    _jobs(
        "training jobs",
        "TrainingJob",
        starters=("pipeline executions", "AutoML jobs", "tuning jobs"),
        instance="ResourceConfig.InstanceType",
    ),
    Kind(
        name="warm pools",
        service="sagemaker",
        listed="list_training_jobs",
        items="TrainingJobSummaries[]",
        asked=lambda _scope: [{"WarmPoolStatusEquals": "Available"}],
        described="describe_training_job",
        role="RoleArn",
        key=("TrainingJobName",),
        state="WarmPoolStatus.Status",
        verbs=(
            Verb(
                "release",
                "update_training_job",
                _states("Available"),
                after=("training jobs.stop",),
                also=lambda _told: {"ResourceConfig": {"KeepAlivePeriodInSeconds": 0}},
            ),
        ),
        missing=(("ResourceNotFound", ""), ("ValidationException", "(?i)resource not found")),
        owner="RoleArn",
        instance="ResourceConfig.InstanceType",
    ),
    _jobs(
        "processing jobs",
        "ProcessingJob",
        starters=("pipeline executions", "AutoML jobs", "monitoring schedules"),
        instance="ProcessingResources.ClusterConfig.InstanceType",
    ),
    _jobs(
        "transform jobs",
        "TransformJob",
        # It runs as the role of its model.
        role="",
        uses={"models": "ModelName"},
        tagged="TransformJobArn",
        starters=("pipeline executions", "AutoML jobs"),
        instance="TransformResources.InstanceType",
    ),
    _jobs(
        "compilation jobs",
        "CompilationJob",
        running=("STARTING", "INPROGRESS"),
        stopping="STOPPING",
        starters=("pipeline executions",),
    ),
    Kind(
        name="clusters",
        service="sagemaker",
        listed="list_clusters",
        items="ClusterSummaries[]",
        described="describe_cluster",
        role="InstanceGroups[].ExecutionRole",
        tagged="ClusterArn",
        key=("ClusterName",),
        state="ClusterStatus",
        verbs=(Verb("delete", "delete_cluster", _states("InService", "Failed")),),
        missing=(("ResourceNotFound", ""), ("ValidationException", "Could not find cluster")),
        owner="InstanceGroups[].ExecutionRole | [0]",
        instance="InstanceGroups[].InstanceType",
    ),
)

_SERVING = (
    Kind(
        name="scaling targets",
        service="application-autoscaling",
        listed="describe_scalable_targets",
        items="ScalableTargets[]",
        asked=lambda _scope: [{"ServiceNamespace": "sagemaker"}],
        page="",
        uses={
            "endpoints": "[ResourceId][?starts_with(@, 'endpoint/')]",
            "inference components": "[ResourceId][?starts_with(@, 'inference-component/')]",
        },
        key=("ServiceNamespace", "ResourceId", "ScalableDimension"),
        verbs=(Verb("delete", "deregister_scalable_target", _states(THERE)),),
        missing=(("ObjectNotFoundException", ""), ("ValidationException", "(?i)no scalable target found")),
        billed=False,
    ),
    Kind(
        name="inference experiments",
        service="sagemaker",
        listed="list_inference_experiments",
        items="InferenceExperiments[]",
        described="describe_inference_experiment",
        role="RoleArn",
        key=("Name",),
        state="Status",
        verbs=(
            Verb(
                "stop",
                "stop_inference_experiment",
                _states("Running"),
                _states("Created", "Completed", "Cancelled", GONE),
                also=lambda told: {
                    "ModelVariantActions": {each["VariantName"]: "Retain" for each in told.get("ModelVariants", ())},
                    "DesiredState": "Cancelled",
                    "Reason": REASON,
                },
            ),
            Verb("delete", "delete_inference_experiment", _states("Created", "Completed", "Cancelled")),
        ),
        billed=False,
        owner="RoleArn",
    ),
    Kind(
        name="inference components",
        service="sagemaker",
        listed="list_inference_components",
        items="InferenceComponents[]",
        uses={"endpoints": "EndpointName"},
        key=("InferenceComponentName",),
        state="InferenceComponentStatus",
        verbs=(
            Verb(
                "delete",
                "delete_inference_component",
                _states("InService", "Failed"),
                after=("scaling targets.delete",),
            ),
        ),
        missing=(("ValidationException", "Could not find inference component"),),
        billed=False,
    ),
    Kind(
        name="endpoints",
        service="sagemaker",
        listed="list_endpoints",
        items="Endpoints[]",
        described="describe_endpoint",
        uses={"endpoint configs": "EndpointConfigName"},
        tagged="EndpointArn",
        key=("EndpointName",),
        state="EndpointStatus",
        verbs=(
            Verb(
                "delete",
                "delete_endpoint",
                _states("InService", "Failed", "OutOfService", "UpdateRollbackFailed"),
                after=(
                    *("scaling targets.delete", "inference components.delete", "inference experiments.delete"),
                    "monitoring schedules.delete",
                ),
            ),
        ),
        missing=(("ValidationException", "Could not find endpoint"),),
        owner="Tags.Team",
    ),
    Kind(
        name="endpoint configs",
        service="sagemaker",
        listed="list_endpoint_configs",
        items="EndpointConfigs[]",
        described="describe_endpoint_config",
        role="ExecutionRoleArn",
        uses={"models": "ProductionVariants[].ModelName"},
        tagged="EndpointConfigArn",
        key=("EndpointConfigName",),
        verbs=(Verb("delete", "delete_endpoint_config", _states(THERE), after=("endpoints.delete",)),),
        missing=(("ValidationException", "Could not find endpoint configuration"),),
        billed=False,
        instance="ProductionVariants[].InstanceType",
        owner="Tags.Team",
    ),
    Kind(
        name="models",
        service="sagemaker",
        listed="list_models",
        items="Models[]",
        described="describe_model",
        role="ExecutionRoleArn",
        tagged="ModelArn",
        key=("ModelName",),
        verbs=(
            Verb("delete", "delete_model", _states(THERE), after=("endpoint configs.delete", "transform jobs.stop")),
        ),
        missing=(("ValidationException", "Could not find model"),),
        billed=False,
        owner="ExecutionRoleArn",
    ),
)

_RECORDS = (
    Kind(
        name="MLflow apps",
        service="sagemaker",
        listed="list_mlflow_apps",
        items="Summaries[?Status!='Deleted']",
        described="describe_mlflow_app",
        role="RoleArn",
        key=("Arn",),
        state="Status",
        verbs=(
            Verb(
                "delete",
                "delete_mlflow_app",
                _states("Created", "CreateFailed", "Updated", "UpdateFailed", "DeleteFailed"),
                minutes=180,
            ),
        ),
        types=("AWS::SageMaker::MlflowApp",),
        owner=_PERSON,
    ),
    Kind(
        name="MLflow tracking servers",
        service="sagemaker",
        listed="list_mlflow_tracking_servers",
        items="TrackingServerSummaries[]",
        described="describe_mlflow_tracking_server",
        role="RoleArn",
        key=("TrackingServerName",),
        state="TrackingServerStatus",
        verbs=(
            Verb(
                "delete",
                "delete_mlflow_tracking_server",
                _states(
                    *("Created", "CreateFailed", "Updated", "UpdateFailed", "DeleteFailed", "Stopped", "StopFailed"),
                    *("Started", "StartFailed", "MaintenanceComplete", "MaintenanceFailed"),
                ),
                minutes=180,
            ),
        ),
        types=("AWS::SageMaker::MlflowTrackingServer",),
        owner=_PERSON,
    ),
    Kind(
        name="feature groups",
        service="sagemaker",
        listed="list_feature_groups",
        items="FeatureGroupSummaries[]",
        described="describe_feature_group",
        role="RoleArn",
        tagged="FeatureGroupArn",
        key=("FeatureGroupName",),
        state="FeatureGroupStatus",
        verbs=(Verb("delete", "delete_feature_group", _states("Created", "CreateFailed", "DeleteFailed")),),
        types=("AWS::SageMaker::FeatureGroup",),
        data=True,
        owner="RoleArn",
    ),
    Kind(
        name="model package groups",
        service="sagemaker",
        listed="list_model_package_groups",
        items="ModelPackageGroupSummaryList[]",
        tagged="ModelPackageGroupArn",
        key=("ModelPackageGroupName",),
        state="ModelPackageGroupStatus",
        verbs=(
            Verb(
                "delete",
                "delete_model_package_group",
                _states("Completed", "Failed", "DeleteFailed"),
                after=("model packages.delete",),
            ),
        ),
        types=("AWS::SageMaker::ModelPackageGroup",),
        missing=(("ValidationException", "ModelPackageGroup .*does not exist"),),
        data=True,
        billed=False,
        owner="Tags.Team",
    ),
    Kind(
        name="model packages",
        service="sagemaker",
        listed="list_model_packages",
        # The calls want the ARN in a member of another name.
        items="ModelPackageSummaryList[].merge(@, {ModelPackageName: ModelPackageArn})",
        within="model package groups",
        key=("ModelPackageName",),
        state="ModelPackageStatus",
        verbs=(Verb("delete", "delete_model_package", _states("Completed", "Failed")),),
        missing=(("ValidationException", "ModelPackage .*does not exist"),),
        data=True,
        billed=False,
    ),
)

_QUEUED = _states("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
_NO_QUEUE = ("ClientException", "(?i)does not exist|not found")

_BATCH = (
    Kind(
        name="job queues",
        service="batch",
        listed="describe_job_queues",
        items="jobQueues[].merge(@, {jobQueue: jobQueueName})",
        asked=lambda scope: [{"jobQueues": ids}] if (ids := scope.ids("AWS::Batch::JobQueue")) else [],
        page="",
        key=("jobQueue",),
        state="state",
        verbs=(
            Verb(
                "disable",
                "update_job_queue",
                _states("ENABLED"),
                _states("DISABLED", GONE),
                also=lambda _told: {"state": "DISABLED"},
            ),
        ),
        types=("AWS::Batch::JobQueue",),
        missing=(_NO_QUEUE,),
        billed=False,
        since="",
    ),
    Kind(
        name="batch jobs",
        service="batch",
        listed="list_jobs",
        items="jobSummaryList[]",
        # Those of one state, and the running ones unless it is asked for others. Children end with their parents.
        asked=lambda scope: [
            {"jobQueue": queue, "jobStatus": state}
            for queue in scope.ids("AWS::Batch::JobQueue")
            for state in sorted(_QUEUED)
        ],
        page="maxResults",
        key=("jobId",),
        state="status",
        verbs=(
            Verb(
                "terminate",
                "terminate_jobs",
                _QUEUED,
                after=("job queues.disable",),
                also=lambda _told: {"reason": REASON},
                bulk=Bulk("jobs", 50, "errors[].[job, code, message]"),
            ),
        ),
        missing=(_NO_QUEUE,),
        owner="shareIdentifier",
        since="createdAt",
    ),
)

KINDS = (*_STUDIO, *_WORK, *_SERVING, *_RECORDS, *_BATCH)
OF_NAME = {kind.name: kind for kind in KINDS}
