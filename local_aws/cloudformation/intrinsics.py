"""CloudFormation's intrinsic functions, conditions and dynamic references."""

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from local_aws.cloudformation.template import Template, invalid

NO_VALUE = object()
"""What ``AWS::NoValue`` is: whatever holds it is left out."""

_VARIABLE = re.compile(r"\$\{([^}]+)\}")
_DYNAMIC = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):([^}]+)\}\}")


class Surroundings(Protocol):
    """What a template refers to and does not say itself."""

    def ref(self, name: str) -> Any:
        """The value of a parameter or pseudo parameter, or the physical id of a resource."""

    def attribute(self, logical_id: str, name: str) -> Any:
        """An attribute of a resource."""

    def import_value(self, name: str) -> str:
        """The value of another stack's export."""

    def zones(self, region: str) -> list[str]:
        """The availability zones of a region; an empty name is the stack's own."""

    def dynamic(self, service: str, reference: str) -> str:
        """The value of a dynamic reference: ``ssm``, ``ssm-secure`` or ``secretsmanager``, and what follows it."""


class Intrinsics:
    """Evaluates parts of one template.

    Args:
        template: the template.
        surroundings: what its functions ask for.

    Source: AWS docs AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
    """

    def __init__(self, template: Template, surroundings: Surroundings) -> None:
        self._template = template
        self._surroundings = surroundings
        self._conditions: dict[str, bool] = {}
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Fn::Base64": lambda text: base64.b64encode(str(self.value(text)).encode()).decode(),
            "Fn::Cidr": self._cidr,
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_att,
            "Fn::GetAZs": lambda region: surroundings.zones(self.value(region)),
            "Fn::If": self._if,
            "Fn::ImportValue": lambda name: surroundings.import_value(str(self.value(name))),
            "Fn::Join": self._join,
            "Fn::Length": lambda items: len(self.value(items)),
            "Fn::Select": self._select,
            "Fn::Split": lambda of: str(self.value(of[1])).split(str(self.value(of[0]))),
            "Fn::Sub": self._sub,
            "Fn::ToJsonString": lambda what: json.dumps(self.value(what), separators=(",", ":")),
            "Ref": surroundings.ref,
            # Of conditions and rules.
            "Condition": self.condition,
            "Fn::And": lambda all_of: all(self._true(each) for each in all_of),
            "Fn::Contains": lambda of: self.value(of[1]) in self.value(of[0]),
            "Fn::EachMemberEquals": lambda of: all(each == self.value(of[1]) for each in self.value(of[0])),
            "Fn::EachMemberIn": lambda of: set(self.value(of[0])) <= set(self.value(of[1])),
            "Fn::Equals": lambda of: _same(self.value(of[0]), self.value(of[1])),
            "Fn::Not": lambda of: not self._true(of[0]),
            "Fn::Or": lambda any_of: any(self._true(each) for each in any_of),
        }

    def value(self, part: Any) -> Any:
        """What a part of the template becomes.

        Raises:
            AwsError: when a function is unknown or its arguments lead nowhere.
        """
        match part:
            case str():
                return _DYNAMIC.sub(lambda found: self._surroundings.dynamic(found[1], found[2]), part)
            case list():
                return [each for each in map(self.value, part) if each is not NO_VALUE]
            case {"Ref": str(name), **others} if not others:
                return self._call("Ref", name)
            case {"Condition": str(name), **others} if not others:
                return self._call("Condition", name)
            case dict() if len(part) == 1 and next(iter(part)).startswith("Fn::"):
                ((name, argument),) = part.items()
                return self._call(name, argument)
            case dict():
                values = ((key, self.value(each)) for key, each in part.items())
                return {key: each for key, each in values if each is not NO_VALUE}
        return part

    def condition(self, name: str) -> bool:
        """Whether a named condition of the template holds.

        Raises:
            AwsError: when there is none of that name.
        """
        if name not in self._conditions:
            conditions = self._template.section("Conditions")
            if name not in conditions:
                raise invalid(f"Template error: condition {name} is not defined")
            self._conditions[name] = self._true(conditions[name])
        return self._conditions[name]

    def _call(self, name: str, argument: Any) -> Any:
        function = self._functions.get(name)
        if not function:
            raise invalid(f"Template error: {name} is not a function that is emulated")
        try:
            return function(argument)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise invalid(f"Template error: {name} {json.dumps(argument, default=str)}: {error!r}") from None

    def _true(self, part: Any) -> bool:
        value = self.value(part)
        return value is True or value == "true"

    def _get_att(self, target: Any) -> Any:
        logical_id, attribute = target if isinstance(target, list) else target.split(".", 1)
        return self._surroundings.attribute(logical_id, str(self.value(attribute)))

    def _join(self, argument: Any) -> str:
        separator, parts = self.value(argument)
        if not isinstance(parts, list):
            raise TypeError(f"{parts} is no list")
        return str(separator).join(map(_text, parts))

    def _select(self, argument: Any) -> Any:
        index, items = self.value(argument[0]), self.value(argument[1])
        if not 0 <= int(index) < len(items):
            raise invalid(f"Template error: Fn::Select cannot select nonexistent value at index {index}")
        return items[int(index)]

    def _if(self, argument: Any) -> Any:
        name, then, otherwise = argument
        return self.value(then if self.condition(name) else otherwise)

    def _find_in_map(self, argument: Any) -> Any:
        name, top, second, *options = argument
        mapping = self._template.section("Mappings").get(self.value(name), {})
        found = mapping.get(str(self.value(top)), {}).get(str(self.value(second)))
        if found is not None:
            return found
        if options:
            return self.value(options[0]["DefaultValue"])
        raise invalid(f"Template error: Unable to get mapping for {self.value(name)}::{top}::{second}")

    def _cidr(self, argument: Any) -> list[str]:
        block, count, *bits = self.value(argument)
        network = ipaddress.ip_network(block)
        prefix = network.max_prefixlen - int(bits[0] if bits else 8)
        subnets = network.subnets(new_prefix=prefix)
        return [str(next(subnets)) for _ in range(int(count))]

    def _sub(self, argument: Any) -> str:
        text, variables = argument if isinstance(argument, list) else (argument, {})

        def one(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in variables:
                return _text(self.value(variables[name]))
            return _text(self._get_att(name) if "." in name else self._surroundings.ref(name))

        return str(self.value(_VARIABLE.sub(one, text)))


def outputs(template: Template, intrinsics: Intrinsics) -> list[dict[str, Any]]:
    """The outputs whose conditions hold, in the shape of the API.

    Raises:
        AwsError: when one refers to what is not there.
    """
    found = []
    for key, output in template.section("Outputs").items():
        if "Condition" in output and not intrinsics.condition(output["Condition"]):
            continue
        entry = {"OutputKey": key, "OutputValue": _text(intrinsics.value(output["Value"]))}
        if "Description" in output:
            entry["Description"] = output["Description"]
        if "Export" in output:
            entry["ExportName"] = _text(intrinsics.value(output["Export"]["Name"]))
        found.append(entry)
    return found


def assert_rules(template: Template, intrinsics: Intrinsics) -> None:
    """Checks the template's rules.

    Raises:
        AwsError: for an assertion that does not hold.

    Source: AWS docs AWSCloudFormation/latest/UserGuide/rules-section-structure.html
    """
    for rule in template.section("Rules").values():
        if "RuleCondition" in rule and not intrinsics.value(rule["RuleCondition"]):
            continue
        for assertion in rule["Assertions"]:
            if not intrinsics.value(assertion["Assert"]):
                raise invalid(f"Template error: {assertion.get('AssertDescription', 'a rule does not hold')}")


def _same(one: Any, other: Any) -> bool:
    return _text(one) == _text(other)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping | list):
        raise TypeError(f"{value} is no text")
    return str(value)
