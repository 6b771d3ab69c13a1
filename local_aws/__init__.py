"""A local AWS for CDK projects: moto, a CloudFormation that makes what it says, and what AWS would refuse."""
