"""Parameters of a template: what is given, what is looked up, what is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local_aws.clients import Clients
from local_aws.cloudformation.stack import Shape
from local_aws.cloudformation.template import Template, invalid

_SSM = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")
HIDDEN = "****"


@dataclass(frozen=True)
class Parameters:
    """The parameters of one deployment.

    Args:
        values: what ``Ref`` gives, by name.
        given: what the caller gave, or the default, by name.
        shown: in the shape of the API; a parameter that must not be echoed is hidden.
    """

    values: dict[str, Any]
    given: dict[str, str]
    shown: list[Shape]


def resolve(template: Template, given: Mapping[str, str], clients: Clients) -> Parameters:
    """Gives every parameter of a template its value.

    Raises:
        AwsError: when one is missing, unknown, not of its type, or outside its constraints.

    Source: AWS docs AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    """
    declared = template.section("Parameters")
    unknown = sorted(given.keys() - declared.keys())
    if unknown:
        raise invalid(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [name for name, each in declared.items() if name not in given and "Default" not in each]
    if missing:
        raise invalid(f"Parameters: [{', '.join(missing)}] must have values")
    values: dict[str, Any] = {}
    texts: dict[str, str] = {}
    shown: list[Shape] = []
    for name, declaration in declared.items():
        text = str(given.get(name, declaration.get("Default")))
        _check(name, text, declaration)
        kind, looked_up = str(declaration["Type"]), text
        if stored := _SSM.fullmatch(kind):
            kind, looked_up = stored[1], _stored(text, clients)
        values[name] = [each.strip() for each in looked_up.split(",")] if _is_list(kind) else looked_up
        texts[name] = text
        entry = {"ParameterKey": name, "ParameterValue": HIDDEN if declaration.get("NoEcho") else text}
        shown.append(entry | ({"ResolvedValue": looked_up} if stored else {}))
    return Parameters(values, texts, shown)


def _is_list(kind: str) -> bool:
    return kind == "CommaDelimitedList" or kind.startswith("List<")


def _stored(path: str, clients: Clients) -> str:
    try:
        return str(clients.client("ssm").get_parameter(Name=path)["Parameter"]["Value"])
    except ClientError:
        raise invalid(f"Unable to fetch parameters [{path}] from parameter store for this account.") from None


def _check(name: str, text: str, declaration: Mapping[str, Any]) -> None:
    def refuse(rule: str) -> None:
        raise invalid(str(declaration.get("ConstraintDescription") or f"Parameter '{name}' must {rule}"))

    allowed = declaration.get("AllowedValues")
    if allowed and text not in map(str, allowed):
        refuse(f"be one of AllowedValues {allowed}")
    pattern = declaration.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, text):
        refuse(f"match pattern {pattern}")
    if len(text) < int(declaration.get("MinLength", 0)):
        refuse(f"contain at least {declaration['MinLength']} characters")
    if "MaxLength" in declaration and len(text) > int(declaration["MaxLength"]):
        refuse(f"contain at most {declaration['MaxLength']} characters")
    if declaration["Type"] == "Number":
        try:
            number = float(text)
        except ValueError:
            refuse("be a number.")
            return
        if "MinValue" in declaration and number < float(declaration["MinValue"]):
            refuse(f"be a number not less than {declaration['MinValue']}")
        if "MaxValue" in declaration and number > float(declaration["MaxValue"]):
            refuse(f"be a number not greater than {declaration['MaxValue']}")
