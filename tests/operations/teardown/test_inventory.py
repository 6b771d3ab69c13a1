"""What there is of each kind, and whose it is."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations.local.leftovers import job_definition
from operations.teardown.inventory import name_of
from operations.teardown.kinds import OF_NAME
from operations.teardown.schedule import Outcome
from tests.operations.teardown.account import TEAM, Account, bare_account, leftovers
from tests.support import Json

SECONDS = 20
"""In which 2,000 things are found; it takes about two on two cores that have nothing else to do."""


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Account]:
    with bare_account(tmp_path) as made:
        yield made


class Counting:
    """Counts the calls of each operation."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def __call__(self, _service: str, operation: str, _arguments: Json) -> None:
        self.calls[operation] += 1


def refusing(refused: str, code: str, message: str = "no") -> Callable[[str, str, Json], None]:
    """Refuses an operation."""

    def refuse(_service: str, operation: str, _arguments: Json) -> None:
        if operation == refused:
            raise ClientError({"Error": {"Code": code, "Message": message}}, operation)

    return refuse


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("arn:aws:sagemaker:eu-west-1:111111111111:mlflow-app/app-A", "app-A"),
        ("arn:aws:sagemaker:eu-west-1:111111111111:pipeline/p/execution/x", "p/execution/x"),
        ("endpoint/e/variant/v", "endpoint/e/variant/v"),
        ("e", "e"),
    ],
)
def test_an_arn_is_called_by_what_is_behind_the_type(value: str, name: str) -> None:
    assert name_of((("Name", value),)) == name


def model(bare: Account, name: str, role: str | None, tags: dict[str, str]) -> None:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    roles = {"ExecutionRoleArn": role} if role else {}
    bare.client("sagemaker").create_model(ModelName=name, PrimaryContainer={"Image": "i"}, Tags=listed, **roles)


OURS = {"Environment": "bare", "Team": TEAM}


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (OURS, {"m"}),
        ({"Environment": "bare"}, set()),
        ({"Team": TEAM}, set()),
        ({"Environment": "bare", "Team": "nobody"}, set()),
        ({"Environment": "other", "Team": TEAM}, set()),
        ({}, set()),
    ],
)
def test_without_a_role_both_tags_decide(tags: dict[str, str], found: set[str], bare: Account) -> None:
    model(bare, "m", None, tags)
    assert bare.names("models", bare.bare_inventory()) == found


def test_each_thing_is_described_once(bare: Account) -> None:
    model(bare, "m", bare.bare.role, {})
    inventory = bare.bare_inventory()
    bare.names("models", inventory)
    counting = Counting()
    bare.refuses.append(counting)
    bare.names("models", inventory)
    assert counting.calls == {"list_models": 1}


def test_a_role_of_others_counts_more_than_tags(bare: Account) -> None:
    model(bare, "m", bare.nobodys.role, OURS)
    assert bare.names("models", bare.bare_inventory()) == set()


def test_a_name_alone_is_nobodys(bare: Account) -> None:
    model(bare, "trainyard-bare-team-vision-model", None, {})
    assert bare.names("models", bare.bare_inventory()) == set()


