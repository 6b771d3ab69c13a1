"""The table of condition keys, held against what botocore knows of the requests.

The Service Authorization Reference is on the web alone. But a key says what a parameter of the request says, so an
action can carry it only if the request has the parameter, and mostly does if it has.
"""

from collections.abc import Iterator

import botocore.session
import pytest
from botocore.model import ListShape, Shape, StructureShape

from trainyard.sagemaker_actions import (
    CONDITION_KEYS,
    FORBIDDEN,
    KEY_TYPES,
    PRESIGNED,
    PROTECTIONS,
    Demand,
    Key,
    Protection,
    Type,
    carrying,
)

SAGEMAKER = botocore.session.get_session().get_service_model("sagemaker")

PARAMETERS = {
    Key.SUBNETS: {"Subnets", "SubnetIds", "SubnetId"},
    Key.SECURITY_GROUPS: {"SecurityGroupIds", "SecurityGroups"},
    Key.TRAFFIC_ENCRYPTION: {"EnableInterContainerTrafficEncryption"},
    Key.NETWORK_ISOLATION: {"EnableNetworkIsolation"},
    Key.SHARING_KEY: {"S3KmsKeyId"},
    Key.INSTANCE_TYPES: {"InstanceType"},
    Key.MAX_RUNTIME: {"MaxRuntimeInSeconds"},
    Key.KEEP_ALIVE: {"KeepAlivePeriodInSeconds"},
    Key.FILE_SYSTEM: {"FileSystemId"},
    Key.REMOTE_DEBUG: {"EnableRemoteDebug"},
    Key.INTERNET_ACCESS: {"DirectInternetAccess"},
    Key.ROOT_ACCESS: {"RootAccess"},
    Key.METADATA_VERSION: {"MinimumInstanceMetadataServiceVersion"},
    Key.NOTEBOOK_LIFECYCLE: {"LifecycleConfigName"},
    Key.STUDIO_LIFECYCLE: {"LifecycleConfigArn", "LifecycleConfigArns"},
    Key.DOMAIN_NETWORK: {"AppNetworkAccessType"},
    Key.AUTH_MODE: {"AuthMode"},
    Key.REMOTE_ACCESS: {"RemoteAccess"},
    Key.APPROVAL: {"ModelApprovalStatus"},
    Key.TEAM_TAG: {"Tags"},
    Key.ENVIRONMENT_TAG: {"Tags"},
}
KEY_PARAMETERS = {
    Key.VOLUME_KEY: {"VolumeKmsKeyId", "VolumeKmsKey", "KmsKeyId"},
    Key.OUTPUT_KEY: {"KmsKeyId"},
}
"""KmsKeyId can mean either, so an action that has it need not carry both."""

FROM_ELSEWHERE = {Key.OWNER, Key.SHARING_TYPE, Key.TAGGING_ACTION}
"""What AWS looks up: of the space that is asked about, or of the request in whose course something is tagged."""

# Not in the API's model: what another operation asks for.
PERMISSIONS_ALONE = {"CreateReservedCapacity"}
# CreateJob takes its configuration as one text, which botocore does not look into.
IN_A_TEXT = {"CreateJob"}
WITHOUT_KEY = {
    # AWS has no key for these parameters of these actions.
    *(("CreateLabelingJob", key) for key in (Key.SUBNETS, Key.SECURITY_GROUPS)),
    *((action, Key.MAX_RUNTIME) for action in ("CreateAutoMLJob", "CreateAutoMLJobV2", "UpdateTrainingJob")),
    *((action, Key.FILE_SYSTEM) for action in CONDITION_KEYS if action not in carrying(Key.FILE_SYSTEM)),
    *((action, Key.STUDIO_LIFECYCLE) for action in CONDITION_KEYS if action not in carrying(Key.STUDIO_LIFECYCLE)),
    *((action, Key.INSTANCE_TYPES) for action in ("CreateModelPackage", "UpdateModelPackage")),
    ("CreateHyperParameterTuningJob", Key.KEEP_ALIVE),
    # What is tagged is being made, and says its tags there.
    *(("AddTags", key) for key in (Key.TEAM_TAG, Key.ENVIRONMENT_TAG)),
}


