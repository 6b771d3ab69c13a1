"""The command line of a teardown, on small stacks in the local AWS."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from environments import load
from local_aws import LocalAws
from operations import __main__ as program
from operations.teardown import commands, connect, runs
from operations.teardown.lock import Lock, alone

LOCAL = load("local")
DATA = {
    "Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": "kept-data"}},
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "news"}},
    }
}
ACCESS = {"Resources": {"Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/trainyard/logs"}}}}

Main = Callable[..., int]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    with LocalAws(account=LOCAL.account, region=LOCAL.region) as aws:
        monkeypatch.setattr(commands, "WallClock", lambda _rate: aws.clock)
        monkeypatch.setattr(connect, "clients", lambda _session: aws.client)
        deploy(aws, "data", DATA)
        deploy(aws, "access", ACCESS)
        yield aws


def deploy(aws: LocalAws, name: str, template: dict[str, Any], environment: str = "local", **more: Any) -> None:
    aws.client("cloudformation").create_stack(
        StackName=f"trainyard-{environment}-{name}",
        TemplateBody=json.dumps(template),
        Tags=[{"Key": "Environment", "Value": environment}],
        **more,
    )


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Main:
    """The program with its words, and a journal of the test's own; the answers are typed."""

    def run(*words: str, answers: tuple[str, ...] = ()) -> int:
        monkeypatch.setattr(sys, "argv", ["operations", *words, "--journal", str(tmp_path / "journal.jsonl")])
        monkeypatch.setattr(sys, "stdin", StringIO("".join(f"{answer}\n" for answer in answers)))
        return program.main()

    return run


def stacks(aws: LocalAws) -> set[str]:
    return {each["StackName"] for each in aws.client("cloudformation").describe_stacks()["Stacks"]}


def journals(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.glob("journal*.jsonl"))


