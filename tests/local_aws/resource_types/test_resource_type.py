"""How rows are carried out."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.errors import AwsError, ResourceError
from local_aws.front import Answer, Call, Front
from local_aws.resource_types import Made, ResourceType, find
from local_aws.resource_types.rows import row
from local_aws.schemas import schema
from tests.local_aws.resource_types.account import Account, account, kind

pytestmark = pytest.mark.slow


@pytest.fixture
def here() -> Iterator[Account]:
    """An empty account."""
    with account() as made:
        yield made


def test_a_type_without_a_row_is_not_found() -> None:
    assert find("AWS::No::Such") is None


def test_a_type_is_found_once() -> None:
    assert find("AWS::EC2::VPC") is find("AWS::EC2::VPC")


# Properties


def test_a_property_that_the_row_refuses_is_a_problem() -> None:
    problems = kind("AWS::EC2::VPC").problems({"CidrBlock": "10.0.0.0/16", "VpcEncryptionControl": {"Mode": "monitor"}})
    assert problems == ["Properties/VpcEncryptionControl: the local AWS does not have this property"]


def test_a_part_of_a_list_that_the_row_refuses_is_a_problem() -> None:
    rules = [{"Status": "Enabled", "TagFilters": [{"Key": "a", "Value": "b"}], "ExpirationInDays": 1}]
    problems = kind("AWS::S3::Bucket").problems({"LifecycleConfiguration": {"Rules": rules}})
    assert problems == ["Properties/LifecycleConfiguration/Rules/TagFilters: the local AWS does not have this property"]


def test_texts_that_stand_for_numbers_are_no_problem() -> None:
    assert kind("AWS::Logs::LogGroup").problems({"RetentionInDays": "30"}) == []


# Replacement


def test_a_change_of_a_create_only_property_replaces() -> None:
    assert kind("AWS::EC2::VPC").replaces({"CidrBlock": "10.0.0.0/16"}, {"CidrBlock": "10.1.0.0/16"})


def test_a_change_of_another_property_does_not_replace() -> None:
    assert not kind("AWS::EC2::VPC").replaces({"CidrBlock": "10.0.0.0/16"}, {"CidrBlock": "10.0.0.0/16", "Tags": []})


def test_another_way_to_write_the_same_value_does_not_replace() -> None:
    old, new = {"GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 1}, {"FromPort": "1"}
    assert not kind("AWS::EC2::SecurityGroupEgress").replaces(old, {**old, **new})


def test_a_value_that_is_said_to_be_the_default_does_not_replace() -> None:
    assert not kind("AWS::EC2::VPC").replaces({}, {"InstanceTenancy": "default"})


def test_a_change_that_replaces_under_a_condition_replaces_under_it() -> None:
    tested = kind("AWS::EC2::VPC")
    assert tested.replaces({"InstanceTenancy": "default"}, {"InstanceTenancy": "dedicated"})
    assert not tested.replaces({"InstanceTenancy": "dedicated"}, {"InstanceTenancy": "default"})


@pytest.mark.parametrize(("asked", "replaced"), [({}, True), ({"ReplaceComputeEnvironment": "false"}, False)])
def test_a_compute_environment_is_replaced_unless_it_says_otherwise(asked: dict[str, str], replaced: bool) -> None:
    old = {"Type": "MANAGED", "ComputeResources": {"InstanceTypes": ["a"]}, **asked}
    new = {"Type": "MANAGED", "ComputeResources": {"InstanceTypes": ["b"]}, **asked}
    assert kind("AWS::Batch::ComputeEnvironment").replaces(old, new) is replaced


def test_a_change_of_a_part_that_the_row_names_replaces() -> None:
    old = {"FileSystemType": "LUSTRE", "LustreConfiguration": {"DeploymentType": "SCRATCH_2"}}
    new = {"FileSystemType": "LUSTRE", "LustreConfiguration": {"DeploymentType": "PERSISTENT_2"}}
    assert kind("AWS::FSx::FileSystem").replaces(old, new)


# Names


def test_a_name_that_is_not_given_is_made_of_stack_and_logical_id(here: Account) -> None:
    made = here.make("AWS::SNS::Topic", {})
    prefix, _, letters = made.attributes["TopicName"].rpartition("-")
    assert prefix == "stack-Thing"
    assert len(letters) == 12


def test_a_bucket_has_small_letters(here: Account) -> None:
    assert here.make("AWS::S3::Bucket", {}).physical_id.startswith("stack-thing-")


def test_a_name_is_not_longer_than_the_service_takes(here: Account) -> None:
    request = here.request({})
    made = kind("AWS::S3::Bucket").create(replace(request, logical_id="L" * 100))
    assert len(made.physical_id) == 63


def test_the_name_of_a_fifo_queue_ends_as_it_must(here: Account) -> None:
    assert here.make("AWS::SQS::Queue", {"FifoQueue": True}).attributes["QueueName"].endswith(".fifo")


def test_two_names_differ(here: Account) -> None:
    assert here.make("AWS::SNS::Topic", {}).physical_id != here.make("AWS::SNS::Topic", {}).physical_id


def test_a_name_that_is_made_up_stays_on_update(here: Account) -> None:
    tested, made = kind("AWS::CloudWatch::Dashboard"), here.make("AWS::CloudWatch::Dashboard", {"DashboardBody": "{}"})
    changed = tested.update(here.request({"DashboardBody": '{"start":"a"}'}), made.physical_id, {"DashboardBody": "{}"})
    assert changed.physical_id == made.physical_id


def test_a_put_does_not_overwrite_what_is_there(here: Account) -> None:
    properties = {"DashboardName": "a", "DashboardBody": '{"widgets":[]}'}
    here.make("AWS::CloudWatch::Dashboard", properties)
    with pytest.raises(ResourceError, match=r"AWS::CloudWatch::Dashboard' with identifier 'a' already exists"):
        here.make("AWS::CloudWatch::Dashboard", properties)


# Tags


def _vpc_tags(here: Account, physical_id: str) -> dict[str, str]:
    (vpc,) = here.clients.client("ec2").describe_vpcs(VpcIds=[physical_id])["Vpcs"]
    return {each["Key"]: each["Value"] for each in vpc.get("Tags", ())}


def test_the_stack_s_tags_are_the_resource_s_too(here: Account) -> None:
    properties = {"CidrBlock": "10.0.0.0/16", "Tags": [{"Key": "a", "Value": "own"}]}
    made = kind("AWS::EC2::VPC").create(here.request(properties, {"a": "stack", "b": "stack"}))
    assert _vpc_tags(here, made.physical_id) == {"a": "own", "b": "stack"}


def test_tags_are_added_changed_and_taken_away(here: Account) -> None:
    old = {"CidrBlock": "10.0.0.0/16", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}]}
    new = {"CidrBlock": "10.0.0.0/16", "Tags": [{"Key": "b", "Value": "2"}, {"Key": "c", "Value": "1"}]}
    made = here.make("AWS::EC2::VPC", old)
    kind("AWS::EC2::VPC").update(here.request(new), made.physical_id, old)
    assert _vpc_tags(here, made.physical_id) == {"b": "2", "c": "1"}


def test_tags_that_the_create_call_does_not_take_come_after_it(here: Account) -> None:
    made = here.make("AWS::S3::Bucket", {"Tags": [{"Key": "a", "Value": "b"}]})
    answer = here.clients.client("s3").get_bucket_tagging(Bucket=made.physical_id)
    assert answer["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_maps_of_tags_take_the_stack_s_too(here: Account) -> None:
    properties = {"Name": "a", "Type": "String", "Value": "b", "Tags": {"a": "own"}}
    kind("AWS::SSM::Parameter").create(here.request(properties, {"a": "stack", "b": "stack"}))
    answer = here.clients.client("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId="a")
    assert {each["Key"]: each["Value"] for each in answer["TagList"]} == {"a": "own", "b": "stack"}


def test_a_tag_that_the_stack_no_longer_has_is_taken_away(here: Account) -> None:
    tested, properties = kind("AWS::EC2::VPC"), {"CidrBlock": "10.0.0.0/16"}
    made = tested.create(here.request(properties, {"a": "1", "b": "1"}))
    request = replace(here.request(properties, {"b": "2"}), old_tags={"a": "1", "b": "1"})
    tested.update(request, made.physical_id, properties)
    assert _vpc_tags(here, made.physical_id) == {"b": "2"}


# Changes


def test_steps_run_for_what_is_given(here: Account) -> None:
    made = here.make("AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": "true"})
    ec2 = here.clients.client("ec2")
    answer = ec2.describe_vpc_attribute(VpcId=made.physical_id, Attribute="enableDnsHostnames")
    assert answer["EnableDnsHostnames"] == {"Value": True}


def test_what_is_taken_away_becomes_the_default_again(here: Account) -> None:
    old = {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": True}
    made = here.make("AWS::EC2::VPC", old)
    kind("AWS::EC2::VPC").update(here.request({"CidrBlock": "10.0.0.0/16"}), made.physical_id, old)
    ec2 = here.clients.client("ec2")
    answer = ec2.describe_vpc_attribute(VpcId=made.physical_id, Attribute="enableDnsHostnames")
    assert answer["EnableDnsHostnames"] == {"Value": False}


def test_what_is_taken_away_can_have_a_call_of_its_own(here: Account) -> None:
    made = here.make("AWS::Logs::LogGroup", {"RetentionInDays": 30})
    kind("AWS::Logs::LogGroup").update(here.request({}), made.physical_id, {"RetentionInDays": 30})
    (group,) = here.clients.client("logs").describe_log_groups()["logGroups"]
    assert "retentionInDays" not in group


def test_a_security_group_has_only_the_rules_of_its_template(here: Account) -> None:
    vpc = here.make("AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16"})
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.0.0.0/16"}
    properties = {"GroupDescription": "a", "VpcId": vpc.physical_id, "SecurityGroupEgress": [rule]}
    made = here.make("AWS::EC2::SecurityGroup", properties)
    (group,) = here.clients.client("ec2").describe_security_groups(GroupIds=[made.physical_id])["SecurityGroups"]
    assert [each["FromPort"] for each in group["IpPermissionsEgress"]] == [443]


def test_what_no_call_changes_is_refused(here: Account) -> None:
    made = here.make("AWS::Logs::LogGroup", {})
    with pytest.raises(ResourceError, match=r"^Properties/LogGroupClass: the local AWS cannot change it in place: "):
        kind("AWS::Logs::LogGroup").update(here.request({"LogGroupClass": "INFREQUENT_ACCESS"}), made.physical_id, {})


def test_a_new_revision_is_a_new_physical_id(here: Account) -> None:
    old = {"Type": "container", "ContainerProperties": {"Image": "a", "Vcpus": 1, "Memory": 8}}
    new = {"Type": "container", "ContainerProperties": {"Image": "b", "Vcpus": 1, "Memory": 8}}
    made = here.make("AWS::Batch::JobDefinition", old)
    changed = kind("AWS::Batch::JobDefinition").update(here.request(new), made.physical_id, old)
    assert (made.physical_id[-2:], changed.physical_id[-2:]) == (":1", ":2")
    assert changed.attributes["JobDefinitionArn"] == changed.physical_id


# Attributes


def test_attributes_are_texts(here: Account) -> None:
    made = here.make("AWS::EC2::LaunchTemplate", {"LaunchTemplateData": {"InstanceType": "t3.micro"}})
    assert made.attributes["LatestVersionNumber"] == "1"


def test_properties_that_are_given_are_attributes_where_the_schema_says_so(here: Account) -> None:
    assert here.make("AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16"}).attributes["CidrBlock"] == "10.0.0.0/16"


def test_the_names_of_attributes_are_known_before_there_is_a_resource() -> None:
    assert kind("AWS::EC2::VPC").attributes >= {"VpcId", "DefaultSecurityGroup", "CidrBlock"}


def test_attributes_can_be_of_something_related(here: Account) -> None:
    assert here.make("AWS::EC2::VPC", {"CidrBlock": "10.0.0.0/16"}).attributes["DefaultSecurityGroup"].startswith("sg-")


# Failures, waits and deletion, on a type whose service is only in these tests.


class Things:
    """A service with one thing that takes its time, in the place of SSM's parameters."""

    def __init__(self, states: list[str]) -> None:
        self.states = states
        self.calls: list[str] = []
        self.front = Front()
        answers: dict[str, Callable[[Call], Answer]] = {
            "PutParameter": lambda _: {"Version": 1},
            "GetParameter": self._get,
            "DeleteParameter": lambda _: {},
        }
        for operation, answer in answers.items():
            self.front.handle("ssm", operation, self._noted(operation, answer))

    def _noted(self, operation: str, answer: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def handler(call: Call) -> Answer:
            self.calls.append(operation)
            return answer(call)

        return handler

    def _get(self, call: Call) -> Answer:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if state == "gone":
            raise AwsError("ParameterNotFound", "It is gone.")
        if state == "broken":
            raise AwsError("InternalServerError", "It is broken.")
        return {"Parameter": {"Name": call.parameters["Name"], "Value": state}}


THING: dict[str, Any] = {
    "create": {"call": "ssm.PutParameter"},
    "id": "Name",
    "read": {
        "call": "ssm.GetParameter",
        "with": {"Name": "id"},
        "record": "answer.Parameter",
        "gone": ["ParameterNotFound: gone"],
        "deleted": "record.Value == 'deleted'",
    },
    "ready": {"value": "record.Value", "is": "ready", "fails": ["failed"], "because": "record.Name"},
    "update": {"call": "ssm.PutParameter", "with": {"Overwrite": True}},
    "delete": {"call": "ssm.DeleteParameter", "with": {"Name": "id"}},
    "attributes": {"Value": "record.Value"},
}

PROPERTIES = {"Name": "n", "Type": "String", "Value": "v"}


def _thing(**changes: object) -> ResourceType:
    published = schema("AWS::SSM::Parameter")
    assert published is not None
    given = {key: value for key, value in {**THING, **changes}.items() if value is not None}
    return ResourceType("AWS::SSM::Parameter", row("t", given), published)


def _create(states: list[str], **changes: object) -> tuple[Made, float]:
    with account(Things(states).front) as here:
        return _thing(**changes).create(here.request(PROPERTIES)), here.clients.clock.now()


def test_a_resource_is_waited_for_by_the_clock() -> None:
    made, now = _create(["creating", "creating", "creating", "ready"])
    assert made.attributes["Value"] == "ready"
    assert now == 15


def test_a_resource_that_is_ready_is_not_waited_for() -> None:
    assert _create(["ready"])[1] == 0


def test_a_resource_that_fails_says_why_and_who_it_is() -> None:
    with pytest.raises(ResourceError, match=r"did not stabilize\. n$") as raised:
        _create(["creating", "failed"])
    assert raised.value.physical_id == "n"


def test_a_resource_that_vanishes_is_not_waited_for_any_longer() -> None:
    with pytest.raises(ResourceError, match=r"AWS::SSM::Parameter' with identifier 'n' did not stabilize"):
        _create(["creating", "gone"])


def test_a_resource_that_never_is_ready_is_given_up() -> None:
    with pytest.raises(ResourceError, match="did not stabilize"):
        _create(["creating"])


def test_a_refusal_after_it_was_made_says_who_it_is() -> None:
    with pytest.raises(ResourceError, match=r"^Resource handler returned message: \"It is broken\.\"") as raised:
        _create(["broken"])
    assert raised.value.physical_id == "n"


def test_a_refusal_to_make_it_is_the_service_s_own() -> None:
    things = Things(["ready"])

    def refuse(_: Call) -> None:
        raise AwsError("ParameterAlreadyExists", "The parameter already exists.")

    things.front.check("ssm", "PutParameter", refuse)
    with account(things.front) as here, pytest.raises(ClientError, match="ParameterAlreadyExists"):
        _thing().create(here.request(PROPERTIES))


def _delete(states: list[str], **changes: object) -> tuple[list[str], float]:
    things = Things(states)
    with account(things.front) as here:
        _thing(**changes).delete(here.request(PROPERTIES), "n")
        return things.calls, here.clients.clock.now()


def test_what_is_gone_already_is_not_deleted_again() -> None:
    assert _delete(["gone"])[0] == ["GetParameter"]


def test_what_counts_as_deleted_is_not_deleted_again() -> None:
    assert _delete(["deleted"])[0] == ["GetParameter"]


def test_deletion_waits_until_it_is_gone() -> None:
    assert _delete(["ready", "deleting", "deleting", "gone"])[1] == 10


def test_only_the_code_and_message_of_the_row_mean_gone() -> None:
    with pytest.raises(ClientError, match="ParameterNotFound"):
        _delete(["gone"], read={**THING["read"], "gone": ["ParameterNotFound: another message"]})


def test_a_deletion_that_fails_is_not_waited_for() -> None:
    with pytest.raises(ResourceError, match="is delete-failed"):
        _delete(["ready", "deleting", "delete-failed"])


def test_a_step_before_deletion_can_wait() -> None:
    steps = [
        {
            "call": "ssm.PutParameter",
            "with": {"Name": "id", "Value": "'stopped'"},
            "wait": {"value": "record.Value", "is": "stopped"},
        },
        {"call": "ssm.DeleteParameter", "with": {"Name": "id"}},
    ]
    calls, _ = _delete(["ready", "stopping", "stopped", "gone"], delete=steps)
    assert calls == ["GetParameter", "PutParameter", "GetParameter", "GetParameter", "DeleteParameter", "GetParameter"]


def test_a_step_is_left_out_when_its_condition_finds_nothing() -> None:
    steps = [
        {"call": "ssm.PutParameter", "if": "record.Value == 'running'", "with": {"Name": "id"}},
        {"call": "ssm.DeleteParameter", "with": {"Name": "id"}},
    ]
    assert _delete(["ready", "gone"], delete=steps)[0] == ["GetParameter", "DeleteParameter", "GetParameter"]


def test_an_update_waits_too() -> None:
    things = Things(["updating", "updating", "ready"])
    with account(things.front) as here:
        made = _thing().update(here.request({**PROPERTIES, "Value": "w"}), "n", PROPERTIES)
    assert made.attributes["Value"] == "ready"
    assert "PutParameter" in things.calls


def test_an_update_that_changes_nothing_makes_no_call() -> None:
    things = Things(["ready"])
    with account(things.front) as here:
        _thing().update(here.request(PROPERTIES), "n", PROPERTIES)
    assert set(things.calls) == {"GetParameter"}


def test_several_threads_make_resources_at_once(here: Account) -> None:
    made: list[str] = []
    threads = [Thread(target=lambda: made.append(here.make("AWS::SNS::Topic", {}).physical_id)) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(made)) == 8


# Deletion of types for which CloudFormation keeps something until then


def test_a_key_is_deleted_after_the_days_of_its_template(here: Account) -> None:
    properties = {"PendingWindowInDays": "7"}
    made = here.make("AWS::KMS::Key", properties)
    kind("AWS::KMS::Key").delete(here.request(properties), made.physical_id)
    key = here.clients.client("kms").describe_key(KeyId=made.physical_id)["KeyMetadata"]
    assert (key["DeletionDate"] - key["CreationDate"]).days in (6, 7)


def _repository_with_an_image(here: Account, properties: dict[str, Any]) -> str:
    name = here.make("AWS::ECR::Repository", properties).physical_id
    here.clients.client("ecr").put_image(
        repositoryName=name,
        imageManifest='{"schemaVersion": 2, "layers": []}',
        imageManifestMediaType="application/vnd.oci.image.manifest.v1+json",
        imageTag="a",
    )
    return name


def test_a_repository_with_images_is_not_deleted(here: Account) -> None:
    name = _repository_with_an_image(here, {})
    with pytest.raises(ClientError, match="RepositoryNotEmptyException"):
        kind("AWS::ECR::Repository").delete(here.request({}), name)


def test_a_repository_that_is_emptied_on_delete_is_deleted(here: Account) -> None:
    name = _repository_with_an_image(here, {"EmptyOnDelete": True})
    kind("AWS::ECR::Repository").delete(here.request({"EmptyOnDelete": True}), name)
    assert here.clients.client("ecr").describe_repositories()["repositories"] == []


def test_an_address_goes_to_its_instance(here: Account) -> None:
    instance = here.make("AWS::EC2::Instance", {"ImageId": "ami-12c6146b", "InstanceType": "t3.micro"}).physical_id
    here.make("AWS::EC2::EIP", {"Domain": "vpc", "InstanceId": instance})
    (address,) = here.clients.client("ec2").describe_addresses()["Addresses"]
    assert address["InstanceId"] == instance


def test_a_request_that_botocore_refuses_after_it_was_made_says_who_it_is(here: Account) -> None:
    step = {"call": "ssm.AddTagsToResource", "of": "Description", "with": {"ResourceId": "id"}}
    with pytest.raises(ResourceError, match="Missing required parameter") as raised:
        _thing(ready=None, then=[step], create={"call": "ssm.PutParameter", "leave": "Description"}).create(
            here.request({**PROPERTIES, "Description": "a"})
        )
    assert raised.value.physical_id == "n"


def test_an_answer_without_a_physical_id_is_a_fault_of_the_row() -> None:
    with pytest.raises(LookupError, match=r"^AWS::SSM::Parameter: the answer has no answer.Nothing$"):
        _create(["ready"], id="answer.Nothing")
