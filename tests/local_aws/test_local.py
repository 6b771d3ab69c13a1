import os

import boto3
import pytest

from local_aws import LocalAws


def test_every_client_made_meanwhile_talks_to_it() -> None:
    with LocalAws(account="222222222222", region="eu-central-1"):
        boto3.client("sns").create_topic(Name="alerts")
        (topic,) = boto3.client("sns").list_topics()["Topics"]
    assert topic["TopicArn"] == "arn:aws:sns:eu-central-1:222222222222:alerts"


def test_each_one_starts_empty() -> None:
    for _ in range(2):
        with LocalAws() as aws:
            assert aws.client("sagemaker").list_studio_lifecycle_configs()["StudioLifecycleConfigs"] == []
            assert aws.client("sns").list_topics()["Topics"] == []
            aws.client("sns").create_topic(Name="alerts")
            aws.client("sagemaker").create_studio_lifecycle_config(
                StudioLifecycleConfigName="start",
                StudioLifecycleConfigContent="IyEvYmluL2Jhc2g=",
                StudioLifecycleConfigAppType="JupyterLab",
            )


def test_it_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://example.com")
    before = dict(os.environ)
    with LocalAws() as aws:
        assert "AWS_PROFILE" not in os.environ
        assert aws.client("sts").get_caller_identity()["Account"] == "111111111111"
    assert dict(os.environ) == before


def test_an_unknown_clock_is_refused() -> None:
    with pytest.raises(ValueError, match="must be real, fast or virtual"):
        LocalAws(clock="slow")


def test_waits_take_no_time_on_the_virtual_clock() -> None:
    with LocalAws() as aws:
        aws.clock.sleep(24 * 3600)
        assert aws.clock.now() == 24 * 3600


def test_lists_show_later_what_was_made_when_they_are_told_to() -> None:
    with LocalAws(consistency=5) as aws:
        sagemaker = aws.client("sagemaker")
        sagemaker.create_app_image_config(AppImageConfigName="kernel")
        assert sagemaker.describe_app_image_config(AppImageConfigName="kernel")["AppImageConfigName"] == "kernel"
        assert sagemaker.list_app_image_configs()["AppImageConfigs"] == []
        aws.clock.sleep(5)
        assert len(sagemaker.list_app_image_configs()["AppImageConfigs"]) == 1


def test_lists_show_for_a_while_what_is_gone_when_they_are_told_to() -> None:
    with LocalAws(consistency=5) as aws:
        sagemaker = aws.client("sagemaker")
        sagemaker.create_app_image_config(AppImageConfigName="kernel")
        aws.clock.sleep(5)
        sagemaker.delete_app_image_config(AppImageConfigName="kernel")
        aws.clock.sleep(4)
        assert len(sagemaker.list_app_image_configs()["AppImageConfigs"]) == 1
        aws.clock.sleep(1)
        assert sagemaker.list_app_image_configs()["AppImageConfigs"] == []
