"""Whatever an environment has and people left in it: a run leaves what is to be kept, and nothing else."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from environments.loading import parse
from operations.teardown.policy import Policy, Volumes
from operations.teardown.volumes import NOTEBOOKS, SPACES
from tests.operations.teardown.account import TEAM, Account, leftovers
from tests.operations.teardown.whole import whole_of
from tests.operations.teardown.world import of_assembly, with_backups
from tests.support import Json, synthesize, text_of

pytestmark = pytest.mark.slow

FEATURES = ("serving", "mlflow", "secrets", "monitoring")
"""Beside those that the leftovers of the tests are made with."""


@st.composite
def changes(draw: st.DrawFn) -> Json:
    """Changes to ``local``: what else it has, and what of it is kept."""
    lustre, more = draw(st.booleans()), draw(st.lists(st.sampled_from(FEATURES), unique=True))
    features = ["studio", "notebooks", "training", "batch", "amazon_linux", *(["lustre"] if lustre else []), *more]
    teams = [
        {
            "name": name,
            "monthly_budget_usd": 50,
            "own_key": draw(st.booleans()),
            "members": [{"name": f"{name}-{index}"} for index in range(draw(st.integers(0, 2)))],
            "notebooks": [
                {"name": f"n{index}", "instance_type": "ml.t3.medium", "volume_gib": 5}
                for index in range(draw(st.integers(0, 2)))
            ],
        }
        for name in (TEAM, *draw(st.sampled_from([(), ("language",)])))
    ]
    events = draw(st.sampled_from([[], ["NEW", "CHANGED", "DELETED"]])) if not teams[0]["own_key"] else []
    association = {"dataset": "street-scenes", "file_system_path": "/street-scenes", "export_events": events}
    system = {"name": TEAM, "teams": [TEAM], "data_repository_associations": [association]}
    return {
        "features": features,
        "teams": teams,
        "lustre": [system] if lustre else [],
        "logs.keep_after_teardown": draw(st.booleans()),
        "data.keep_after_teardown": draw(st.booleans()),
        "termination_protection": draw(st.booleans()),
        "network.endpoint_zones": draw(st.sampled_from(["one", "all"])),
        "notebooks": {"backup": True},
    }


@st.composite
def environments(draw: st.DrawFn) -> tuple[Json, Policy, float, list[str]]:
    """Changes, what is decided about volumes with them, for how long people work, and what they end themselves."""
    made = draw(changes())
    # Without it volumes of stacks cannot be kept, and backups would go too.
    kept = made["data.keep_after_teardown"]
    notebooks = draw(st.sampled_from(list(Volumes) if kept else [Volumes.DISCARD]))
    spaces = draw(st.sampled_from([Volumes.KEEP, Volumes.DISCARD] if kept else [Volumes.DISCARD]))
    ended = draw(st.lists(st.sampled_from(sorted(ENDS)), unique=True))
    seconds = draw(st.sampled_from([0.0, 600.0, 7200.0]))
    return made, Policy({NOTEBOOKS: notebooks, SPACES: spaces}, unprotect=True), seconds, ended


ENDS = {
    "delete_cluster": "ClusterName",
    "stop_training_job": "TrainingJobName",
    "stop_processing_job": "ProcessingJobName",
    "delete_image": "ImageName",
}
"""What people may end themselves, and the argument that names it."""


def people(account: Account, seconds: float, ended: list[str]) -> None:
    """Makes what people leave, and ends some of it."""
    leftovers(account)
    if account.ids(f"trainyard-local-team-{TEAM}", "SageMaker::NotebookInstanceLifecycleConfig"):
        with_backups(account)
    for call in ended:
        getattr(account.client("sagemaker"), call)(**{ENDS[call]: "local-thing"})
    account.passes(seconds)


# Without shrinking: each example is a deployment, and a failing one says enough.
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(environments())
def test_what_is_to_be_kept_is_left_and_nothing_else(drawn: tuple[Json, Policy, float, list[str]]) -> None:
    made, policy, seconds, ended = drawn
    with tempfile.TemporaryDirectory() as folder:
        ours = synthesize(parse(text_of("local", made), "local.yaml"), Path(folder) / "ours")
        with of_assembly(ours, Path(folder)) as world:
            people(world.account, seconds, ended)
            whole = whole_of(world)
            after = whole.taken_away(policy)
    assert (after.codes, after.foreign) == ([0], []), after.told[-1]
    kinds = {each for each, decision in policy.volumes.items() if decision is Volumes.KEEP}
    kinds |= {"feature groups", "model package groups", "model packages"}
    before = {key for key in whole.control if key[0] in kinds} - world.foreign
    assert {(each[0], each[2]) for each in after.left} >= {key for key in before if not key[1].startswith("arn:")}
    assert not [each for each in after.left if each[1] == "orphaned"]