@pytest.mark.parametrize("action", [*CONDITION_KEYS, *FORBIDDEN, *PRESIGNED])
def test_an_action_of_the_table_is_one_of_sagemaker(action: str) -> None:
    assert action in {*SAGEMAKER.operation_names, *PERMISSIONS_ALONE}


@pytest.mark.parametrize("action", [each for each in CONDITION_KEYS if each not in IN_A_TEXT])
def test_an_action_carries_no_key_whose_parameter_its_request_lacks(action: str) -> None:
    parameters = _parameters(action)
    every = PARAMETERS | KEY_PARAMETERS
    assert [key for key in sorted(CONDITION_KEYS[action] - FROM_ELSEWHERE) if not every[key] & parameters] == []


@pytest.mark.parametrize("action", CONDITION_KEYS)
def test_an_action_carries_the_key_of_every_parameter_that_has_one(action: str) -> None:
    parameters = _parameters(action)
    taken = {key for key, names in PARAMETERS.items() if names & parameters and (action, key) not in WITHOUT_KEY}
    assert sorted(taken - CONDITION_KEYS[action]) == []


@pytest.mark.parametrize("key", Key)
def test_every_key_has_a_type_and_a_protection_that_looks_at_it(key: Key) -> None:
    assert key in KEY_TYPES
    # Whether a space is private says only which spaces the others are about.
    assert key is Key.SHARING_TYPE or [each for each in PROTECTIONS if each.key is key]


@pytest.mark.parametrize("key", Key)
def test_every_action_that_carries_a_key_is_protected_or_has_a_reason_why_not(key: Key) -> None:
    about = [each for each in PROTECTIONS if each.key is key]
    known = {action for each in about for action in (*each.actions, *each.free)}
    assert not about or set(carrying(key)) <= known


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda each: each.name)
def test_an_exception_is_about_an_action_that_carries_the_key_and_has_a_reason(protection: Protection) -> None:
    exceptions = {**protection.optional, **protection.free}
    assert all(exceptions.values())
    assert [action for action in protection.optional if action not in CONDITION_KEYS] == []


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda each: each.name)
def test_what_must_not_be_said_may_be_left_out(protection: Protection) -> None:
    if protection.demand is Demand.NONE_OF:
        assert protection.required == ()


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda each: each.name)
def test_a_demand_fits_what_its_key_holds(protection: Protection) -> None:
    fitting = {
        Demand.TRUE: {Type.BOOL},
        Demand.AT_MOST: {Type.NUMBER},
        Demand.ONE_OF: {Type.TEXT, Type.ARN, Type.TEXTS, Type.ARNS},
        Demand.LIKE: {Type.TEXT, Type.ARN, Type.TEXTS, Type.ARNS},
        Demand.NONE_OF: {Type.TEXT, Type.BOOL},
        Demand.GIVEN: set(Type),
    }
    assert KEY_TYPES[protection.key] in fitting[protection.demand]


def test_no_two_protections_have_the_same_name() -> None:
    names = [each.name for each in PROTECTIONS]
    assert len(set(names)) == len(names)


def _parameters(action: str) -> set[str]:
    """The names of all parameters in a request, at whatever depth."""
    shape = SAGEMAKER.operation_model(action).input_shape
    assert shape
    return set(_members(shape, ()))


def _members(shape: Shape, above: tuple[str, ...]) -> Iterator[str]:
    if isinstance(shape, StructureShape) and shape.name not in above:
        for name, member in shape.members.items():
            yield name
            yield from _members(member, (*above, shape.name))
    elif isinstance(shape, ListShape):
        yield from _members(shape.member, above)
