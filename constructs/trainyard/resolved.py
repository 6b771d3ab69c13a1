"""Values without tokens, each token asked of the CDK once: a call to it costs more than a whole policy in Python."""

import json
import re
from typing import Any

from constructs import IConstruct

from trainyard.place import place_of

_TOKEN = re.compile(r"(\$\{Token\[[^]]*]})")
_KNOWN: dict[str, Any] = {}


def resolved(scope: IConstruct, value: Any) -> Any:
    """A value of plain types as it will stand in the template, as far as that is known while the app is being made.

    Args:
        scope: a construct of the stack that the value is for.
        value: texts, lists and mappings; a token in a text is an intrinsic function in what is returned.
    """
    unknown = [each for each in set(_TOKEN.findall(json.dumps(value))) if each not in _KNOWN]
    if unknown:
        _KNOWN.update(zip(unknown, place_of(scope).stack.resolve(unknown), strict=True))
    return _written(value)


def _written(value: Any) -> Any:
    match value:
        case dict():
            return {key: _written(each) for key, each in value.items()}
        case list() | tuple():
            return [_written(each) for each in value]
        case str() if "${Token[" in value:
            parts = [_KNOWN.get(part, part) for part in _TOKEN.split(value) if part]
            return parts[0] if len(parts) == 1 else {"Fn::Join": ["", parts]}
    return value
