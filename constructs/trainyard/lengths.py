"""How long a text can become whose parts are known only once it is deployed."""

import re
from typing import Any

LONGEST = {"GroupId": 20, "Arn": 160, "AWS::AccountId": 12, "AWS::Partition": 10, "AWS::Region": 14}
"""Characters, by attribute or pseudo parameter. A name or an id has at most 64."""
NAME = 64


MAX_POLICY = 6144
"""Characters of one managed policy (AWS docs IAM/latest/UserGuide/reference_iam-quotas.html)."""

MAX_TRUST_POLICY = 2048
"""Characters of who may take on a role, as long as nobody had the quota raised (same page)."""

MAX_POLICIES = 10
"""Managed policies of one role, as long as nobody had the quota raised (same page)."""


def longest(part: Any) -> int:
    """Bytes of plain text, or of the longest text that a resolved intrinsic function can become.

    Raises:
        ValueError: for a function whose length is not known.
    """
    match part:
        case str():
            return len(part.encode())
        case {"Fn::Join": [separator, parts]}:
            return sum(longest(each) for each in parts) + len(separator) * (len(parts) - 1)
        case {"Ref": name}:
            # The name of a resource, or the ARN if it is a policy or a topic.
            return LONGEST.get(name, LONGEST["Arn"])
        case {"Fn::GetAtt": [_, attribute]}:
            return LONGEST.get(attribute, NAME)
        case {"Fn::ImportValue": name}:
            # The CDK calls an export after what it exports, with eight hexadecimal digits at the end.
            attribute = re.search(r"FnGetAtt\w+?(Arn|GroupId)[0-9A-F]{8}$", str(name))
            reference = re.search(r"OutputRef\w+[0-9A-F]{8}$", str(name))
            return LONGEST[attribute[1]] if attribute else LONGEST["Arn"] if reference else NAME
    raise ValueError(f"{part}: no length is known for it")


def characters(value: Any) -> int:
    """The length of a resolved policy document as IAM counts it, with what is not known yet at its longest."""
    match value:
        case {"Fn::Join": _} | {"Ref": _} | {"Fn::GetAtt": _} | {"Fn::ImportValue": _}:
            return longest(value) + 2
        case dict():
            return sum(characters(key) + characters(each) + 2 for key, each in value.items()) + 1
        case list():
            return sum(characters(each) + 1 for each in value) + 1
    return len(str(value)) + 2
