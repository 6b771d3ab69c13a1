"""A local AWS for CDK projects."""
