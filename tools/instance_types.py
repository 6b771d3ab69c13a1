"""Makes ``constructs/trainyard/instance_types.py`` from the data files of moto and botocore."""

import gzip
import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from importlib.metadata import distribution, version
from itertools import groupby
from textwrap import wrap
from typing import Any

import botocore.session
from botocore.model import StringShape

LOCAL_STORAGE_OF_UNDESCRIBED = {
    "dl1": True,  # 4 x 1 TB NVMe
    "geospatial": False,  # no type of EC2; where no disk is known of, the volume must have its key
    "p2": False,  # EBS only
    "p3": False,  # EBS only, unlike p3dn
    "p6e-gb200": True,  # 405 TB NVMe in the 18 instances of an UltraServer
}
"""Families of SageMaker that moto's copy does not describe, and whether they have local storage.

Source: https://aws.amazon.com/blogs/compute/amazon-ec2-dl1-instances-deep-dive/; AWS's announcement of P6e-GB200 on
SageMaker HyperPod; https://aws.amazon.com/ec2/instance-types/ for p2 and p3
"""

NEURON_WITHOUT_DEVICES = "trn2u.48xlarge"
"""It has the devices of trn2.48xlarge, and its description leaves them out."""

MODULE = '''\
"""AWS's instance types as moto {moto} and botocore {botocore} know them: made by tools/instance_types.py, not by hand.

``make snapshots`` renews this file.

Source: EC2's DescribeInstanceTypes, of whose answer moto has a copy; the enumerations in botocore's model of SageMaker
"""

from typing import NamedTuple


class Accelerated(NamedTuple):
    """An EC2 type with NVIDIA GPUs or Neuron devices.

    Args:
        vcpus: its vCPUs.
        memory_mib: its memory in MiB.
        gpus: its NVIDIA GPUs; 0 if it has Neuron devices, or only a part of a GPU.
        network_cards: its network cards.
        efa_interfaces: how many Elastic Fabric Adapters it takes, perhaps fewer than it has cards; 0 if none.
        architecture: of its processors.
    """

    vcpus: int
    memory_mib: int
    gpus: int
    network_cards: int
    efa_interfaces: int
    architecture: str = "x86_64"


ACCELERATED = {{
{accelerated}
}}
"""EC2 type to what it has."""

LOCAL_STORAGE_PATTERNS = (
{patterns}
)
"""What matches the SageMaker types with local NVMe storage, and no others."""

NOTEBOOK_TYPES = (
{notebook}
)
"""SageMaker types that a notebook instance runs on."""

STUDIO_TYPES = (
{studio}
)
"""SageMaker types that an app of Studio runs on."""

SAGEMAKER_TYPES = tuple(
    sorted(
        {{
            *NOTEBOOK_TYPES,
            *STUDIO_TYPES,
{others}
        }}
    )
)
"""Every SageMaker type, whatever runs on it: jobs, endpoints, clusters, notebook instances or apps."""
'''


def instance_types() -> str:
    """The text of the module."""
    described, names = ec2_types(), sagemaker_types()
    every = set().union(*names.values())
    local_storage = {name: _has_local_storage(name, described) for name in every}
    return MODULE.format(
        moto=version("moto"),
        botocore=version("botocore"),
        accelerated="\n".join(
            f'    "{name}": Accelerated({_arguments(each)}),' for name, each in sorted(accelerated(described).items())
        ),
        patterns=_literal(patterns(local_storage)),
        notebook=_by_family(names["InstanceType"]),
        studio=_by_family(names["AppInstanceType"]),
        others=_by_family(sorted(every - {*names["InstanceType"], *names["AppInstanceType"]}), indent=12),
    )


def ec2_types() -> dict[str, dict[str, Any]]:
    """EC2 type to its description, in the shape of DescribeInstanceTypes."""
    # Not through moto's package: its import is slow, and brings all of its EC2 with it.
    file = distribution("moto").locate_file("moto/ec2/resources/instance_types.json.gz")
    with gzip.open(str(file)) as content:
        types: dict[str, dict[str, Any]] = json.load(content)
    return types


def accelerated(described: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those of the EC2 types that have GPUs or Neuron devices, with their descriptions."""
    return {
        name: each
        for name, each in described.items()
        if "GpuInfo" in each or "NeuronInfo" in each or name == NEURON_WITHOUT_DEVICES
    }


def sagemaker_types() -> dict[str, list[str]]:
    """Each enumeration of instance types in SageMaker's API to its types; Studio's ``system`` is none."""
    model = botocore.session.Session().get_service_model("sagemaker")
    shapes = {name: model.shape_for(name) for name in model.shape_names if name.endswith("InstanceType")}
    return {
        name: sorted(each for each in shape.enum if each.startswith("ml."))
        for name, shape in shapes.items()
        if isinstance(shape, StringShape)
    }


def patterns(local_storage: Mapping[str, bool]) -> list[str]:
    """The patterns that match exactly the types with local storage, whole families where it can be.

    Args:
        local_storage: SageMaker type to whether it has local storage.
    """
    types = sorted(local_storage)
    missing = {name for name in types if local_storage[name]}
    found = []
    # In the names of AWS, a "d" at the end of a family stands for local disks.
    for pattern in ("ml.*d.*", *(f"{family}.*" for family, _ in groupby(types, family_of)), *types):
        matched = {name for name in types if fnmatchcase(name, pattern)}
        if matched & missing and all(local_storage[name] for name in matched):
            found.append(pattern)
            missing -= matched
    return found


def _has_local_storage(name: str, described: Mapping[str, Mapping[str, Any]]) -> bool:
    ec2 = described.get(name.removeprefix("ml."))
    if ec2:
        return bool(ec2["InstanceStorageSupported"])
    return LOCAL_STORAGE_OF_UNDESCRIBED[family_of(name).removeprefix("ml.")]


def _arguments(described: Mapping[str, Any]) -> str:
    network = described["NetworkInfo"]
    (architecture,) = described["ProcessorInfo"]["SupportedArchitectures"]
    numbers = (
        described["VCpuInfo"]["DefaultVCpus"],
        described["MemoryInfo"]["SizeInMiB"],
        sum(gpu["Count"] for gpu in described.get("GpuInfo", {}).get("Gpus", ()) if gpu["Manufacturer"] == "NVIDIA"),
        network["MaximumNetworkCards"],
        network["EfaInfo"]["MaximumEfaInterfaces"] if network["EfaSupported"] else 0,
    )
    return ", ".join(map(str, numbers)) + ("" if architecture == "x86_64" else f', "{architecture}"')


def family_of(name: str) -> str:
    """The type without its size."""
    return name.rpartition(".")[0]


def _by_family(names: Iterable[str], indent: int = 4) -> str:
    return "\n".join(_literal(list(family), indent) for _, family in groupby(names, family_of))


def _literal(values: list[str], indent: int = 4) -> str:
    """The values in lines as ruff would leave them: it breaks a tuple of more than one at every comma outside."""
    text = ", ".join(f'"{value}"' for value in values)
    lines = [line.rstrip(",") for line in wrap(text, 120 - indent - len("*(),"), break_on_hyphens=False)]
    return "\n".join(" " * indent + (f"*({line})," if "," in line else f"{line},") for line in lines)
