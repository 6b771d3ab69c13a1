"""SageMaker's actions: which condition keys each one carries, and what a request must say in them.

This is the one table behind the guardrails: the Denies are made from it (``guardrails``), the rule that every role
carries them reads it (policies/rules/guardrails.py), and the requests that prove them are made from it
(operations/access).

A Deny on a key that an action does not carry blocks the action for ever (``BoolIfExists``, ``StringNotEquals``) or
never (``Bool``, ``ForAnyValue``), so a protection covers exactly the actions that carry its key.

Source: the Service Authorization Reference of AWS
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html), as of 2026-09
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from functools import cached_property


class Key(StrEnum):
    """A condition key of SageMaker that a protection looks at."""

    SUBNETS = "sagemaker:VpcSubnets"
    SECURITY_GROUPS = "sagemaker:VpcSecurityGroupIds"
    TRAFFIC_ENCRYPTION = "sagemaker:InterContainerTrafficEncryption"
    NETWORK_ISOLATION = "sagemaker:NetworkIsolation"
    VOLUME_KEY = "sagemaker:VolumeKmsKeyArn"
    OUTPUT_KEY = "sagemaker:OutputKmsKeyArn"
    SHARING_KEY = "sagemaker:DomainSharingOutputKmsKeyArn"
    INSTANCE_TYPES = "sagemaker:InstanceTypes"
    MAX_RUNTIME = "sagemaker:MaxRuntimeInSeconds"
    KEEP_ALIVE = "sagemaker:KeepAlivePeriod"
    FILE_SYSTEM = "sagemaker:FileSystemId"
    REMOTE_DEBUG = "sagemaker:EnableRemoteDebug"
    INTERNET_ACCESS = "sagemaker:DirectInternetAccess"
    ROOT_ACCESS = "sagemaker:RootAccess"
    METADATA_VERSION = "sagemaker:MinimumInstanceMetadataServiceVersion"
    NOTEBOOK_LIFECYCLE = "sagemaker:NotebookInstanceLifecycleConfigArns"
    STUDIO_LIFECYCLE = "sagemaker:StudioLifecycleConfigArns"
    DOMAIN_NETWORK = "sagemaker:AppNetworkAccessType"
    AUTH_MODE = "sagemaker:AuthMode"
    OWNER = "sagemaker:OwnerUserProfileArn"
    SHARING_TYPE = "sagemaker:SpaceSharingType"
    REMOTE_ACCESS = "sagemaker:RemoteAccess"
    APPROVAL = "sagemaker:ModelApprovalStatus"
    TAGGING_ACTION = "sagemaker:TaggingAction"
    TEAM_TAG = "aws:RequestTag/Team"
    ENVIRONMENT_TAG = "aws:RequestTag/Environment"


class Type(Enum):
    """What a key holds, which decides the operators that fit it."""

    TEXT = "String"
    ARN = "Arn"
    BOOL = "Bool"
    NUMBER = "Numeric"
    TEXTS = "ArrayOfString"
    ARNS = "ArrayOfArn"

    @property
    def several(self) -> bool:
        """Whether it holds several values, so that its operators need ForAnyValue."""
        return self in (Type.TEXTS, Type.ARNS)


KEY_TYPES: dict[Key, Type] = {
    **dict.fromkeys(Key, Type.TEXT),
    **dict.fromkeys((Key.TRAFFIC_ENCRYPTION, Key.NETWORK_ISOLATION, Key.REMOTE_DEBUG), Type.BOOL),
    **dict.fromkeys((Key.VOLUME_KEY, Key.OUTPUT_KEY, Key.SHARING_KEY, Key.OWNER), Type.ARN),
    **dict.fromkeys((Key.MAX_RUNTIME, Key.KEEP_ALIVE), Type.NUMBER),
    **dict.fromkeys((Key.SUBNETS, Key.SECURITY_GROUPS, Key.INSTANCE_TYPES), Type.TEXTS),
    **dict.fromkeys((Key.NOTEBOOK_LIFECYCLE, Key.STUDIO_LIFECYCLE), Type.ARNS),
}

_VPC = frozenset({Key.SUBNETS, Key.SECURITY_GROUPS})
_OUTPUT = frozenset({Key.VOLUME_KEY, Key.OUTPUT_KEY})
_TAGS = frozenset({Key.TEAM_TAG, Key.ENVIRONMENT_TAG})
_INSTANCES = frozenset({Key.INSTANCE_TYPES})
_SCHEDULE = _VPC | _OUTPUT | _INSTANCES | {Key.TRAFFIC_ENCRYPTION, Key.NETWORK_ISOLATION, Key.MAX_RUNTIME}
_JOB = _SCHEDULE | _TAGS
_AUTOML = _VPC | _OUTPUT | _TAGS | {Key.TRAFFIC_ENCRYPTION}
_NOTEBOOK_UPDATE = _INSTANCES | {Key.ROOT_ACCESS, Key.METADATA_VERSION, Key.NOTEBOOK_LIFECYCLE}
_STUDIO = _INSTANCES | {Key.STUDIO_LIFECYCLE}
_PROFILE = _STUDIO | {Key.SECURITY_GROUPS, Key.SHARING_KEY}
_SPACE = frozenset({Key.OWNER, Key.SHARING_TYPE})

CONDITION_KEYS: dict[str, frozenset[Key]] = {
    "CreateTrainingJob": _JOB | {Key.KEEP_ALIVE, Key.FILE_SYSTEM, Key.REMOTE_DEBUG},
    "UpdateTrainingJob": _INSTANCES | {Key.KEEP_ALIVE, Key.REMOTE_DEBUG},
    "CreateHyperParameterTuningJob": _JOB | {Key.FILE_SYSTEM},
    "CreateProcessingJob": _JOB,
    "CreateTransformJob": _OUTPUT | _INSTANCES | _TAGS,
    "CreateAutoMLJob": _AUTOML,
    "CreateAutoMLJobV2": _AUTOML,
    "CreateJob": _VPC | _TAGS | {Key.OUTPUT_KEY},
    "CreateLabelingJob": _OUTPUT | _TAGS,
    "CreateMonitoringSchedule": _JOB,
    "UpdateMonitoringSchedule": _SCHEDULE,
    "CreateDataQualityJobDefinition": _JOB,
    "CreateModelQualityJobDefinition": _JOB,
    "CreateModelBiasJobDefinition": _JOB,
    "CreateModelExplainabilityJobDefinition": _JOB,
    "CreateModel": _VPC | _TAGS | {Key.NETWORK_ISOLATION},
    "CreateEndpointConfig": _VPC | _INSTANCES | _TAGS | {Key.NETWORK_ISOLATION, Key.VOLUME_KEY},
    "CreateNotebookInstance": _VPC | _NOTEBOOK_UPDATE | _TAGS | {Key.VOLUME_KEY, Key.INTERNET_ACCESS},
    "UpdateNotebookInstance": _NOTEBOOK_UPDATE,
    "CreateDomain": _VPC | _STUDIO | _TAGS | {Key.VOLUME_KEY, Key.SHARING_KEY, Key.DOMAIN_NETWORK, Key.AUTH_MODE},
    "UpdateDomain": _VPC | _STUDIO | {Key.SHARING_KEY, Key.DOMAIN_NETWORK},
    "CreateUserProfile": _PROFILE | _TAGS,
    "UpdateUserProfile": _PROFILE,
    "CreateSpace": _STUDIO | _SPACE | _TAGS | {Key.REMOTE_ACCESS},
    "UpdateSpace": _STUDIO | _SPACE | {Key.REMOTE_ACCESS},
    "DeleteSpace": _SPACE,
    "CreateApp": _STUDIO | _SPACE | _TAGS,
    "DeleteApp": _SPACE,
    "CreateCluster": _VPC | _INSTANCES | _TAGS,
    "UpdateCluster": _VPC | _INSTANCES,
    "CreateModelPackage": _TAGS | {Key.APPROVAL},
    "UpdateModelPackage": frozenset({Key.APPROVAL}),
    "CreateModelPackageGroup": _TAGS,
    "CreatePipeline": _TAGS,
    "CreateEndpoint": _TAGS,
    "AddTags": frozenset({Key.TAGGING_ACTION}),
}
"""Action to the keys it carries, as far as a protection uses them."""


class Demand(Enum):
    """What a protection asks of a key's value."""

    TRUE = "must be true"
    ONE_OF = "must be one of the allowed values, and each of them if there are several"
    LIKE = "must match one of the allowed patterns, and each of them if there are several"
    AT_MOST = "must be at most the allowed number"
    NONE_OF = "must be none of the refused values"
    GIVEN = "must be there, whatever it says"


