"""Deployments in a world whose resources are words in a list."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from local_aws.clients import Clients
from local_aws.clock import VirtualClock
from local_aws.cloudformation import deployment
from local_aws.cloudformation.stack import Inputs, Shape, Stack
from local_aws.cloudformation.template import parse
from local_aws.errors import AwsError, ResourceError
from local_aws.resource_types import Made, Request


class World:
    """Things that have a Name, whose change replaces them, and a Size; what is done to them is written down."""

    account = "111111111111"

    def __init__(self) -> None:
        self.clients = Clients("eu-west-1", VirtualClock())
        self.done: list[str] = []
        self.fails: set[str] = set()
        self.others: dict[str, str] = {}
        self.half_made: dict[str, str] = {}
        self.numbers: Counter[str] = Counter()

    def exports(self) -> Mapping[str, str]:
        return self.others

    def refuse_exports(self, stack: Stack, outputs: list[Shape]) -> None:  # noqa: ARG002 (the engine gives both)
        if any(each.get("ExportName") == "taken" for each in outputs):
            raise AwsError("ValidationError", "Export with name taken is already exported by stack other")

    def kind_of(self, resource_type: str) -> "World":
        assert resource_type == "Test::Thing"
        return self

    @property
    def attributes(self) -> frozenset[str]:
        return frozenset({"Arn"})

    def problems(self, properties: Mapping[str, Any]) -> list[str]:
        return ["#: extraneous key [Colour] is not permitted"] if "Colour" in properties else []

    def replaces(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        return old.get("Name") != new.get("Name")

    def create(self, request: Request) -> Made:
        self._do("create", request.logical_id, request)
        self.numbers[request.logical_id] += 1
        physical_id = f"{request.logical_id}-{self.numbers[request.logical_id]}"
        return Made(physical_id, {"Arn": f"arn:{physical_id}"})

    def update(self, request: Request, physical_id: str, old_properties: Mapping[str, Any]) -> Made:  # noqa: ARG002
        self._do("update", physical_id, request)
        return Made(physical_id, {"Arn": f"arn:{physical_id}"})

    def delete(self, request: Request, physical_id: str) -> None:
        self._do("delete", physical_id, request)

    def _do(self, verb: str, name: str, request: Request) -> None:
        if f"{verb} {name}" in self.fails:
            raise ResourceError(f"{name} will not", self.half_made.get(name))
        self.done.append(f"{verb} {name}{_size(request)}")


def _size(request: Request) -> str:
    return f" of {request.properties['Size']}" if "Size" in request.properties else ""


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def stack() -> Stack:
    return Stack("test", account="111111111111", region="eu-west-1", tags={})


def thing(*needs: str, **properties: Any) -> dict[str, Any]:
    return {"Type": "Test::Thing", "DependsOn": list(needs), "Properties": properties}


CHAIN = {"A": thing(), "B": thing(Of={"Fn::GetAtt": ["A", "Arn"]}), "C": thing("B")}


# ---- a new stack ----


def test_what_is_needed_is_made_first(world: World, stack: Stack) -> None:
    _create(world, stack, CHAIN)
    assert world.done == ["create A", "create B", "create C"]


def test_attributes_reach_what_refers_to_them(world: World, stack: Stack) -> None:
    _create(world, stack, CHAIN)
    assert stack.resources["B"].properties == {"Of": "arn:A-1"}


def test_events_tell_what_happened_in_order(world: World, stack: Stack) -> None:
    _create(world, stack, {"A": thing()})
    assert [
        (each["LogicalResourceId"], each["ResourceStatus"], each["PhysicalResourceId"]) for each in stack.events
    ] == [
        ("A", "CREATE_IN_PROGRESS", ""),
        ("A", "CREATE_IN_PROGRESS", "A-1"),
        ("A", "CREATE_COMPLETE", "A-1"),
        ("test", "CREATE_COMPLETE", stack.id),
    ]


def test_outputs_are_those_of_the_resources(world: World, stack: Stack) -> None:
    _create(world, stack, CHAIN, outputs={"Arn": {"Value": {"Fn::GetAtt": ["A", "Arn"]}}})
    assert stack.outputs == [{"OutputKey": "Arn", "OutputValue": "arn:A-1"}]


def test_an_import_is_remembered(world: World, stack: Stack) -> None:
    world.others = {"key": "arn:key"}
    _create(world, stack, {"A": thing(Key={"Fn::ImportValue": "key"})})
    assert stack.imports == {"key"}
    assert stack.resources["A"].properties == {"Key": "arn:key"}


def test_an_export_that_is_not_there_fails_the_resource(world: World, stack: Stack) -> None:
    _create(world, stack, {"A": thing(Key={"Fn::ImportValue": "key"})})
    assert _reasons(stack, "A") == ["No export named key found."]
    assert stack.status == "ROLLBACK_COMPLETE"


def test_an_attribute_that_is_not_there_fails_the_resource(world: World, stack: Stack) -> None:
    _create(world, stack, {"A": thing(), "B": thing(Of={"Fn::GetAtt": ["A", "Colour"]})})
    assert _reasons(stack, "B") == ["Template error: resource A does not support attribute type Colour in Fn::GetAtt"]


def test_an_unknown_property_fails_the_resource_before_anything_is_called(world: World, stack: Stack) -> None:
    _create(world, stack, {"A": thing(Colour="red")})
    assert world.done == []
    assert _reasons(stack, "A") == [
        "Properties validation failed for resource A with message:\n#: extraneous key [Colour] is not permitted"
    ]


def test_what_was_made_goes_when_another_thing_fails(world: World, stack: Stack) -> None:
    world.fails = {"create C"}
    _create(world, stack, CHAIN)
    assert world.done == ["create A", "create B", "delete B-1", "delete A-1"]
    assert (stack.status, stack.resources) == ("ROLLBACK_COMPLETE", {})


def test_the_stack_says_what_failed(world: World, stack: Stack) -> None:
    world.fails = {"create C"}
    _create(world, stack, CHAIN)
    assert "The following resource(s) failed to create: [C]. Rollback requested by user." in _reasons(stack, "test")
    assert _reasons(stack, "C") == ["C will not"]


def test_what_failed_half_made_goes_too(world: World, stack: Stack) -> None:
    world.half_made = {"A": "A-0"}
    world.fails = {"create A"}
    _create(world, stack, {"A": thing()})
    assert (stack.status, world.done) == ("ROLLBACK_COMPLETE", ["delete A-0"])


@pytest.mark.parametrize(("policy", "left"), [("Retain", {"A"}), ("RetainExceptOnCreate", set()), ("Delete", set())])
def test_what_is_retained_stays_when_a_new_stack_fails(world: World, stack: Stack, policy: str, left: set[str]) -> None:
    world.fails = {"create B"}
    _create(world, stack, {"A": {**thing(), "DeletionPolicy": policy}, "B": thing("A")})
    assert ("delete A-1" not in world.done) is bool(left)


def test_a_failed_stack_is_left_as_it_is_when_asked(world: World, stack: Stack) -> None:
    world.fails = {"create C"}
    _create(world, stack, CHAIN, on_failure="DO_NOTHING")
    assert (stack.status, set(stack.resources)) == ("CREATE_FAILED", {"A", "B"})


def test_a_failed_stack_goes_when_asked(world: World, stack: Stack) -> None:
    world.fails = {"create C"}
    _create(world, stack, CHAIN, on_failure="DELETE")
    assert stack.gone
    assert world.done[-1] == "delete A-1"


def test_a_rollback_that_fails_says_so(world: World, stack: Stack) -> None:
    world.fails = {"create C", "delete B-1"}
    _create(world, stack, CHAIN)
    assert (stack.status, set(stack.resources)) == ("ROLLBACK_FAILED", {"B"})


def test_an_export_that_another_stack_has_fails_the_stack(world: World, stack: Stack) -> None:
    _create(world, stack, {"A": thing()}, outputs={"X": {"Value": "x", "Export": {"Name": "taken"}}})
    assert stack.status == "ROLLBACK_COMPLETE"
    assert world.done == ["create A", "delete A-1"]


def test_a_condition_that_does_not_hold_makes_nothing(world: World, stack: Stack) -> None:
    conditional = {**thing(), "Condition": "Never"}
    _create(world, stack, {"A": thing(), "B": conditional}, conditions={"Never": {"Fn::Equals": ["a", "b"]}})
    assert world.done == ["create A"]


# ---- another template ----


def test_what_did_not_change_is_not_touched(world: World, stack: Stack) -> None:
    _create(world, stack, CHAIN)
    _update(world, stack, {**CHAIN, "D": thing()})
    assert world.done[3:] == ["create D"]
    assert stack.status == "UPDATE_COMPLETE"


def test_a_change_is_made_in_place_where_it_can_be(world: World, stack: Stack) -> None:
    _create(world, stack, {"A": thing(Size=1)})
    _update(world, stack, {"A": thing(Size=2)})
    assert world.done == ["create A of 1", "update A-1 of 2"]
    assert stack.resources["A"].physical_id == "A-1"


def test_tags_of_the_stack_are_a_change(world: World, stack: Stack) -> None:
    _create(world, stack, {"A": thing()})
    _update(world, stack, {"A": thing()}, tags={"Team": "vision"})
    assert world.done == ["create A", "update A-1"]
    assert stack.tags == {"Team": "vision"}


def test_a_replacement_is_there_before_the_old_one_goes(world: World, stack: Stack) -> None:
    _create(world, stack, {"A": thing(Name="old"), "B": thing(Of={"Ref": "A"})})
    _update(world, stack, {"A": thing(Name="new"), "B": thing(Of={"Ref": "A"})})
    assert world.done[2:] == ["create A", "update B-1", "delete A-1"]
    assert stack.resources["B"].properties == {"Of": "A-2"}


def test_what_was_replaced_stays_when_its_policy_says_so(world: World, stack: Stack) -> None:
    _create(world, stack, {"A": thing(Name="old")})
    _update(world, stack, {"A": {**thing(Name="new"), "UpdateReplacePolicy": "Retain"}})
    assert world.done == ["create A", "create A"]


def test_what_the_template_has_no_longer_goes_last(world: World, stack: Stack) -> None:
    _create(world, stack, CHAIN)
    _update(world, stack, {"D": thing()})
    assert world.done[3:] == ["create D", "delete C-1", "delete B-1", "delete A-1"]
    assert set(stack.resources) == {"D"}


def test_what_leaves_the_template_stays_when_its_policy_says_so(world: World, stack: Stack) -> None:
    _create(world, stack, {"A": {**thing(), "DeletionPolicy": "Retain"}, "B": thing()})
    _update(world, stack, {"B": thing()})
    assert "delete A-1" not in world.done
    assert set(stack.resources) == {"B"}


def test_a_policy_counts_from_the_template_that_brought_it(world: World, stack: Stack) -> None:
    _create(world, stack, {"A": thing(), "B": thing()})
    _update(world, stack, {"A": {**thing(), "DeletionPolicy": "Retain"}, "B": thing()})
    _update(world, stack, {"B": thing()})
    assert "delete A-1" not in world.done


def test_an_update_that_fails_is_taken_back(world: World, stack: Stack) -> None:
    before = {"A": thing(Size=1), "B": thing("A", Name="old"), "C": thing("B")}
    _create(world, stack, before)
    world.fails = {"create E"}
    after = {"A": thing(Size=2), "B": thing("A", Name="new"), "C": thing("B"), "D": thing("B"), "E": thing("D")}
    _update(world, stack, after)
    assert world.done[3:6] == ["update A-1 of 2", "create B", "create D"]
    assert sorted(world.done[6:]) == ["delete B-2", "delete D-1", "update A-1 of 1"]
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert {name: each.physical_id for name, each in stack.resources.items()} == {"A": "A-1", "B": "B-1", "C": "C-1"}
    assert stack.resources["A"].properties == {"Size": 1}


def test_after_a_rollback_the_old_template_counts(world: World, stack: Stack) -> None:
    _create(world, stack, {"A": thing()})
    world.fails = {"create B"}
    _update(world, stack, {"A": thing(), "B": thing()})
    world.fails = set()
    _update(world, stack, {"A": thing(), "B": thing()})
    assert stack.status == "UPDATE_COMPLETE"


def test_a_rollback_of_an_update_that_fails_says_so(world: World, stack: Stack) -> None:
    _create(world, stack, {"A": thing(Size=1)})
    _update_with(world, stack, {"A": thing(Size=2), "B": thing("A")}, then_fails={"update A-1"})
    assert stack.status == "UPDATE_ROLLBACK_FAILED"


def test_what_cannot_be_cleaned_up_does_not_fail_the_update(world: World, stack: Stack) -> None:
    _create(world, stack, {"A": thing(), "B": thing()})
    world.fails = {"delete A-1"}
    _update(world, stack, {"B": thing()})
    assert stack.status == "UPDATE_COMPLETE"
    assert "Left behind" in str(stack.reason)


# ---- deletion ----


def test_what_needs_another_thing_goes_before_it(world: World, stack: Stack) -> None:
    _create(world, stack, CHAIN)
    deployment.delete(world, stack)
    assert world.done[3:] == ["delete C-1", "delete B-1", "delete A-1"]
    assert stack.gone


@pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate"])
def test_what_is_retained_stays_when_the_stack_goes(world: World, stack: Stack, policy: str) -> None:
    _create(world, stack, {"A": {**thing(), "DeletionPolicy": policy}})
    deployment.delete(world, stack)
    assert world.done == ["create A"]
    assert stack.gone


def test_what_a_thing_needs_stays_when_it_cannot_be_deleted(world: World, stack: Stack) -> None:
    _create(world, stack, {**CHAIN, "D": thing()})
    world.fails = {"delete B-1"}
    deployment.delete(world, stack)
    assert (stack.status, set(stack.resources)) == ("DELETE_FAILED", {"A", "B"})
    assert stack.reason == "The following resource(s) failed to delete: [B]."


def test_a_second_deletion_goes_on_where_the_first_failed(world: World, stack: Stack) -> None:
    _create(world, stack, CHAIN)
    world.fails = {"delete B-1"}
    deployment.delete(world, stack)
    world.fails = set()
    deployment.delete(world, stack)
    assert world.done[3:] == ["delete C-1", "delete B-1", "delete A-1"]
    assert stack.gone


def test_what_the_caller_retains_stays(world: World, stack: Stack) -> None:
    _create(world, stack, CHAIN)
    deployment.delete(world, stack, retain=["B"])
    assert "delete B-1" not in world.done
    assert stack.gone


def test_by_force_a_stack_goes_without_what_cannot_be_deleted(world: World, stack: Stack) -> None:
    _create(world, stack, CHAIN)
    world.fails = {"delete C-1"}
    deployment.delete(world, stack, force=True)
    assert stack.gone


def _inputs(resources: Mapping[str, Any], tags: dict[str, str] | None = None, **sections: Any) -> Inputs:
    return Inputs(parse(json.dumps({"Resources": resources, **sections})), {}, tags or {})


def _create(
    world: World,
    stack: Stack,
    resources: Mapping[str, Any],
    *,
    on_failure: str = "ROLLBACK",
    outputs: Mapping[str, Any] | None = None,
    conditions: Mapping[str, Any] | None = None,
) -> None:
    inputs = _inputs(resources, Outputs=outputs or {}, Conditions=conditions or {})
    deployment.create(world, stack, inputs, {}, on_failure)


def _update(world: World, stack: Stack, resources: Mapping[str, Any], tags: dict[str, str] | None = None) -> None:
    deployment.update(world, stack, _inputs(resources, tags), {})


def _update_with(world: World, stack: Stack, resources: Mapping[str, Any], *, then_fails: set[str]) -> None:
    """An update in which the way back fails too."""

    class Turning(set[str]):
        def __contains__(self, what: object) -> bool:
            if what == "create B":
                world.fails = then_fails
                return True
            return False

    world.fails = Turning()
    _update(world, stack, resources)


def _reasons(stack: Stack, logical_id: str) -> list[str]:
    return [
        each["ResourceStatusReason"]
        for each in stack.events
        if each["LogicalResourceId"] == logical_id and "ResourceStatusReason" in each
    ]