def endpoint(bare: Account, name: str, of: str) -> None:
    """One without tags, of a model."""
    sagemaker = bare.client("sagemaker")
    variant = {"VariantName": "v", "ModelName": of, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


def test_an_endpoint_without_tags_is_known_by_its_model(bare: Account) -> None:
    model(bare, "ours", bare.bare.role, {})
    model(bare, "somebodys", bare.nobodys.role, {})
    endpoint(bare, "a", "ours")
    endpoint(bare, "b", "somebodys")
    assert bare.names("endpoints", bare.bare_inventory()) == {"a"}


def test_a_target_of_a_component_is_none_of_an_endpoint_of_the_same_name(bare: Account) -> None:
    model(bare, "ours", bare.bare.role, {})
    endpoint(bare, "a", "ours")
    inventory = bare.bare_inventory()
    inventory.aws._client = lambda service: Scaled(bare.client(service))  # noqa: SLF001 (moto lacks such targets)
    assert bare.names("scaling targets", inventory) == set()


class Scaled:
    """A client of an account with one target, of an inference component."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def describe_scalable_targets(self, ServiceNamespace: str) -> Json:  # noqa: N803 (AWS's name)
        dimension = "sagemaker:inference-component:DesiredCopyCount"
        target = {"ServiceNamespace": ServiceNamespace, "ResourceId": "inference-component/a"}
        return {"ScalableTargets": [{**target, "ScalableDimension": dimension}]}


def test_another_of_the_same_name_is_looked_at_again(bare: Account) -> None:
    model(bare, "m", bare.nobodys.role, {})
    inventory = bare.bare_inventory()
    assert bare.names("models", inventory) == set()
    bare.client("sagemaker").delete_model(ModelName="m")
    bare.passes(60)
    model(bare, "m", bare.bare.role, {})
    assert bare.names("models", inventory) == {"m"}


def test_what_goes_while_it_is_looked_at_is_not_there(bare: Account) -> None:
    model(bare, "m", bare.bare.role, {})
    bare.refuses.append(refusing("describe_model", "ValidationException", 'Could not find model "m".'))
    assert bare.names("models", bare.bare_inventory()) == set()


def test_it_is_there_when_it_is_looked_at_once_more(bare: Account) -> None:
    model(bare, "m", bare.bare.role, {})
    inventory = bare.bare_inventory()
    bare.refuses.append(refusing("describe_model", "ValidationException", 'Could not find model "m".'))
    bare.names("models", inventory)
    bare.refuses.clear()
    assert bare.names("models", inventory) == {"m"}


def test_one_whose_tags_are_gone_is_nobodys(bare: Account) -> None:
    model(bare, "m", None, OURS)
    bare.refuses.append(refusing("list_tags", "ResourceNotFound"))
    assert bare.names("models", bare.bare_inventory()) == set()


@pytest.mark.parametrize("operation", ["list_models", "describe_model", "list_tags"])
def test_what_may_not_be_looked_at_is_told(operation: str, bare: Account) -> None:
    model(bare, "m", None, OURS)
    inventory = bare.bare_inventory()
    bare.refuses.append(refusing(operation, "AccessDeniedException", "not authorized"))
    result = bare.result(inventory.things(OF_NAME["models"]))
    assert (result.outcome, result.value) == (
        Outcome.FAILED,
        "models: cannot be listed: AccessDeniedException: not authorized",
    )


def test_a_queue_that_somebody_deleted_has_no_jobs(bare: Account) -> None:
    inventory = bare.bare_inventory()
    bare.refuses.append(refusing("list_jobs", "ClientException", "Job queue q does not exist"))
    assert bare.names("batch jobs", inventory) == set()


def test_a_pipeline_that_goes_meanwhile_has_no_executions(bare: Account) -> None:
    leftovers(bare, bare.bare)
    bare.refuses.append(refusing("list_pipeline_executions", "ResourceNotFound"))
    assert bare.names("pipeline executions", bare.bare_inventory()) == set()


def test_of_a_kind_that_the_region_does_not_have_there_is_nothing(bare: Account) -> None:
    message = "The requested operation is not supported in the called region."
    bare.refuses.append(refusing("list_mlflow_apps", "UnknownOperationException", message))
    assert bare.names("MLflow apps", bare.bare_inventory()) == set()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("UnknownOperationException", "no such operation"),
        ("AccessDeniedException", "is not supported in the called region"),
    ],
)
def test_another_refusal_does_not_mean_that_there_is_nothing(code: str, message: str, bare: Account) -> None:
    inventory = bare.bare_inventory()
    bare.refuses.append(refusing("list_mlflow_apps", code, message))
    assert bare.result(inventory.things(OF_NAME["MLflow apps"])).outcome is Outcome.FAILED


def test_jobs_of_all_five_states_are_listed(bare: Account) -> None:
    inventory = bare.bare_inventory()
    asked = [each["jobStatus"] for each in OF_NAME["batch jobs"].asked(inventory.scope)]
    assert sorted(asked) == ["PENDING", "RUNNABLE", "RUNNING", "STARTING", "SUBMITTED"]


def test_the_jobs_of_an_array_are_its_own(bare: Account) -> None:
    left = leftovers(bare, bare.bare)
    assert bare.names("batch jobs", bare.bare_inventory()) == left["batch jobs"]


def test_two_thousand_models_are_found_on_all_pages_in_seconds(bare: Account) -> None:
    for number in range(1000):
        model(bare, f"ours-{number}", bare.bare.role, {})
        model(bare, f"theirs-{number}", bare.nobodys.role, {})
    inventory = bare.bare_inventory()
    started = perf_counter()
    names = bare.names("models", inventory)
    assert perf_counter() - started < SECONDS
    assert names == {f"ours-{number}" for number in range(1000)}


def test_two_thousand_jobs_are_found_on_all_pages(bare: Account) -> None:
    batch = bare.client("batch")
    leftovers(bare, bare.bare)
    definition = job_definition(batch, "job")
    for number in range(2000):
        batch.submit_job(jobName=f"job-{number}", jobQueue=bare.bare.queue, jobDefinition=definition)
    assert len(bare.names("batch jobs", bare.bare_inventory())) == 2003
