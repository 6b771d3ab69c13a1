"""Facts about AWS regions that synth needs and does not look up."""

REGIONS = (
    *("af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3"),
    *("ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4"),
    *("ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1"),
    *("eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3"),
    *("il-central-1", "me-central-1", "me-south-1", "mx-central-1", "sa-east-1"),
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
)
"""The regions of the partition ``aws`` that have SageMaker; a test holds them against botocore's list."""

S3_PREFIX_LISTS = {
    "ap-northeast-1": "pl-61a54008",
    "ap-northeast-2": "pl-78a54011",
    "ap-northeast-3": "pl-a4a540cd",
    "ap-south-1": "pl-78a54011",
    "ap-southeast-1": "pl-6fa54006",
    "ap-southeast-2": "pl-6ca54005",
    "ca-central-1": "pl-7da54014",
    "eu-central-1": "pl-6ea54007",
    "eu-north-1": "pl-c3aa4faa",
    "eu-west-1": "pl-6da54004",
    "eu-west-2": "pl-7ca54015",
    "eu-west-3": "pl-23ad484a",
    "sa-east-1": "pl-6aa54003",
    "us-east-1": "pl-63a5400a",
    "us-east-2": "pl-7ba54012",
    "us-west-1": "pl-6ba54002",
    "us-west-2": "pl-68a54001",
}
"""AWS's prefix list of S3, where at least two independent public listings agree on its id.

Source: published outputs of ``aws ec2 describe-prefix-lists``, and the maps in troposphere and in AWS's MDAA samples,
read 2026-11.

An id means one service in one region and another in the next (pl-78a54011 is S3 in Mumbai and DynamoDB in Tokyo), so
a region that is not here has no default: its environment file gives the id. docs/live-checks.md has the command that
proves one.
"""

ENDPOINT_HOUR_USD = {
    "ap-northeast-1": 0.014,
    "eu-central-1": 0.012,
    "eu-west-1": 0.011,
    "us-east-1": 0.01,
    "us-west-2": 0.01,
}
"""Price of an interface endpoint in one zone for an hour, without traffic, in 2026-11.

Source: https://aws.amazon.com/privatelink/pricing/, as public extracts of AWS's price list of 2026-09 and 2026-10 give
it; that of eu-west-1 is worked out from a published bill.
"""
