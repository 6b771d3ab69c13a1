"""What the templates of one stack refer to."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from local_aws.clients import Clients
from local_aws.cloudformation.intrinsics import NO_VALUE
from local_aws.cloudformation.stack import Stack
from local_aws.cloudformation.template import invalid


class Values:
    """The surroundings of a stack's template.

    Args:
        stack: the stack; its resources are those that are made already.
        parameters: the parameters' values.
        exports: gives the values of all exports of the account and region, by name.
        clients: for what is looked up in other services.
        account: the account.
    """

    def __init__(
        self,
        stack: Stack,
        parameters: Mapping[str, Any],
        exports: Callable[[], Mapping[str, str]],
        clients: Clients,
        account: str,
    ) -> None:
        self._stack = stack
        self._exports = exports
        self._clients = clients
        self._named = {
            "AWS::AccountId": account,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": stack.inputs.notification_arns if stack.inputs else [],
            "AWS::Partition": "aws",
            "AWS::Region": clients.region,
            "AWS::StackId": stack.id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com",
            **parameters,
        }
        self.imported: set[str] = set()
        """The names of the exports that were asked for."""

    def ref(self, name: str) -> Any:
        """The value of a parameter or pseudo parameter, or the physical id of a resource."""
        if name in self._named:
            return self._named[name]
        return self._resource(name).physical_id

    def attribute(self, logical_id: str, name: str) -> Any:
        """An attribute of a resource."""
        resource = self._resource(logical_id)
        if name not in resource.attributes:
            raise invalid(f"Template error: resource {logical_id} does not support attribute type {name} in Fn::GetAtt")
        return resource.attributes[name]

    def import_value(self, name: str) -> str:
        """The value of another stack's export."""
        exports = self._exports()
        if name not in exports:
            raise invalid(f"No export named {name} found.")
        self.imported.add(name)
        return exports[name]

    def zones(self, region: str) -> list[str]:
        """The availability zones of a region; an empty name is the stack's own."""
        answer = self._clients.client("ec2", region or None).describe_availability_zones()
        return [each["ZoneName"] for each in answer["AvailabilityZones"]]

    def dynamic(self, service: str, reference: str) -> str:
        """The value of a dynamic reference.

        Source: AWS docs AWSCloudFormation/latest/UserGuide/dynamic-references.html
        """
        try:
            if service == "secretsmanager":
                return self._secret(reference)
            answer = self._clients.client("ssm").get_parameter(Name=reference, WithDecryption=service == "ssm-secure")
            return str(answer["Parameter"]["Value"])
        except ClientError as error:
            raise invalid(f"Could not resolve {{{{resolve:{service}:{reference}}}}}: {error}") from None

    def _secret(self, reference: str) -> str:
        # An id can be an ARN, whose first six parts end in colons of their own.
        parts = reference.split(":")
        length = 7 if reference.startswith("arn:") else 1
        secret_id, rest = ":".join(parts[:length]), [*parts[length:], "", "", "", ""]
        kind, key, stage, version = rest[:4]
        wanted = {"VersionStage": stage, "VersionId": version}
        answer = self._clients.client("secretsmanager").get_secret_value(
            SecretId=secret_id, **{name: value for name, value in wanted.items() if value}
        )
        text = str(answer[kind or "SecretString"])
        return str(json.loads(text)[key]) if key else text

    def _resource(self, logical_id: str) -> Any:
        resource = self._stack.resources.get(logical_id)
        if resource is None:
            raise invalid(
                f"Template format error: Unresolved resource dependencies [{logical_id}] in the Resources block of the "
                "template"
            )
        return resource
