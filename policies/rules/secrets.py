"""Secrets that stand in the text of a template."""

import re
from collections.abc import Iterator
from typing import Any

from policies.rules.template import text


def _assigned(names: str, value: str) -> str:
    """A pattern of an assignment to such a name, of a value in quotes or as a shell takes it.

    A name of a variable or a call is no value.
    """
    return rf"""(?im)(?:^|[\s;&?"'{{,])[\w-]*(?:{names})["']?(?:\s*[=:]\s*(["']){value}\1|={value}(?=[\s;&]|$))"""


KINDS = {
    "AccessKey": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "SecretKey": r"""(?i)aws_secret_access_key["'\s:=]+[a-z0-9/+]{40}(?![a-z0-9/+])""",
    "PrivateKey": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "Password": _assigned("password|passwd", r"""[^\s"'`$<>(){},;]{3,}"""),
    # Names of secrets and tokens of a tokenizer are shorter, or have a slash in them.
    "Token": _assigned("token|secret|api_?key", r"[\w.=+-]{16,}"),
    "Address": r"://[^/\s:@$]+:[^/\s@$]+@",
}
"""Kind of secret to what it looks like."""


def secrets(value: Any) -> Iterator[str]:
    """The kinds of secrets in a text; what only a deployment knows is none."""
    written = text(value)
    yield from (kind for kind, pattern in KINDS.items() if re.search(pattern, written))
