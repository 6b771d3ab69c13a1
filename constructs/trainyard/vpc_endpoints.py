"""The VPC endpoints of the features that are on, each with a policy of its own."""

from collections.abc import Collection, Sequence

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from trainyard.endpoint_services import (
    INTERFACE_SERVICES,
    S3,
    EndpointService,
    Feature,
    aws_buckets,
    interface_needs,
)


class VpcEndpoints(Construct):
    """Interface endpoints as the features need them, and the gateway endpoint of S3.

    Each policy admits principals of this account to resources of this account. What belongs to AWS, or to an account
    whose images are trusted, is named one by one. The two endpoints of the ECS agent take no policy.

    Args:
        vpc_id: the VPC.
        subnet_ids: one subnet per zone, the first zone first.
        route_table_ids: route tables that get the route to S3; none when they have one already.
        features: the features that are on.
        one_zone: whether endpoints stand in the first zone alone, where the service allows it.
        existing: keys of services whose endpoints the VPC has already; they are left out.
        image_accounts: further accounts whose container images may be pulled.
        security_group: the group of the interface endpoints.

    Source: AWS docs vpc/latest/privatelink/vpc-endpoints-access.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        vpc_id: str,
        subnet_ids: Sequence[str],
        route_table_ids: Sequence[str],
        features: Collection[Feature],
        one_zone: bool,
        existing: Collection[str] = (),
        image_accounts: Sequence[str] = (),
        security_group: ec2.ISecurityGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self._features = features
        self._image_accounts = image_accounts
        self._region = Stack.of(self).region

        if route_table_ids:
            self._add_s3(vpc_id, route_table_ids)
        for key in interface_needs(features, self._region):
            if key not in existing:
                zones = 1 if one_zone and not INTERFACE_SERVICES[key].every_zone else len(subnet_ids)
                self._add_interface(key, vpc_id, subnet_ids[:zones], security_group)

    def _add_s3(self, vpc_id: str, route_table_ids: Sequence[str]) -> None:
        ec2.CfnVPCEndpoint(
            self,
            S3,
            vpc_endpoint_type="Gateway",
            service_name=f"com.amazonaws.{self._region}.{S3}",
            vpc_id=vpc_id,
            route_table_ids=list(dict.fromkeys(route_table_ids)),
            policy_document=iam.PolicyDocument(statements=[self._own("s3:*"), *self._buckets_of_aws()]),
        )

    def _add_interface(
        self, key: str, vpc_id: str, subnet_ids: Sequence[str], security_group: ec2.ISecurityGroup
    ) -> None:
        service = INTERFACE_SERVICES[key]
        ec2.CfnVPCEndpoint(
            self,
            key,
            vpc_endpoint_type="Interface",
            service_name=service.name.format(region=self._region),
            vpc_id=vpc_id,
            subnet_ids=list(subnet_ids),
            security_group_ids=[security_group.security_group_id],
            private_dns_enabled=True,
            policy_document=self._policy(service) if service.takes_policy else None,
        )

    def _policy(self, service: EndpointService) -> iam.PolicyDocument:
        statements = [self._own(*service.actions)] if service.signed else [self._pages(*service.actions)]
        if "ecr:*" in service.actions and self._image_accounts:
            statements.append(self._images())
        return iam.PolicyDocument(statements=statements)

    def _own(self, *actions: str) -> iam.PolicyStatement:
        account = Stack.of(self).account
        return iam.PolicyStatement(
            sid="OwnPrincipalsToOwnResources",
            principals=[iam.AnyPrincipal()],
            actions=list(actions),
            resources=["*"],
            conditions={"StringEquals": {"aws:PrincipalAccount": account, "aws:ResourceAccount": account}},
        )

    def _pages(self, *actions: str) -> iam.PolicyStatement:
        """Like ``_own``, by the account in the resource's name, since the requests name no principal.

        Source: AWS docs sagemaker/latest/dg/studio-interface-endpoint.html
        """
        return iam.PolicyStatement(
            sid="PagesOfOwnResources",
            principals=[iam.AnyPrincipal()],
            actions=list(actions),
            resources=[Stack.of(self).format_arn(service="sagemaker", resource="*")],
        )

    def _buckets_of_aws(self) -> list[iam.PolicyStatement]:
        buckets = [
            f"arn:{Stack.of(self).partition}:s3:::{bucket.name.format(region=self._region)}"
            for bucket in aws_buckets(self._features)
        ]
        if not buckets:
            return []
        return [
            # No condition on the principal: AWS signs some of these requests itself, and others are not signed at all.
            iam.PolicyStatement(
                sid="BucketsOfAws",
                principals=[iam.AnyPrincipal()],
                actions=["s3:GetObject", "s3:ListBucket"],
                resources=[arn for bucket in buckets for arn in (bucket, f"{bucket}/*")],
            )
        ]

    def _images(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            sid="ImagesOfTrustedAccounts",
            principals=[iam.AnyPrincipal()],
            actions=["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            resources=["*"],
            conditions={
                "StringEquals": {
                    "aws:PrincipalAccount": Stack.of(self).account,
                    "aws:ResourceAccount": list(self._image_accounts),
                }
            },
        )
