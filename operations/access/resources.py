"""The resources of an assembly, whose references lead to one another across its stacks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operations.assembly import Json, StackTemplate
from policies.evaluator import plain

Told = Callable[[Any], Any]
"""Makes the text of a value that holds references: made up, or what is deployed."""


@dataclass(frozen=True, eq=False)
class Resource:
    """A resource.

    Args:
        name: its stack's id in the app and its logical id, as ``Data.DataKey``.
        path: of its construct, as ``Data/DataKey``.
        type: its type in CloudFormation.
        properties: its properties; a reference in them names a resource as ``name`` does, and leads through no export.
    """

    name: str
    path: str
    type: str
    properties: Json

    def attribute(self, name: str) -> Json:
        """A reference to an attribute."""
        return {"Fn::GetAtt": [self.name, name]}

    @property
    def arn(self) -> Json:
        """A reference to its ARN."""
        return self.attribute("Arn")

    @property
    def ref(self) -> Json:
        """A reference to what CloudFormation calls it."""
        return {"Ref": self.name}


def resources_of(stacks: Sequence[StackTemplate]) -> list[Resource]:
    """All resources of the stacks of an assembly."""
    exports: dict[str, Json] = {}
    for stack in stacks:
        for output in stack.template.get("Outputs", {}).values():
            if "Export" in output:
                exports[output["Export"]["Name"]] = _linked(stack.key, output["Value"], {})
    return [
        Resource(
            f"{stack.key}.{logical_id}",
            resource.get("Metadata", {}).get("aws:cdk:path", logical_id),
            resource["Type"],
            _linked(stack.key, resource.get("Properties", {}), exports),
        )
        for stack in stacks
        for logical_id, resource in stack.resources.items()
    ]


ARNS = {"AWS::KMS::Key": "kms:{region}:{account}:key", "AWS::IAM::Role": "iam::{account}:role"}
"""Type to what stands in an ARN before the id; of the others that are asked for, the id is no part of an ARN."""


def told_by(resources: Sequence[Resource], ids: Mapping[str, str], region: str, account: str, partition: str) -> Told:
    """What references become where the resources have these ids, by their names."""
    arns = {
        each.name: f"arn:{partition}:{ARNS[each.type].format(region=region, account=account)}/{ids[each.name]}"
        for each in resources
        if each.type in ARNS
    }
    pseudo = {"AWS::Partition": partition, "AWS::Region": region, "AWS::AccountId": account}

    def told(value: Any) -> Any:
        match value:
            case {"Ref": str(name)} if name in pseudo or name in ids:
                return pseudo.get(name) or ids[name]
            case {"Fn::GetAtt": [str(name), "Arn"]} if name in arns:
                return arns[name]
            case {"Fn::GetAtt": [str(name), "DomainId" | "GroupId" | "Id"]} if name in ids:
                return ids[name]
            case dict():
                return {key: told(each) for key, each in value.items()}
            case list():
                return [told(each) for each in value]
        return value

    return told


def made_up(resources: Sequence[Resource], region: str, account: str) -> Told:
    """What references become where nothing is deployed: the id of a resource is its name."""
    told = told_by(resources, {each.name: each.name for each in resources}, region, account, "aws")
    return lambda value: plain(told(value))


def _linked(stack: str, value: Any, exports: Mapping[str, Any]) -> Any:
    match value:
        case {"Ref": str(name)} if not name.startswith("AWS::"):
            return {"Ref": f"{stack}.{name}"}
        case {"Fn::GetAtt": [name, attribute]}:
            return {"Fn::GetAtt": [f"{stack}.{name}", attribute]}
        case {"Fn::ImportValue": str(name)}:
            return exports[name]
        case dict():
            return {key: _linked(stack, each, exports) for key, each in value.items()}
        case list():
            return [_linked(stack, each, exports) for each in value]
    return value
