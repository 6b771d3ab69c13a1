"""The home of a Studio domain."""

from typing import Any

import pytest

from tests.local_aws.services.conftest import Aws


def test_a_home_is_a_file_system_that_names_its_domain(aws: Aws) -> None:
    domain = _domain(aws)
    (home,) = aws("efs.DescribeFileSystems")["FileSystems"]
    assert home["FileSystemId"] == domain["HomeEfsFileSystemId"]
    assert home["Tags"] == [{"Key": "ManagedByAmazonSageMakerResource", "Value": domain["DomainArn"]}]


def test_a_home_is_mounted_in_each_subnet(aws: Aws) -> None:
    domain = _domain(aws)
    targets = aws("efs.DescribeMountTargets", FileSystemId=domain["HomeEfsFileSystemId"])["MountTargets"]
    assert sorted(each["SubnetId"] for each in targets) == sorted(domain["SubnetIds"])


def test_there_is_no_home_where_it_is_disabled(aws: Aws) -> None:
    assert "HomeEfsFileSystemId" not in _domain(aws, HomeEfsFileSystemCreation="Disabled")
    assert aws("efs.DescribeFileSystems")["FileSystems"] == []


@pytest.mark.parametrize(("policy", "left"), [(None, 1), ("Retain", 1), ("Delete", 0)])
def test_a_home_outlives_its_domain_unless_it_shall_not(aws: Aws, policy: str | None, left: int) -> None:
    domain = _domain(aws)["DomainId"]
    retention: dict[str, Any] = {"RetentionPolicy": {"HomeEfsFileSystem": policy}} if policy else {}
    aws("sagemaker.DeleteDomain", DomainId=domain, **retention)
    aws.wait(120)
    assert aws("sagemaker.ListDomains")["Domains"] == []
    assert len(aws("efs.DescribeFileSystems")["FileSystems"]) == left


def test_its_security_groups_refer_to_each_other_and_stay(aws: Aws) -> None:
    domain = _domain(aws)["DomainId"]
    aws("sagemaker.DeleteDomain", DomainId=domain, RetentionPolicy={"HomeEfsFileSystem": "Delete"})
    aws.wait(120)
    groups = {each["GroupName"]: each for each in aws("ec2.DescribeSecurityGroups")["SecurityGroups"]}
    inbound, outbound = (groups[f"security-group-for-{way}-nfs-{domain}"] for way in ("inbound", "outbound"))
    (rule,) = inbound["IpPermissions"]
    assert [each["GroupId"] for each in rule["UserIdGroupPairs"]] == [outbound["GroupId"]]


def test_an_empty_list_takes_lifecycle_configurations_away(aws: Aws) -> None:
    config = _config(aws)
    domain = _domain(aws, DefaultUserSettings=_settings(LifecycleConfigArns=[config]))["DomainId"]
    aws("sagemaker.UpdateDomain", DomainId=domain, DefaultUserSettings=_settings(LifecycleConfigArns=[]))
    aws("sagemaker.DeleteStudioLifecycleConfig", StudioLifecycleConfigName="start")
    assert aws("sagemaker.ListStudioLifecycleConfigs")["StudioLifecycleConfigs"] == []


def test_the_word_none_takes_the_default_lifecycle_configuration_away(aws: Aws) -> None:
    settings = _settings(DefaultResourceSpec={"LifecycleConfigArn": _config(aws), "InstanceType": "ml.t3.medium"})
    domain = _domain(aws, DefaultUserSettings=settings)["DomainId"]
    without = _settings(DefaultResourceSpec={"LifecycleConfigArn": "None"})
    aws("sagemaker.UpdateDomain", DomainId=domain, DefaultUserSettings=without)
    kept = aws("sagemaker.DescribeDomain", DomainId=domain)["DefaultUserSettings"]["JupyterLabAppSettings"]
    assert kept == {"DefaultResourceSpec": {"InstanceType": "ml.t3.medium"}}


def _domain(aws: Aws, **more: Any) -> Any:
    subnets = aws("ec2.DescribeSubnets")["Subnets"][:2]
    settings = {"DefaultUserSettings": _settings(), **more}
    made = aws(
        "sagemaker.CreateDomain",
        DomainName="studio",
        AuthMode="IAM",
        VpcId=subnets[0]["VpcId"],
        SubnetIds=[each["SubnetId"] for each in subnets],
        **settings,
    )
    aws.wait(300)
    return aws("sagemaker.DescribeDomain", DomainId=made["DomainId"])


def _settings(**settings: Any) -> dict[str, Any]:
    return {"ExecutionRole": "arn:aws:iam::123456789012:role/studio", "JupyterLabAppSettings": settings}


def _config(aws: Aws) -> str:
    made = aws(
        "sagemaker.CreateStudioLifecycleConfig",
        StudioLifecycleConfigName="start",
        StudioLifecycleConfigContent="bHM=",
        StudioLifecycleConfigAppType="JupyterLab",
    )
    return str(made["StudioLifecycleConfigArn"])
