"""The language of the tables."""

import base64
import io
import json
import zipfile
from typing import Any

import pytest
from jmespath.exceptions import ParseError  # type: ignore[import-untyped]

from local_aws.resource_types.expressions import filled, found, roots


def test_a_template_is_filled_at_every_depth() -> None:
    template = {"A": "a", "B": [{"C": "b.c"}], "D": 5, "E": True, "F": "'text'"}
    expected = {"A": 1, "B": [{"C": 2}], "D": 5, "E": True, "F": "text"}
    assert filled(template, {"a": 1, "b": {"c": 2}}) == expected


def test_what_is_not_found_is_left_out() -> None:
    assert filled({"A": "a", "B": "b"}, {"a": 1}) == {"A": 1}


def test_an_object_of_which_nothing_is_found_is_left_out() -> None:
    assert filled({"A": {"B": "b", "C": [{"D": "d"}]}}, {}) is None


def test_what_is_empty_itself_stays() -> None:
    assert filled({"A": "a", "B": "b"}, {"a": [], "b": {}}) == {"A": [], "B": {}}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("Tags[].Key", {"Tags"}),
        ("join(':', [region, account])", {"region", "account"}),
        ("a.b || !c && d == 'e'", {"a", "c", "d"}),
        ("where(answer.Items, 'Id', id)[0].Name", {"answer", "id"}),
        ({"A": ["x", {"B": "y.z"}], "C": 5}, {"x", "y"}),
        ("{A: a, B: b.c}", {"a", "b"}),
        ("items[?name].value", {"items"}),
    ],
)
def test_the_roots_are_what_an_expression_takes_from_the_scope(template: object, expected: set[str]) -> None:
    assert roots(template) == expected


def test_an_expression_that_is_none_is_an_error() -> None:
    with pytest.raises(ParseError):
        roots("a[")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("where(items, 'Id', wanted)", [{"Id": 2}]),
        ("where(items, 'Id', nothing)", []),
        ("where(nothing, 'Id', wanted)", []),
        ("missing(`[1, 2, 3]`, `[2]`)", [1, 3]),
        ("missing(`[1]`, nothing)", [1]),
        ("missing(nothing, `[1]`)", []),
        ('json(`{"a": 1}`)', '{"a": 1}'),
        ("json('{}')", "{}"),
        ("json(nothing)", None),
        ("parsed('{\"a\": 1}').a", 1),
        ("parsed(nothing)", None),
        ("part('a:b:c', ':', `-1`)", "c"),
        ("part(nothing, ':', `-1`)", None),
        ("kebab('BucketOwnerFullControl')", "bucket-owner-full-control"),
        ("kebab(nothing)", None),
        ("decoded('YQ==')", "a"),
        ("decoded(nothing)", None),
        ("zip(nothing, nothing)", None),
        ("password(nothing)", None),
    ],
)
def test_functions(expression: str, expected: object) -> None:
    assert found(expression, {"items": [{"Id": 1}, {"Id": 2}], "wanted": 2}) == expected


RULES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "CidrIp": "10.0.0.0/8", "Description": "a"},
        {
            "IpProtocol": "tcp",
            "FromPort": 1,
            "ToPort": 2,
            "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "a"}],
        },
    ),
    ({"IpProtocol": "-1", "CidrIpv6": "::/0"}, {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}),
    (
        {"IpProtocol": "-1", "SourceSecurityGroupId": "sg-1", "Description": "a"},
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1", "Description": "a"}]},
    ),
    (
        {"IpProtocol": "-1", "SourcePrefixListId": "pl-1"},
        {"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": "pl-1"}]},
    ),
]


@pytest.mark.parametrize(("rule", "permission"), RULES)
def test_rules_become_permissions(rule: dict[str, Any], permission: dict[str, Any]) -> None:
    assert found("permissions(rules, 'Source')", {"rules": [rule]}) == [permission]


@pytest.mark.parametrize(("runtime", "name"), [("python3.12", "index.py"), ("nodejs22.x", "index.js")])
def test_inline_code_is_the_index_of_an_archive(runtime: str, name: str) -> None:
    archive = zipfile.ZipFile(io.BytesIO(found("zip('code', runtime)", {"runtime": runtime})))
    assert {each: archive.read(each) for each in archive.namelist()} == {name: b"code"}


def test_a_password_has_the_length_and_letters_that_are_asked_for() -> None:
    wanted = {"PasswordLength": 50, "ExcludePunctuation": True, "ExcludeUppercase": True, "ExcludeCharacters": "abc"}
    made = found("password(wanted)", {"wanted": wanted})
    assert len(made) == 50
    assert set(made) <= set("defghijklmnopqrstuvwxyz0123456789")


def test_a_password_goes_into_its_template() -> None:
    made = found("password(w)", {"w": {"SecretStringTemplate": '{"user": "a"}', "GenerateStringKey": "password"}})
    assert json.loads(made).keys() == {"user", "password"}


def test_texts_that_are_decoded_need_not_be_ascii() -> None:
    assert found("decoded(text)", {"text": base64.b64encode("ü".encode()).decode()}) == "ü"
