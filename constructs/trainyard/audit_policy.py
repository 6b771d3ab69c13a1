"""What an auditor may do: see every setting, and ask IAM what a role may; no data, and no change."""

from constructs import Construct

from trainyard.managed_policy import ManagedPolicy, Statement

SEE = (
    *("batch:DescribeComputeEnvironments", "batch:DescribeJobDefinitions", "batch:DescribeJobQueues"),
    *("batch:DescribeSchedulingPolicies", "batch:ListJobs"),
    *("budgets:ViewBudget", "cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents"),
    *("cloudformation:DescribeStackResources", "cloudformation:GetTemplate", "cloudformation:ListExports"),
    *("cloudformation:ListStackResources", "cloudformation:ListStacks", "cloudtrail:LookupEvents"),
    *("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics"),
    *("ec2:DescribeFlowLogs", "ec2:DescribeLaunchTemplateVersions", "ec2:DescribeLaunchTemplates"),
    *("ec2:DescribeNetworkInterfaces", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroupRules"),
    *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs"),
    *("ecr:DescribeImageScanFindings", "ecr:DescribeImages", "ecr:DescribeRepositories"),
    *("ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy"),
    *("fsx:DescribeDataRepositoryAssociations", "fsx:DescribeFileSystems"),
    *("iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListPolicies"),
    *("iam:ListPolicyVersions", "iam:ListRolePolicies", "iam:ListRoleTags", "iam:ListRoles"),
    *("iam:GetContextKeysForPrincipalPolicy", "iam:SimulatePrincipalPolicy"),
    *("kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases", "kms:ListGrants"),
    *("kms:ListKeys", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:DescribeResourcePolicies"),
    *("route53resolver:GetFirewallRuleGroup", "route53resolver:ListFirewallRules"),
    *("route53resolver:ListFirewallRuleGroupAssociations",),
    *("s3:GetBucketAcl", "s3:GetBucketLogging", "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy"),
    *("s3:GetBucketPublicAccessBlock", "s3:GetBucketTagging", "s3:GetBucketVersioning"),
    *("s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration", "s3:ListAllMyBuckets"),
    *("sagemaker:DescribeApp", "sagemaker:DescribeDomain", "sagemaker:DescribeEndpoint"),
    *("sagemaker:DescribeEndpointConfig", "sagemaker:DescribeHyperParameterTuningJob", "sagemaker:DescribeModel"),
    *("sagemaker:DescribeModelPackage", "sagemaker:DescribeModelPackageGroup", "sagemaker:DescribeNotebookInstance"),
    *("sagemaker:DescribeNotebookInstanceLifecycleConfig", "sagemaker:DescribePipeline"),
    *("sagemaker:DescribePipelineExecution", "sagemaker:DescribeProcessingJob", "sagemaker:DescribeSpace"),
    *("sagemaker:DescribeStudioLifecycleConfig", "sagemaker:DescribeTrainingJob", "sagemaker:DescribeTransformJob"),
    *("sagemaker:DescribeUserProfile", "sagemaker:ListApps", "sagemaker:ListDomains", "sagemaker:ListEndpoints"),
    *("sagemaker:ListEndpointConfigs", "sagemaker:ListHyperParameterTuningJobs", "sagemaker:ListModels"),
    *("sagemaker:ListModelPackageGroups", "sagemaker:ListModelPackages", "sagemaker:ListNotebookInstances"),
    *("sagemaker:ListNotebookInstanceLifecycleConfigs", "sagemaker:ListPipelines", "sagemaker:ListProcessingJobs"),
    *("sagemaker:ListSpaces", "sagemaker:ListStudioLifecycleConfigs", "sagemaker:ListTags"),
    *("sagemaker:ListTrainingJobs", "sagemaker:ListTransformJobs", "sagemaker:ListUserProfiles"),
    *("sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTopics"),
)


class AuditPolicy(ManagedPolicy):
    """Every setting of the platform and the events about it, by actions that change nothing and return no data.

    Source: AWS docs IAM/latest/UserGuide/access_policies_testing-policies.html (the simulator)
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(
            scope,
            construct_id,
            statements=[
                Statement(
                    "SeeEverySetting",
                    SEE,
                    wildcards="An auditor looks for what should not be there, which nobody can name beforehand",
                )
            ],
        )
