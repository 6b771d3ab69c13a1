"""Writes what the SageMaker Python SDK takes when a program does not say: network, keys, role and tags of the team.

``sdk_config.py FILE`` writes the defaults file, which the versions 2 and 3 of the SDK both read. It is JSON, which is
YAML. ``sdk_config.py environment`` prints the environment variables that go with it, and those of pip, as NAME=VALUE.
Both take the settings of the instance from TRAINYARD_*.

The guardrails deny what leaves these values out; this file only spares people writing them. Which of them a version of
the SDK ignores says docs/notebooks.md.

For Python 3.9, the system's on AL2023, and its standard library.

Source: https://sagemaker.readthedocs.io/en/stable/overview.html#configuring-and-using-defaults-with-the-sagemaker-python-sdk
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PREFIX = "TRAINYARD_"


def config(settings: Mapping[str, str]) -> dict[str, Any]:
    """The defaults, from the settings by their names without the prefix.

    It is the schema's part that both versions know. Of kinds of work that no role may submit it says nothing.
    """
    vpc = {"Subnets": settings["SUBNETS"].split(), "SecurityGroupIds": settings["SECURITY_GROUPS"].split()}
    network = {
        "VpcConfig": vpc,
        "EnableNetworkIsolation": True,
        "EnableInterContainerTrafficEncryption": True,
    }
    volume_key = {"VolumeKmsKeyId": settings["VOLUME_KEY"]}
    output_key = {"KmsKeyId": settings["OUTPUT_KEY"]}
    role = {"RoleArn": settings["JOB_ROLE"]}
    tags = {"Tags": [{"Key": key.title(), "Value": settings[key]} for key in ("TEAM", "ENVIRONMENT")]}
    # Neither has network isolation, in the schema or in the SDK.
    function = {**role, "VpcConfig": vpc, "S3KmsKeyId": settings["OUTPUT_KEY"], **volume_key}
    bucket, _, prefix = settings["OUTPUT"].removeprefix("s3://").partition("/")
    return {
        "SchemaVersion": "1.0",
        "SageMaker": {
            "TrainingJob": {
                **network,
                **role,
                **tags,
                "OutputDataConfig": output_key,
                "ResourceConfig": volume_key,
            },
            "ProcessingJob": {
                "NetworkConfig": network,
                **role,
                **tags,
                "ProcessingOutputConfig": output_key,
                "ProcessingResources": {"ClusterConfig": volume_key},
            },
            # Without its keys, on which the Transformer of version 3 fails: docs/decisions/0015-defaults-of-the-sdk.md.
            "TransformJob": tags,
            "Model": {
                "VpcConfig": vpc,
                "EnableNetworkIsolation": True,
                "ExecutionRoleArn": settings["JOB_ROLE"],
                **tags,
            },
            "EndpointConfig": {
                "KmsKeyId": settings["VOLUME_KEY"],
                **tags,
                "DataCaptureConfig": output_key,
                "AsyncInferenceConfig": {"OutputConfig": output_key},
            },
            "Endpoint": tags,
            "Pipeline": {**role, **tags},
            "PythonSDK": {
                "Modules": {
                    # Without a bucket of ours the SDK makes one.
                    "Session": {"DefaultS3Bucket": bucket, "DefaultS3ObjectKeyPrefix": prefix},
                    # Version 3 reads the network of training jobs here, and of TrainingJob above only the isolation.
                    "ModelTrainer": {
                        "networking": {
                            "enable_network_isolation": True,
                            "enable_inter_container_traffic_encryption": True,
                            "subnets": vpc["Subnets"],
                            "security_group_ids": vpc["SecurityGroupIds"],
                        }
                    },
                    "RemoteFunction": {**function, **tags, "EnableInterContainerTrafficEncryption": True},
                    "NotebookJob": function,
                    "Serve": role,
                    # It goes to a bucket of AWS, which the endpoint of S3 does not let through.
                    "TelemetryOptOut": True,
                }
            },
        },
    }


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment variables of terminals and kernels: of the SDK, and of pip, which would try PyPI for minutes."""
    wheels = f"{settings.get('ROOT', '')}/home/ec2-user/SageMaker/.trainyard/packages/wheels"
    # With a repository, pip's own file names it once its user has signed in, and variables would come before that.
    pip = {} if settings["CODEARTIFACT"] else {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels}
    return {
        # The SDK asks IAM about the role before each training job, and no endpoint leads from the VPC to IAM: it hangs.
        "SAGEMAKER_VALIDATE_ROLE": "false",
        "AWS_DEFAULT_REGION": settings["REGION"],
        # Old versions of boto3 ask the global STS, to which no endpoint leads either.
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
        **pip,
    }


def main(arguments: Sequence[str]) -> None:
    """Writes the file, or prints the variables."""
    settings = {name[len(PREFIX) :]: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    (target,) = arguments
    if target == "environment":
        print("\n".join(f"{name}={value}" for name, value in environment(settings).items()))
    else:
        _write(Path(target), json.dumps(config(settings), indent=2) + "\n")


def _write(file: Path, text: str) -> None:
    """All at once, and for everybody to read, whatever the umask."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    new.write_text(text)
    new.chmod(0o644)
    new.replace(file)


if __name__ == "__main__":
    main(sys.argv[1:])
