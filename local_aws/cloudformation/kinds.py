"""What a template's resource types are here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from local_aws import custom_resources, resource_types
from local_aws.resource_types import Made, Request

CUSTOM = "AWS::CloudFormation::CustomResource"


class Kind(Protocol):
    """What a deployment asks of a resource type."""

    def problems(self, properties: Mapping[str, Any]) -> list[str]:
        """What is wrong with the properties, in CloudFormation's words."""

    def replaces(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Whether a change of properties replaces the resource."""

    def create(self, request: Request) -> Made:
        """Makes a resource."""

    def update(self, request: Request, physical_id: str, old_properties: Mapping[str, Any]) -> Made:
        """Changes a resource."""

    def delete(self, request: Request, physical_id: str) -> None:
        """Deletes a resource, if it is still there."""


@dataclass(frozen=True)
class CustomResource:
    """A type whose resources somebody's program makes.

    Source: AWS docs AWSCloudFormation/latest/UserGuide/template-custom-resources.html
    """

    name: str

    def problems(self, properties: Mapping[str, Any]) -> list[str]:
        """What is wrong with the properties, in CloudFormation's words."""
        return [] if "ServiceToken" in properties else ["#: required key [ServiceToken] not found"]

    def replaces(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Never beforehand: the program says so by another physical id."""
        return bool(old["ServiceToken"] != new["ServiceToken"])

    def create(self, request: Request) -> Made:
        """Makes a resource."""
        return self._run("Create", request)

    def update(self, request: Request, physical_id: str, old_properties: Mapping[str, Any]) -> Made:
        """Changes a resource, or makes another one in its place."""
        return self._run("Update", request, physical_id, old_properties)

    def delete(self, request: Request, physical_id: str) -> None:
        """Deletes a resource."""
        self._run("Delete", request, physical_id)

    def _run(
        self,
        request_type: str,
        request: Request,
        physical_id: str | None = None,
        old_properties: Mapping[str, Any] | None = None,
    ) -> Made:
        made, data = custom_resources.run(
            request_type=request_type,
            resource_type=self.name,
            service_token=request.properties["ServiceToken"],
            properties=request.properties,
            old_properties=old_properties,
            physical_id=physical_id,
            stack_id=request.stack_id,
            logical_id=request.logical_id,
            clients=request.clients,
        )
        return Made(made, data)


def find(resource_type: str) -> Kind | None:
    """The resource type of that name, or None when it is not emulated."""
    if resource_type.startswith("Custom::") or resource_type == CUSTOM:
        return CustomResource(resource_type)
    return resource_types.find(resource_type)