def plan_of(main: Main, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    main("teardown", "plan", "local", "--json")
    return dict(json.loads(capsys.readouterr().out))


BOTH = {"trainyard-local-data", "trainyard-local-access"}


@pytest.mark.usefixtures("aws")
def test_a_plan_names_the_stacks(main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("teardown", "plan", "local") == 0
    assert "stack.trainyard-local-data (1)" in capsys.readouterr().out


@pytest.mark.usefixtures("aws")
def test_a_plan_says_what_is_kept(main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    assert [each["name"] for each in plan_of(main, capsys)["kept"]] == ["kept-data"]


def test_a_plan_writes_nothing(aws: LocalAws, main: Main, tmp_path: Path) -> None:
    main("teardown", "plan", "local")
    assert (stacks(aws), list(tmp_path.iterdir())) == (BOTH, [])


@pytest.mark.usefixtures("aws")
def test_two_plans_of_the_same_have_one_hash(main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan_of(main, capsys)["hash"] == plan_of(main, capsys)["hash"]


def test_a_run_takes_the_stacks_away(aws: LocalAws, main: Main) -> None:
    assert main("teardown", "run", "local", "--yes") == 0
    assert stacks(aws) == set()


def test_a_run_leaves_what_is_kept(aws: LocalAws, main: Main) -> None:
    main("teardown", "run", "local", "--yes")
    assert [each["Name"] for each in aws.client("s3").list_buckets()["Buckets"]] == ["kept-data"]


def test_what_is_named_goes_with_its_data(aws: LocalAws, main: Main) -> None:
    aws.client("s3").put_object(Bucket="kept-data", Key="a", Body=b"a")
    assert main("teardown", "run", "local", "--yes", "--purge", "kept-data") == 0
    assert aws.client("s3").list_buckets()["Buckets"] == []


def test_a_name_that_is_not_kept_cannot_be_purged(
    aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("teardown", "run", "local", "--yes", "--purge", "other") == 2
    assert "--purge other: must be one of what is kept" in capsys.readouterr().err
    assert stacks(aws) == BOTH


def test_status_tells_how_the_stacks_are(aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("status", "local") == 0
    assert "stacks: 2 CREATE_COMPLETE" in capsys.readouterr().out
    assert stacks(aws) == BOTH


def test_stop_deletes_no_stack(aws: LocalAws, main: Main) -> None:
    assert main("stop", "local", "--yes") == 0
    assert stacks(aws) == BOTH


def test_a_run_ends_with_what_is_left(aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    main("teardown", "run", "local", "--yes")
    assert "kept on purpose: of the stack trainyard-local-data" in capsys.readouterr().out
    assert stacks(aws) == set()


def test_another_environment_stays(aws: LocalAws, main: Main) -> None:
    other = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    deploy(aws, "data", other, environment="local2")
    main("teardown", "run", "local", "--yes")
    assert stacks(aws) == {"trainyard-local2-data"}


def test_a_run_asks_for_the_name(aws: LocalAws, main: Main) -> None:
    assert main("teardown", "run", "local", answers=("local",)) == 0
    assert stacks(aws) == set()


@pytest.mark.parametrize("answers", [("dev",), ("yes",), ()])
def test_without_the_name_nothing_is_done(aws: LocalAws, main: Main, answers: tuple[str, ...]) -> None:
    assert main("teardown", "run", "local", answers=answers) == 2
    assert stacks(aws) == BOTH


def test_a_second_run_finds_nothing_to_do(aws: LocalAws, main: Main) -> None:
    main("teardown", "run", "local", "--yes")
    assert main("teardown", "run", "local", "--yes") == 0
    assert stacks(aws) == set()


@pytest.mark.usefixtures("aws")
def test_a_run_that_came_to_its_end_closes_its_journal(main: Main, tmp_path: Path) -> None:
    main("teardown", "run", "local", "--yes")
    (name,) = journals(tmp_path)
    assert name.startswith("journal.2")


@pytest.mark.usefixtures("aws")
def test_the_journal_has_the_resources_before_anything_is_deleted(main: Main, tmp_path: Path) -> None:
    main("teardown", "run", "local", "--yes")
    entries = [json.loads(line) for line in next(tmp_path.glob("journal*.jsonl")).read_text().splitlines()]
    kinds = ["resources" if "resources" in each else each.get("call", "") for each in entries]
    assert kinds.index("resources") < kinds.index("cloudformation.delete_stack")


def protected(aws: LocalAws) -> None:
    deploy(aws, "studio", {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}, EnableTerminationProtection=True)


def test_a_protected_stack_is_a_blocker(aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    protected(aws)
    assert main("teardown", "run", "local", "--yes") == 2
    assert "trainyard-local-studio: is protected: say --remove-protection" in capsys.readouterr().err
    assert stacks(aws) == {*BOTH, "trainyard-local-studio"}


def test_a_plan_that_cannot_be_run_says_so(aws: LocalAws, main: Main) -> None:
    protected(aws)
    assert main("teardown", "plan", "local") == 2


def test_a_protected_stack_goes_when_somebody_says_so(aws: LocalAws, main: Main) -> None:
    protected(aws)
    assert main("teardown", "run", "local", "--yes", "--remove-protection") == 0
    assert stacks(aws) == set()


def test_the_plan_that_was_agreed_to_is_run(aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_of(main, capsys)["hash"]
    assert main("teardown", "run", "local", "--yes", "--plan", plan) == 0
    assert stacks(aws) == set()


def test_another_plan_is_not_run(aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_of(main, capsys)["hash"]
    deploy(aws, "late", {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    assert main("teardown", "run", "local", "--yes", "--plan", plan) == 2
    assert "something else is there now" in capsys.readouterr().err
    assert stacks(aws) == {*BOTH, "trainyard-local-late"}


def test_a_plan_in_a_file_tells_what_is_otherwise(
    aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan_of(main, capsys)))
    deploy(aws, "late", {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    assert main("teardown", "run", "local", "--yes", "--plan", str(file)) == 2
    assert "+ stack.trainyard-local-late: trainyard-local-late" in capsys.readouterr().err


def test_what_is_gone_already_does_not_stop_an_agreed_plan(
    aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan_of(main, capsys)))
    aws.client("cloudformation").delete_stack(StackName="trainyard-local-access")
    assert main("teardown", "run", "local", "--yes", "--plan", str(file)) == 0


@pytest.mark.parametrize("text", ["plan", "{}", "[]", "null", '{"foo": 1}', '{"hash": "0123456789ab"}'])
def test_a_file_that_is_no_plan_is_refused(
    aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text)
    assert main("teardown", "run", "local", "--yes", "--plan", str(file)) == 2
    assert capsys.readouterr().err == f"plan: {str(file)!r}: must be the output of plan --json, or the hash in it\n"
    assert stacks(aws) == BOTH


@pytest.mark.parametrize("plan", ["", "no-such-file.json", "."])
def test_what_is_neither_a_hash_nor_a_plan_is_refused(
    aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str], plan: str
) -> None:
    assert main("teardown", "run", "local", "--yes", "--plan", plan) == 2
    assert f"plan: {plan!r}: must be the output of plan --json" in capsys.readouterr().err
    assert stacks(aws) == BOTH


def test_what_comes_while_it_is_asked_is_asked_about_again(
    aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def typed(question: str) -> str:
        if not asked:
            deploy(aws, "late", {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
        asked.append(question)
        return "local"

    monkeypatch.setattr("builtins.input", typed)
    assert main("teardown", "run", "local") == 0
    assert len(asked) == 2
    assert "+ stack.trainyard-local-late" in capsys.readouterr().out


def test_what_hinders_a_run_since_it_was_asked_ends_it(
    aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed(_question: str) -> str:
        aws.client("cloudformation").update_termination_protection(
            StackName="trainyard-local-data", EnableTerminationProtection=True
        )
        return "local"

    monkeypatch.setattr("builtins.input", typed)
    assert main("teardown", "run", "local") == 2
    assert "stack trainyard-local-data: is protected" in capsys.readouterr().err
    assert stacks(aws) == BOTH


def hold(aws: LocalAws) -> None:
    value = json.dumps({"by": "ann", "at": "2026-11-21T10:00:00", "run": "another"})
    aws.client("ssm").put_parameter(Name="/trainyard/local/teardown", Value=value, Type="String")


def test_somebody_else_at_it_is_exit_code_3(aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    hold(aws)
    assert main("teardown", "run", "local", "--yes") == 3
    assert "ann has been at it since 2026-11-21T10:00:00" in capsys.readouterr().err
    assert stacks(aws) == BOTH


def test_it_can_be_taken_over(aws: LocalAws, main: Main) -> None:
    hold(aws)
    assert main("teardown", "run", "local", "--yes", "--take-over") == 0


@pytest.mark.usefixtures("aws")
def test_the_same_journal_in_another_process_is_exit_code_3(main: Main, tmp_path: Path) -> None:
    with alone(tmp_path / "journal.jsonl"):
        assert main("teardown", "run", "local", "--yes") == 3


def test_the_lock_is_free_afterwards(aws: LocalAws, main: Main) -> None:
    main("teardown", "run", "local", "--yes")
    assert aws.client("ssm").describe_parameters()["Parameters"] == []


def interrupted(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


def test_ctrl_c_says_how_to_go_on(
    aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(runs, "run_steps", interrupted)
        assert main("teardown", "run", "local", "--yes") == 130
    assert "the same command goes on from here" in capsys.readouterr().err
    assert main("teardown", "run", "local", "--yes") == 0
    assert stacks(aws) == set()


@pytest.mark.usefixtures("aws")
def test_sigterm_ends_a_run_as_ctrl_c_does(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "run_steps", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
    assert main("teardown", "run", "local", "--yes") == 130


class CrashError(BaseException):
    """The end of the process."""


def test_after_a_crash_the_same_journal_goes_on_with_its_lock(
    aws: LocalAws, main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(runs, "steps_done", interrupted)
        patched.setattr(Lock, "release", interrupted)
        main("teardown", "run", "local", "--yes")
    assert aws.client("ssm").describe_parameters()["Parameters"] != []
    assert main("teardown", "run", "local", "--yes") == 0


def test_what_was_recorded_leads_to_what_a_stack_left_that_was_deleted_by_hand(
    aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(runs, "run_steps", interrupted)
        main("teardown", "run", "local", "--yes")
    aws.client("cloudformation").delete_stack(StackName="trainyard-local-data")
    main("teardown", "run", "local", "--yes")
    assert "kept-data" in capsys.readouterr().out


def test_a_step_that_aws_refuses_is_exit_code_1(
    aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:

    def delete_stack(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "DeleteStack")

    monkeypatch.setattr(aws.client("cloudformation"), "delete_stack", delete_stack)
    assert main("teardown", "run", "local", "--yes") == 1
    assert "not you" in capsys.readouterr().out
    assert stacks(aws) == BOTH
    assert journals(tmp_path) == ["journal.jsonl"]


def test_what_an_interrupted_run_purged_may_be_named_again(
    aws: LocalAws, main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(aws, "team-vision", {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    tags = [{"Key": "Environment", "Value": "local"}, {"Key": "Team", "Value": "vision"}]
    aws.client("sagemaker").create_model_package_group(ModelPackageGroupName="models", Tags=tags)

    def delete_stack(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "DeleteStack")

    with monkeypatch.context() as patched:
        patched.setattr(aws.client("cloudformation"), "delete_stack", delete_stack)
        assert main("teardown", "run", "local", "--yes", "--purge", "models") == 1
    assert aws.client("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"] == []
    assert main("teardown", "run", "local", "--yes", "--purge", "models") == 0


def test_credentials_of_another_account_are_refused(main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalAws(account="999999999999", region=LOCAL.region):
        assert main("teardown", "run", "local", "--yes") == 2
    assert "account: local is of 111111111111, and these credentials of 999999999999" in capsys.readouterr().err


@pytest.mark.usefixtures("aws")
def test_verify_of_a_whole_environment_is_exit_code_1(main: Main) -> None:
    assert main("teardown", "verify", "local") == 1


@pytest.mark.usefixtures("aws")
def test_verify_after_a_run_is_exit_code_0_and_still_knows_what_is_kept(
    main: Main, capsys: pytest.CaptureFixture[str]
) -> None:
    main("teardown", "run", "local", "--yes")
    capsys.readouterr()
    assert main("teardown", "verify", "local") == 0
    assert "kept-data" in capsys.readouterr().out


@pytest.mark.usefixtures("aws")
def test_reopening_what_was_never_closed_does_nothing(main: Main) -> None:
    assert main("teardown", "reopen", "local") == 0


def test_reopening_while_somebody_else_is_at_it_is_exit_code_3(
    aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str]
) -> None:
    hold(aws)
    assert main("teardown", "reopen", "local") == 3
    assert "ann has been at it since" in capsys.readouterr().err


def test_reopening_takes_over_from_a_run_that_was_killed(aws: LocalAws, main: Main) -> None:
    hold(aws)
    assert main("teardown", "reopen", "local", "--take-over") == 0


@pytest.mark.parametrize("word", ["--team", "--user", "--notebook", "--pool"])
@pytest.mark.usefixtures("aws")
def test_a_part_that_is_not_there_is_refused(main: Main, capsys: pytest.CaptureFixture[str], word: str) -> None:
    assert main("teardown", "plan", "local", word, "nobody") == 2
    assert f"{word[2:]} nobody: not in what is deployed of local" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["--team", "--user", "--notebook", "--pool"])
def test_an_empty_name_is_not_all_of_the_environment(
    aws: LocalAws, main: Main, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    assert main("teardown", "run", "local", "--yes", word, "") == 2
    assert f"{word}: '': must not be empty" in capsys.readouterr().err
    assert stacks(aws) == BOTH


@pytest.mark.parametrize(
    "words",
    [("--user", "ann", "--pool", "one"), ("--team", "vision", "--user", "ann"), ("--notebook", "nb", "--pool", "one")],
    ids=" ".join,
)
@pytest.mark.usefixtures("aws")
def test_two_parts_at_once_are_refused(main: Main, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert main("teardown", "plan", "local", *words) == 2
    assert f"{' '.join(words)}: only one of these can be given" in capsys.readouterr().err


@pytest.mark.usefixtures("aws")
def test_a_notebook_may_be_told_by_its_team_too(main: Main, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("teardown", "plan", "local", "--team", "vision", "--notebook", "nb") == 2
    assert "team vision, notebook nb: not in what is deployed of local" in capsys.readouterr().err
