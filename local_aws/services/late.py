"""What moto deletes at once, and AWS after a while: network interfaces hold subnets and security groups until then.

How long it takes is inferred from what people report.

Source: AWS docs efs/latest/ug/API_DeleteMountTarget.html, AWSEC2/latest/APIReference/API_DeleteVpcEndpoints.html and
API_DeleteNatGateway.html
"""

import heapq
import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

from moto.backends import get_backend

from local_aws.acting import acting
from local_aws.clock import Clock
from local_aws.front import Answer, Call, Front

MOUNT_TARGET = 60
ENDPOINT = 120
NAT_GATEWAY = 60
"""Seconds that it takes until one is gone."""

_SEE_IT = {
    "ec2": (
        "CreateVpcEndpoint",
        "DeleteNetworkInterface",
        "DeleteSecurityGroup",
        "DeleteSubnet",
        "DeleteVpc",
        "DescribeNatGateways",
        "DescribeNetworkInterfaces",
        "DescribeVpcEndpoints",
        "DetachInternetGateway",
        "ReleaseAddress",
    ),
    "efs": ("CreateMountTarget", "DeleteFileSystem", "DescribeFileSystems", "DescribeMountTargets"),
}


def install(front: Front, clock: Clock) -> None:
    """Lets them be deleted later."""
    later = _Later(clock)
    front.handle("efs", "DeleteMountTarget", later.delete_mount_target)
    front.handle("ec2", "DeleteVpcEndpoints", later.delete_endpoints)
    front.handle("ec2", "DeleteNatGateway", later.delete_nat_gateway)
    for service, operations in _SEE_IT.items():
        for operation in operations:
            front.check(service, operation, later.settle)


class _Later:
    """What is done once its time has come."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()
        self._lock = threading.Lock()

    def settle(self, _: Call) -> None:
        """Does what time has done since somebody last looked."""
        with self._lock:
            while self._due and self._due[0][0] <= self._clock.now():
                heapq.heappop(self._due)[-1]()

    def delete_mount_target(self, call: Call) -> Answer | None:
        """A service deletes its own at once, as a part of its own deletion, which takes long enough."""
        backend, target = _backend(call), call.parameters["MountTargetId"]
        found = backend.mount_targets_by_id.get(target)
        if found is None or acting():
            return None
        if found.life_cycle_state == "available":
            found.life_cycle_state = "deleting"
            self._after(MOUNT_TARGET, partial(backend.delete_mount_target, target))
        return {}

    def delete_endpoints(self, call: Call) -> Answer:
        """Endpoints of gateways have no interfaces, and go at once."""
        backend, unsuccessful = _backend(call), []
        for each in call.parameters["VpcEndpointIds"]:
            endpoint = backend.vpc_end_points.get(each)
            if endpoint is None:
                message = f"The Vpc Endpoint Id '{each}' does not exist"
                error = {"Code": "InvalidVpcEndpointId.NotFound", "Message": message}
                unsuccessful.append({"ResourceId": each, "Error": error})
                continue
            # Moto deletes none whose type was left out.
            endpoint.vpc_endpoint_type = endpoint.vpc_endpoint_type or "Gateway"
            if endpoint.vpc_endpoint_type.lower() != "interface":
                backend.delete_vpc_endpoints([each])
            elif endpoint.state not in ("deleting", "deleted"):
                endpoint.state = "deleting"
                self._after(ENDPOINT, partial(backend.delete_vpc_endpoints, [each]))
        return {"Unsuccessful": unsuccessful}

    def delete_nat_gateway(self, call: Call) -> Answer | None:
        """One that does not exist is left to moto."""
        backend, name = _backend(call), call.parameters["NatGatewayId"]
        gateway = backend.nat_gateways.get(name)
        if gateway is None:
            return None
        if gateway.state == "available":
            gateway.state = "deleting"
            self._after(NAT_GATEWAY, partial(backend.delete_nat_gateway, name))
        return {"NatGatewayId": name}

    def _after(self, seconds: float, action: Callable[[], object]) -> None:
        heapq.heappush(self._due, (self._clock.now() + seconds, next(self._numbers), action))


def _backend(call: Call) -> Any:
    return get_backend(call.service)[call.account][call.region]  # type: ignore[call-overload]  # any service
