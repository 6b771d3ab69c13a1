"""A local AWS for CDK projects: moto, a CloudFormation that makes what it says, and what AWS would refuse."""

from local_aws.local import LocalAws

__all__ = ["LocalAws"]
