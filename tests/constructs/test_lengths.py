from typing import Any

import pytest

from trainyard.lengths import longest
from trainyard.regions import REGIONS

ROLE_ARN = "arn:aws-us-gov:iam::123456789012:role/" + "r" * 64


@pytest.mark.parametrize(
    ("part", "characters"),
    [
        pytest.param("", 0, id="nothing"),
        pytest.param("arn:aws:s3:::datasets", 21, id="plain text"),
        pytest.param("für", 4, id="bytes of other letters"),
        pytest.param({"Fn::Join": ["", ["arn:", {"Ref": "AWS::AccountId"}, ":x"]]}, 4 + 12 + 2, id="joined"),
        pytest.param({"Fn::Join": ["--", ["a", "b", "c"]]}, 3 + 2 * 2, id="joined by something"),
        pytest.param({"Fn::Join": ["", [{"Fn::Join": [",", ["a", "b"]]}, "c"]]}, 3 + 1, id="joined twice"),
        pytest.param({"Ref": "DatasetsB4A5F5F0"}, 160, id="a reference, to a policy perhaps"),
        pytest.param({"Fn::GetAtt": ["ScratchB4A5F5F0", "LustreMountName"]}, 64, id="an attribute"),
        pytest.param({"Fn::GetAtt": ["ClientsB4A5F5F0", "GroupId"]}, 20, id="the id of a group"),
        pytest.param({"Fn::GetAtt": ["RoleB4A5F5F0", "Arn"]}, 160, id="an ARN"),
        pytest.param(
            {"Fn::ImportValue": "data:ExportsOutputFnGetAttKey961B73FDArn5A860C43"}, 160, id="an imported ARN"
        ),
        pytest.param(
            {"Fn::ImportValue": "network:ExportsOutputFnGetAttClients961B73FDGroupId5A860C43"}, 20, id="an imported id"
        ),
        pytest.param(
            {"Fn::ImportValue": "data:ExportsOutputRefFolders961B73FD5A860C43"}, 160, id="an imported reference"
        ),
        pytest.param({"Fn::ImportValue": "somebody-elses-export"}, 64, id="an export of somebody else's"),
    ],
)
def test_a_text_becomes_no_longer_than(part: Any, characters: int) -> None:
    assert longest(part) == characters


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("AWS::AccountId", "123456789012"), ("AWS::Partition", "aws-us-gov"), ("AWS::Region", max(REGIONS, key=len))],
)
def test_a_pseudo_parameter_counts_as_its_longest_value(parameter: str, value: str) -> None:
    assert longest({"Ref": parameter}) == len(value)


def test_the_id_of_a_group_has_room() -> None:
    assert longest({"Fn::GetAtt": ["Group", "GroupId"]}) >= len("sg-0123456789abcdef0")


def test_the_arn_of_a_role_of_the_longest_name_has_room() -> None:
    assert longest({"Fn::GetAtt": ["Role", "Arn"]}) >= len(ROLE_ARN)


@pytest.mark.parametrize("part", [{"Fn::Sub": "${AWS::Region}"}, {"Fn::Select": [0, ["a"]]}, 7, None, ["a"]])
def test_what_has_no_known_length_is_refused(part: Any) -> None:
    with pytest.raises(ValueError, match="no length is known for it"):
        longest(part)


def test_a_part_without_known_length_is_refused_too() -> None:
    with pytest.raises(ValueError, match=r"Fn::Sub.*: no length is known for it"):
        longest({"Fn::Join": ["", ["a", {"Fn::Sub": "${AWS::Region}"}]]})
