"""Instance types of an environment that its region or zone does not offer: warnings, which stop nothing.

They follow a copy of EC2's offerings. It ages, it is not SageMaker's list, and it knows some zones by the letters of
another account; so it warns of what is likely wrong, and its silence proves nothing.
"""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from environments.batch import PoolKind
from environments.model import Environment
from environments.problems import Problem, shown
from trainyard.instance_offerings import ZONES_NAMED_BY_ACCOUNT, origin, zones_known, zones_offering
from trainyard.instance_types import SAGEMAKER_TYPES


def warnings(environment: Environment) -> list[str]:
    """One line for each type that is not offered where the environment wants it, with its place in the file."""
    return [str(problem) for rule in (_instance_types, _notebooks, _pools) for problem in rule(environment)]


def not_offered(ml_types: Iterable[str], region: str) -> Iterator[Problem]:
    """A problem for each entry of which ``region`` offers no type; its path is the index of the entry.

    Args:
        ml_types: SageMaker types such as ml.g5.xlarge, or patterns of them such as ml.g5.*.
        region: such as eu-west-1.
    """
    for index, pattern in enumerate(ml_types):
        matched = [zones_offering(_ec2(each), region) for each in SAGEMAKER_TYPES if fnmatchcase(each, pattern)]
        # None stands for a type that the copy does not know, which may be there.
        if matched and all(zones is not None and not zones for zones in matched):
            yield Problem((index,), shown(pattern), f"EC2 offers no such type in {region} {_of_sagemaker()}")


def _instance_types(environment: Environment) -> Iterator[Problem]:
    for problem in not_offered(environment.access.instance_types, environment.region):
        yield problem._replace(path=("access", "instance_types", *problem.path))


def _notebooks(environment: Environment) -> Iterator[Problem]:
    for index, team in enumerate(environment.teams):
        for at, notebook in enumerate(team.notebooks):
            zone = notebook.zone or environment.network.zones()[0]
            rule = _rule(_ec2(notebook.instance_type), environment.region, [zone])
            if rule:
                path = ("teams", index, "notebooks", at, "instance_type")
                yield Problem(path, shown(notebook.instance_type), f"{rule} {_of_sagemaker()}")


def _pools(environment: Environment) -> Iterator[Problem]:
    zones = environment.network.zones()
    for index, pool in enumerate(environment.batch.pools):
        wanted = [pool.zone or zones[0]] if pool.kind is PoolKind.MULTI_NODE else zones
        for at, ec2_type in enumerate(pool.instance_types):
            rule = _rule(ec2_type, environment.region, wanted)
            if rule:
                path = ("batch", "pools", index, "instance_types", at)
                yield Problem(path, shown(ec2_type), f"{rule} (by the copy in {origin()})")


def _rule(ec2_type: str, region: str, zones: Iterable[str]) -> str | None:
    """What is wrong when none of ``zones`` offers the type; None when one does, or the copy does not tell."""
    offering, wanted = zones_offering(ec2_type, region), frozenset(zones)
    if offering is None or offering & wanted:
        return None
    if not offering:
        return f"EC2 does not offer {ec2_type} in {region}"
    if not wanted <= zones_known(region):
        return None
    caveat = "; your account may name zones otherwise" if region in ZONES_NAMED_BY_ACCOUNT else ""
    return f"EC2 offers {ec2_type} in {_listed(offering)}, not in {_listed(wanted)}{caveat}"


def _of_sagemaker() -> str:
    return f"(by the copy in {origin()}; what SageMaker offers may differ from EC2)"


def _ec2(ml_type: str) -> str:
    return ml_type.removeprefix("ml.")


def _listed(zones: Iterable[str]) -> str:
    return ", ".join(sorted(zones))
