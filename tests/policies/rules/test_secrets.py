"""What counts as a secret in a text."""

import pytest

from policies.rules.secrets import secrets


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("AKIAIOSFODNN7EXAMPLE", "AccessKey"),
        ("aws configure set aws_secret_access_key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "SecretKey"),
        ("-----BEGIN RSA PRIVATE KEY-----", "PrivateKey"),
        ("export DB_PASSWORD=hunter2", "Password"),
        ("DB_PASSWORD='p@ssword'", "Password"),
        ('{"password": "hunter2"}', "Password"),
        ("mysql --password=hunter2 --user=admin", "Password"),
        ("HF_TOKEN=hf_abcdefghijklmnopqrst", "Token"),
        ("https://example.com/?token=abcdefghij0123456789", "Token"),
        ("git clone https://user:hunter2@example.com/code", "Address"),
    ],
)
def test_a_secret_is_found(text: str, kind: str) -> None:
    assert list(secrets(text)) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "PASSWORD=$(aws secretsmanager get-secret-value --secret-id database)",
        'PASSWORD="$(cat /run/secrets/password)"',
        'password=""',
        "password = getpass()",
        "connect(user=user, password=password)",
        "docker login --password-stdin registry",
        "TOKEN=$(curl -X PUT http://169.254.169.254/latest/api/token)",
        "TOKENIZERS_PARALLELISM=false",
        "MAX_TOKENS=1000000000000000000",
        'eos_token = "<|endoftext|>"',
        "DB_SECRET=trainyard/team-vision/database",
        "git clone https://example.com/code",
    ],
)
def test_what_only_looks_like_a_secret_is_none(text: str) -> None:
    assert list(secrets(text)) == []


def test_what_only_a_deployment_knows_is_no_secret() -> None:
    assert list(secrets({"Fn::Join": ["", ["PASSWORD=", {"Ref": "Password"}]]})) == []


def test_a_secret_beside_what_only_a_deployment_knows_is_found() -> None:
    assert list(secrets({"Fn::Join": ["", ["FOLDER=", {"Ref": "Bucket"}, "\nPASSWORD=hunter2"]]})) == ["Password"]
