"""What follows from the type of an instance."""

from fnmatch import fnmatchcase

from trainyard.instance_types import ACCELERATED, LOCAL_STORAGE_PATTERNS, NOTEBOOK_TYPES

BATCH_GPU_TYPES = tuple(
    name
    for name, each in ACCELERATED.items()
    if each.gpus and each.architecture == "x86_64" and not name.startswith(("g3", "p3"))
)
"""EC2 types for Batch's image of Amazon Linux 2023 with NVIDIA's driver. Batch hands out whole GPUs only.

Source: AWS docs batch/latest/APIReference/API_Ec2Configuration.html, API_ResourceRequirement.html
"""

AL2023_NOTEBOOK_TYPES = tuple(
    name for name in NOTEBOOK_TYPES if not name.startswith(("ml.g3", "ml.inf1", "ml.p2", "ml.p3"))
)
"""SageMaker types for notebook instances on Amazon Linux 2023.

Source: AWS docs sagemaker/latest/dg/nbi-al2023.html
"""


NOTEBOOK_PLATFORMS = ("notebook-al2023-v1",)
"""Platforms of notebook instances, oldest first. Those on Amazon Linux 2 neither start nor can be made any more.

Source: AWS docs sagemaker/latest/dg/nbi-al2023.html, nbi-al2.html
"""


def has_local_storage(ml_type: str) -> bool:
    """Whether SageMaker refuses a KMS key for the volume of this type, which the hardware encrypts itself.

    Args:
        ml_type: a SageMaker instance type, such as ml.g5.xlarge.

    Source: AWS docs sagemaker/latest/dg/encryption-at-rest-nbi.html
    """
    return any(fnmatchcase(ml_type, pattern) for pattern in LOCAL_STORAGE_PATTERNS)
