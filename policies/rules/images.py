"""Container images as templates name them."""

import re
from collections.abc import Collection, Iterator
from typing import Any

from policies.rules.template import text

ECR = re.compile(r"(?P<account>[^./]+)\.dkr[.-]ecr(?:-fips)?\.[^/]+/")
"""Source: AWS docs AmazonECR/latest/userguide/Registries.html"""
UNKNOWN = "?"


def faults(image: Any, accounts: Collection[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with an image, as detail and sentence.

    It must lie in ECR, in the stack's own account or one of ``accounts``, and be named by its digest or by a tag other
    than ``latest``, which moves. What only a deployment knows is right.
    """
    name = re.sub(r"\$\{[^}]*\}", UNKNOWN, text(image))
    registry = ECR.match(name)
    if not registry and not name.startswith(UNKNOWN):
        yield "Registry", f"{name} does not lie in a private repository of ECR"
    if registry and registry["account"] not in (UNKNOWN, *accounts):
        yield "Account", f"{name} lies in account {registry['account']}, whose images may not run here"
    repository, _, tag = name.rpartition("/")[2].partition(":")
    if "@" not in repository and (tag == "latest" or not (tag or repository.endswith(UNKNOWN))):
        yield "Tag", f"{name} must be named by its digest, or by a tag that does not move"