@dataclass(frozen=True, eq=False)
class Protection:
    """What the requests of the actions that carry a key must say in it.

    Args:
        name: what it protects from, in the statements that come from it.
        key: the condition key.
        demand: what is asked of the value.
        optional: actions that may leave the key out, each with what an omission means; what they say is looked at.
        free: actions in which the key is not looked at, each with the reason.
        only: the actions to cover, where not all that carry the key are meant.
        values: the allowed or refused values, where AWS and not the environment decides.
        not_on_local_storage: whether AWS takes no such value for instance types with local storage, which the hardware
            encrypts.
        in_private_spaces: whether it is about private spaces alone.
    """

    name: str
    key: Key
    demand: Demand
    optional: Mapping[str, str] = field(default_factory=dict)
    free: Mapping[str, str] = field(default_factory=dict)
    only: Collection[str] = ()
    values: tuple[str, ...] = ()
    not_on_local_storage: bool = False
    in_private_spaces: bool = False

    @cached_property
    def actions(self) -> tuple[str, ...]:
        """The actions it covers, in table order."""
        return tuple(
            action
            for action in carrying(self.key)
            if action not in self.free and (not self.only or action in self.only)
        )

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Those that may not leave the key out."""
        return tuple(action for action in self.actions if action not in self.optional)


def carrying(key: Key) -> tuple[str, ...]:
    """The actions that carry ``key``, in table order."""
    return tuple(action for action, carried in CONDITION_KEYS.items() if key in carried)


def _each(reason: str, *actions: str) -> dict[str, str]:
    return dict.fromkeys(actions, reason)


_NOT_REPEATED = "an update of other settings does not repeat it, and leaves it as it is"
_ON_THE_MODEL = _each("is given by its models, where it is compulsory", "CreateEndpointConfig")
_IN_UPDATES = _each(_NOT_REPEATED, "UpdateDomain", "UpdateCluster")
_OWN_GROUPS = _each("each person has a security group of their own", "CreateUserProfile", "UpdateUserProfile")
_DEFAULT_TYPES = {
    **_each("AWS's default is the smallest type", "CreateDomain", "CreateUserProfile", "CreateSpace", "CreateApp"),
    **_each(_NOT_REPEATED, *("UpdateTrainingJob", "UpdateNotebookInstance", "UpdateDomain", "UpdateUserProfile")),
    **_each(_NOT_REPEATED, "UpdateSpace", "UpdateCluster"),
}
_NO_SCRIPT = "runs no script then"
_NO_SHARING = "shares no output of notebooks then"
_PLATFORM = "is the platform's, which no team has"
_WITHOUT_TAGS = {
    **_each(_PLATFORM, "CreateNotebookInstance", "CreateDomain", "CreateUserProfile", "CreateSpace", "CreateCluster"),
    **_each("Studio makes it, with tags of its own, when someone opens a space", "CreateApp"),
    **_each("a version has the tags of its group, and takes none", "CreateModelPackage"),
}

TRAFFIC_ENCRYPTION = Protection("WithoutTrafficEncryption", Key.TRAFFIC_ENCRYPTION, Demand.TRUE)
NETWORK_ISOLATION = Protection(
    "WithoutNetworkIsolation",
    Key.NETWORK_ISOLATION,
    Demand.TRUE,
    only=tuple(action for action in carrying(Key.NETWORK_ISOLATION) if action not in ("CreateModel", *_ON_THE_MODEL)),
)
# By itself, for a model outlives the day on which an exception for jobs ends.
MODEL_ISOLATION = Protection(
    "ModelsWithoutIsolation", Key.NETWORK_ISOLATION, Demand.TRUE, only=("CreateModel",), free=_ON_THE_MODEL
)
SUBNETS = Protection("ForeignSubnets", Key.SUBNETS, Demand.ONE_OF, optional=_ON_THE_MODEL | _IN_UPDATES)
SECURITY_GROUPS = Protection(
    "ForeignSecurityGroups",
    Key.SECURITY_GROUPS,
    Demand.ONE_OF,
    optional=_ON_THE_MODEL | _IN_UPDATES,
    free=_OWN_GROUPS,
)
VOLUME_KEYS = Protection(
    "OtherVolumeKeys",
    Key.VOLUME_KEY,
    Demand.ONE_OF,
    only=tuple(
        action
        for action, keys in CONDITION_KEYS.items()
        if {Key.VOLUME_KEY, Key.INSTANCE_TYPES} <= keys and action != "CreateDomain"
    ),
    not_on_local_storage=True,
)
VOLUME_KEYS_OF_THE_REST = Protection(
    "OtherVolumeKeysOfTheRest",
    Key.VOLUME_KEY,
    Demand.ONE_OF,
    # A domain's key is for what its spaces keep, whatever the type of its apps.
    only=("CreateDomain", "CreateAutoMLJob", "CreateAutoMLJobV2", "CreateLabelingJob"),
)
OUTPUT_KEYS = Protection("OtherOutputKeys", Key.OUTPUT_KEY, Demand.ONE_OF)
SHARING_KEYS = Protection(
    "OtherSharingKeys",
    Key.SHARING_KEY,
    Demand.ONE_OF,
    optional=_each(_NO_SHARING, "CreateDomain", "UpdateDomain", "CreateUserProfile", "UpdateUserProfile"),
)
INSTANCE_TYPES = Protection("OtherInstanceTypes", Key.INSTANCE_TYPES, Demand.LIKE, optional=_DEFAULT_TYPES)
MAX_RUNTIME = Protection(
    "LongRuntime",
    Key.MAX_RUNTIME,
    Demand.AT_MOST,
    optional=_each("AWS ends it after a day, and no environment allows less", *carrying(Key.MAX_RUNTIME)),
)
KEEP_ALIVE = Protection(
    "LongKeepAlive",
    Key.KEEP_ALIVE,
    Demand.AT_MOST,
    optional=_each("keeps no instance alive then", "CreateTrainingJob", "UpdateTrainingJob"),
)
FILE_SYSTEMS = Protection(
    "OtherFileSystems",
    Key.FILE_SYSTEM,
    Demand.ONE_OF,
    optional=_each("has no files of Lustre then", "CreateTrainingJob", "CreateHyperParameterTuningJob"),
)
REMOTE_DEBUG = Protection(
    "RemoteDebugging",
    Key.REMOTE_DEBUG,
    Demand.NONE_OF,
    values=("true",),
    optional=_each("is off by default", "CreateTrainingJob", "UpdateTrainingJob"),
)
REMOTE_ACCESS = Protection(
    "RemoteAccess",
    Key.REMOTE_ACCESS,
    Demand.NONE_OF,
    values=("ENABLED",),
    optional=_each("is off by default", "CreateSpace", "UpdateSpace"),
)
INTERNET_ACCESS = Protection("NotebooksOnTheInternet", Key.INTERNET_ACCESS, Demand.ONE_OF, values=("Disabled",))
ROOT_ACCESS = Protection(
    "RootAccess",
    Key.ROOT_ACCESS,
    Demand.ONE_OF,
    values=("Disabled",),
    optional=_each(_NOT_REPEATED, "UpdateNotebookInstance"),
)
METADATA_VERSION = Protection(
    "OldMetadata",
    Key.METADATA_VERSION,
    Demand.ONE_OF,
    values=("2",),
    optional=_each(_NOT_REPEATED, "UpdateNotebookInstance"),
)
NOTEBOOK_LIFECYCLE = Protection(
    "OtherNotebookScripts",
    Key.NOTEBOOK_LIFECYCLE,
    Demand.LIKE,
    optional=_each(_NOT_REPEATED, "UpdateNotebookInstance"),
)
STUDIO_LIFECYCLE = Protection(
    "OtherStudioScripts",
    Key.STUDIO_LIFECYCLE,
    Demand.LIKE,
    optional=_each(_NO_SCRIPT, *carrying(Key.STUDIO_LIFECYCLE)),
)
DOMAIN_NETWORK = Protection(
    "InternetInDomain",
    Key.DOMAIN_NETWORK,
    Demand.ONE_OF,
    values=("VpcOnly",),
    optional=_each(_NOT_REPEATED, "UpdateDomain"),
)
AUTH_MODE = Protection("OtherAuthMode", Key.AUTH_MODE, Demand.ONE_OF)
OWN_SPACES = Protection("PrivateSpacesOfOthers", Key.OWNER, Demand.LIKE, in_private_spaces=True)
APPROVAL = Protection(
    "ApprovedByTheAuthor",
    Key.APPROVAL,
    Demand.NONE_OF,
    values=("Approved",),
    optional=_each("awaits approval then", "CreateModelPackage") | _each(_NOT_REPEATED, "UpdateModelPackage"),
)
TAGGED_LATER = Protection("TaggedLater", Key.TAGGING_ACTION, Demand.GIVEN)
TEAM_TAG = Protection("WithoutTheTeam", Key.TEAM_TAG, Demand.ONE_OF, free=_WITHOUT_TAGS)
ENVIRONMENT_TAG = Protection("WithoutTheEnvironment", Key.ENVIRONMENT_TAG, Demand.ONE_OF, free=_WITHOUT_TAGS)

PROTECTIONS = (
    *(TRAFFIC_ENCRYPTION, NETWORK_ISOLATION, MODEL_ISOLATION, SUBNETS, SECURITY_GROUPS),
    *(VOLUME_KEYS, VOLUME_KEYS_OF_THE_REST, OUTPUT_KEYS, SHARING_KEYS, FILE_SYSTEMS),
    *(INSTANCE_TYPES, MAX_RUNTIME, KEEP_ALIVE, REMOTE_DEBUG, REMOTE_ACCESS),
    *(INTERNET_ACCESS, ROOT_ACCESS, METADATA_VERSION, NOTEBOOK_LIFECYCLE),
    *(DOMAIN_NETWORK, AUTH_MODE, STUDIO_LIFECYCLE, OWN_SPACES),
    *(APPROVAL, TAGGED_LATER, TEAM_TAG, ENVIRONMENT_TAG),
)
"""Every protection there is."""

PRESIGNED = (
    "CreatePresignedDomainUrl",
    "CreatePresignedNotebookInstanceUrl",
    "CreatePresignedMlflowAppUrl",
    "CreatePresignedMlflowTrackingServerUrl",
    "CreatePartnerAppPresignedUrl",
    "CreateHubContentPresignedUrls",
)
"""Actions whose answer is a URL that works for whoever has it.

Source: AWS docs sagemaker/latest/dg/studio-interface-endpoint.html, notebook-interface-endpoint.html
"""

FORBIDDEN = {
    **_each(
        "a script of it runs as root, with the role of whoever starts the instance or the app",
        "CreateNotebookInstanceLifecycleConfig",
        "UpdateNotebookInstanceLifecycleConfig",
        "CreateStudioLifecycleConfig",
    ),
    "StartSession": "opens a space to a machine outside",
    "DeleteTags": "takes away the tag by which a team's work is known",
    "PutModelPackageGroupPolicy": "gives models to other accounts",
    **_each("costs money for months, and cannot be ended", "CreateTrainingPlan", "CreateReservedCapacity"),
    **_each("has no condition for its network", "CreatePartnerApp", "CreateMlflowTrackingServer", "CreateMlflowApp"),
    **_each("runs jobs to validate it, on which no condition looks", "CreateAlgorithm"),
}
"""Actions that no role of a team has whatever it is given, each with the reason."""
