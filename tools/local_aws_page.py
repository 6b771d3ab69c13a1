"""The page about the local AWS: what is there, type by type and call by call, from its tables."""

from collections.abc import Iterable, Mapping

from local_aws import refusals, services
from local_aws.clock import VirtualClock
from local_aws.front import Front
from local_aws.resource_types.rows import Row, rows

INTRODUCTION = """\
# The local AWS, in full

What [`local_aws/`](../local_aws/README.md) has, from its own tables (`make snapshots` renews this page). "moto" answers
an API as moto does; "ours" is answered from the tables of `local_aws/services/`, in the shapes of botocore's models.
What is in no table is refused by its name, never skipped. That a template deploys here shows that it is consistent and
that the tools work, not that AWS takes it: [live-checks.md](live-checks.md) lists what only an account can show.
"""

NOTHING = "-"


def page() -> str:
    """The text of docs/local-aws.md."""
    front = Front()
    services.install(front, VirtualClock())
    return "\n".join([INTRODUCTION, *_types(front), *_operations(front), *_refusals()])


def _types(front: Front) -> Iterable[str]:
    table = rows()
    yield f"## Resource types ({len(table)})\n"
    yield (
        "Properties and attributes are those of the CloudFormation registry, whose schemas also say what a change "
        "replaces. Listed are only those that differ.\n"
    )
    yield "| type | API | taken and forgotten | refused | no change in place | attributes that are not there |"
    yield "|---|---|---|---|---|---|"
    for name, row in sorted(table.items()):
        cells = (_reasons(row.not_kept), _names(row.refused), _reasons(row.fixed), _reasons(row.without))
        yield f"| `{name}` | {_answered_by(row, front)} | {' | '.join(cells)} |"
    yield ""


def _answered_by(row: Row, front: Front) -> str:
    calls = [step.call for step in (*([row.create] if row.create else []), *row.then, *row.delete)]
    if not calls:
        return "nothing behind it"
    ours = {tuple(call.split(".")) in front.handlers for call in calls}
    return "ours" if ours == {True} else "moto" if ours == {False} else "moto and ours"


def _operations(front: Front) -> Iterable[str]:
    by_service: dict[str, list[str]] = {}
    for service, operation in sorted(front.handlers):
        by_service.setdefault(service, []).append(operation)
    yield "## Operations that are ours\n"
    yield "CloudFormation is ours whole. Beside it:\n"
    yield "| service | operations |\n|---|---|"
    for service, operations in by_service.items():
        yield f"| {service} | {', '.join(operations)} |"
    yield ""


def _refusals() -> Iterable[str]:
    table = refusals.table()
    yield f"## What is refused as AWS does, beside what moto and the states of our records refuse ({len(table)})\n"
    yield "| rule | error | source |\n|---|---|---|"
    for refusal in table:
        yield f"| {refusal.rule} | `{refusal.code}` | {refusal.source} |"
    yield ""


def _reasons(reasons: Mapping[str, str] | None) -> str:
    return "; ".join(f"`{name}`: {why}" for name, why in sorted((reasons or {}).items())) or NOTHING


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or NOTHING
