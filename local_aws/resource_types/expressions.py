"""The small language of the tables: JMESPath over what is known of a resource, with a few functions of ours.

A text in a parameter of a call is an expression; an object or a list holds more of them; numbers and booleans are
themselves. What an expression does not find is left out of the call.
"""

import base64
import io
import json
import re
import secrets
import string
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from local_aws.expressions import Functions, compiled, searching, takes

Scope = Mapping[str, Any]


class _Functions(Functions):
    """What the tables need and JMESPath lacks."""

    @takes(["array", "null"], ["string"], [])
    def _func_where(self, items: list[Any] | None, key: str, value: Any) -> list[Any]:
        """The items whose key has that value (a JMESPath filter cannot see the scope)."""
        return [each for each in items or () if value is not None and each.get(key) == value]

    @takes([])
    def _func_json(self, value: Any) -> str | None:
        """The JSON of a value; a text is JSON already."""
        return value if value is None or isinstance(value, str) else json.dumps(value)

    @takes(["string", "null"])
    def _func_parsed(self, text: str | None) -> Any:
        """The value of a JSON text."""
        return None if text is None else json.loads(text)

    @takes(["string", "null"], ["string"], ["number"])
    def _func_part(self, text: str | None, separator: str, index: int) -> str | None:
        """One part of a text such as an ARN."""
        return None if text is None else text.split(separator)[index]

    @takes(["array", "null"], ["string"])
    def _func_permissions(self, rules: list[dict[str, Any]] | None, peer: str) -> list[dict[str, Any]]:
        """Rules of a security group in the shape of EC2's ``IpPermission``."""
        return [_permission(rule, peer) for rule in rules or ()]

    @takes(["string", "null"], ["string", "null"])
    def _func_zip(self, code: str | None, runtime: str | None) -> bytes | None:
        """The archive that CloudFormation makes of a function's inline code."""
        return (
            None if code is None else _archive(f"index.{'py' if (runtime or '').startswith('python') else 'js'}", code)
        )

    @takes(["string", "null"])
    def _func_decoded(self, text: str | None) -> str | None:
        """The text that a Base64 text stands for (boto3 encodes it again)."""
        return None if text is None else base64.b64decode(text).decode()

    @takes(["object", "null"])
    def _func_password(self, wanted: dict[str, Any] | None) -> str | None:
        """The secret that ``GenerateSecretString`` asks for."""
        return None if wanted is None else _password(wanted)

    @takes(["string", "null"])
    def _func_kebab(self, name: str | None) -> str | None:
        """``bucket-owner-full-control`` from ``BucketOwnerFullControl``."""
        return None if name is None else re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


_search = searching(_Functions)


def found(expression: str, scope: Scope) -> Any:
    """What an expression finds.

    Raises:
        jmespath.exceptions.JMESPathError: when it cannot be applied.
    """
    return _search(expression, scope)


def filled(template: Any, scope: Scope) -> Any:
    """The value that a template of a parameter stands for; None when all of it is left out."""
    if isinstance(template, str):
        return _pruned(found(template, scope))
    if isinstance(template, dict):
        return _pruned({key: filled(each, scope) for key, each in template.items()})
    if isinstance(template, list):
        return _pruned([filled(each, scope) for each in template])
    return template


def roots(template: Any) -> frozenset[str]:
    """The names of the scope that a template starts from.

    Raises:
        jmespath.exceptions.ParseError: when an expression is none.
    """
    if isinstance(template, str):
        return frozenset(_roots(compiled(template).parsed))
    if isinstance(template, dict):
        return frozenset().union(*(roots(each) for each in template.values()))
    if isinstance(template, list):
        return frozenset().union(*(roots(each) for each in template))
    return frozenset()


_CHAINS = {
    "subexpression",
    "index_expression",
    "projection",
    "value_projection",
    "filter_projection",
    "pipe",
    "flatten",
}
"""Nodes whose later parts look at what the first part found."""


def _roots(node: dict[str, Any]) -> Iterator[str]:
    if node["type"] == "field":
        yield node["value"]
        return
    children = node.get("children") or []
    for child in children[:1] if node["type"] in _CHAINS else children:
        if isinstance(child, dict):
            yield from _roots(child)


def _pruned(value: Any) -> Any:
    """The value without what is null; null when nothing else was in it."""
    if isinstance(value, dict):
        kept = {key: each for key, each in ((key, _pruned(each)) for key, each in value.items()) if each is not None}
        return kept if kept or not value else None
    if isinstance(value, list):
        items = [each for each in map(_pruned, value) if each is not None]
        return items if items or not value else None
    return value


def _permission(rule: dict[str, Any], peer: str) -> dict[str, Any]:
    described = {"Description": rule["Description"]} if "Description" in rule else {}
    made: dict[str, Any] = {key: rule[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in rule}
    group = {
        name: rule[key]
        for name, key in (
            ("GroupId", f"{peer}SecurityGroupId"),
            ("GroupName", f"{peer}SecurityGroupName"),
            ("UserId", f"{peer}SecurityGroupOwnerId"),
        )
        if key in rule
    }
    for name, address, key in (
        ("IpRanges", "CidrIp", "CidrIp"),
        ("Ipv6Ranges", "CidrIpv6", "CidrIpv6"),
        ("PrefixListIds", "PrefixListId", f"{peer}PrefixListId"),
    ):
        if key in rule:
            made[name] = [{address: rule[key], **described}]
    if group:
        made["UserIdGroupPairs"] = [{**group, **described}]
    return made


def _password(wanted: Mapping[str, Any]) -> str:
    kinds = {
        "Lowercase": string.ascii_lowercase,
        "Uppercase": string.ascii_uppercase,
        "Numbers": string.digits,
        "Punctuation": string.punctuation,
    }
    letters = "".join(each for name, each in kinds.items() if not wanted.get(f"Exclude{name}"))
    letters = "".join(each for each in letters if each not in wanted.get("ExcludeCharacters", ""))
    letters += " " if wanted.get("IncludeSpace") else ""
    made = "".join(secrets.choice(letters) for _ in range(int(wanted.get("PasswordLength", 32))))
    if "SecretStringTemplate" not in wanted:
        return made
    return json.dumps({**json.loads(wanted["SecretStringTemplate"]), wanted["GenerateStringKey"]: made})


def _archive(name: str, code: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        # A fixed time: the same code gives the same archive.
        archive.writestr(zipfile.ZipInfo(name), code)
    return made.getvalue()
