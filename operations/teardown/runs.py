"""A teardown from its plan to the proof of what is left."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from operations.errors import InputError
from operations.teardown import intake, lustre, network, purge, show, team, volumes
from operations.teardown.aws import Aws
from operations.teardown.connect import Account
from operations.teardown.inventory import Inventory
from operations.teardown.journal import Entry, Journal
from operations.teardown.kinds import KINDS
from operations.teardown.lock import Lock, alone
from operations.teardown.options import Options
from operations.teardown.part import part_of
from operations.teardown.plan import Action, Kept, Plan, make
from operations.teardown.policy import Policy
from operations.teardown.schedule import Outcome, Result, Step, StepError, Waits
from operations.teardown.schedule import run as run_steps
from operations.teardown.scope import Scope, look
from operations.teardown.stages import Stage, needed_of
from operations.teardown.verify import Left, is_clean, verify

Json = dict[str, Any]
Ask = Callable[[str], str]
"""Asks a person, and gives the answer."""


def planned(account: Account, journal: Journal, options: Options) -> tuple[Inventory, Plan]:
    """What would be done now.

    Raises:
        InputError: when it cannot be found out.
    """
    aws = Aws(account.client, account.environment.region, account.clock, journal)
    scope = account.ask(look(aws, account.environment.name, recorded(journal.entries())))
    inventory, held = Inventory(aws, scope), ()
    if options.part:
        inventory, held = account.ask(part_of(inventory, options.part, options.policy))
        others = [volumes.stage(journal)]
        if options.part.team and not options.part.notebook:
            others.append(lustre.stage(team.with_file_systems_of(scope, options.part.team), journal))
    else:
        others = [intake.stage(journal), volumes.stage(journal), lustre.stage(scope, journal), network.stage(scope)]
        others += account.ask(purge.stages(inventory, options.policy, _had_to_do_with(journal)))
    plan = account.ask(make(inventory, options.policy, others))
    blockers = account.ask(_blockers(inventory, scope, plan, journal, options))
    return inventory, replace(plan, kept=(*_kept(plan), *held), blockers=tuple(blockers))


def _had_to_do_with(journal: Journal) -> set[str]:
    """Names in the plans of earlier runs: what went in one is not there any more when it is gone on with."""
    plans = (each["plan"] for each in journal.entries() if "plan" in each)
    return {name for plan in plans for action in plan["actions"] for name in action["to"]}


def _blockers(inventory: Inventory, scope: Scope, plan: Plan, journal: Journal, options: Options) -> Waits:
    found = [
        f"stack {stack.name}: is protected: say --remove-protection"
        for stack in inventory.scope.stacks
        if stack.protected and not options.policy.unprotect
    ]
    found += yield from volumes.blockers(inventory, plan.things, options.policy)
    name = "" if options.part.notebook else options.part.team
    if name:
        found += yield from team.blockers(inventory.aws, scope, name, options.policy)
        scope = team.with_file_systems_of(scope, name)
    if name or not options.part:
        found += yield from lustre.blockers(
            inventory.aws, scope, journal, discard_unexported=options.discard_unexported
        )
    if not options.part:
        found += yield from purge.blockers(inventory, options.policy)
    return found


def _kept(plan: Plan) -> Iterable[Kept]:
    policy = plan.policy
    things = [(kind, each) for kind in KINDS for each in plan.things[kind.name]]
    for kind, each in things:
        if policy.keeps(kind, each):
            yield Kept(each.name, "its volume is kept" if kind.name in policy.volumes else "data")
    kept = {(each.stack, each.logical_id) for kind, each in things if policy.keeps(kind, each)}
    going = {
        (each.stack, each.logical_id)
        for kind, each in things
        if kind.name in policy.volumes or policy.purges(kind.name, each.name)
    }
    for stack in plan.scope.stacks:
        staying = [
            each
            for each in stack.resources
            if each.kept
            and not policy.purges(each.type, each.physical_id)
            and (each.stack, each.logical_id) not in kept | going
        ]
        kept |= {(each.stack, each.logical_id) for each in staying}
        # A bucket and its policy have one name.
        for name in dict.fromkeys(each.physical_id for each in staying):
            yield Kept(name, f"the stack {stack.name} keeps it")
    resources = {(each.stack, each.logical_id): each for each in plan.scope.resources}
    for needed in sorted(plan.needed):
        if needed in resources and needed not in kept:
            yield Kept(resources[needed].physical_id, show.NEEDED)
    for kind in KINDS:
        yield from (Kept(each.name, show.NEEDED) for each in needed_of(kind, plan.things, policy))


def run(account: Account, journal: Journal, options: Options, console: Console, ask: Ask) -> int:
    """Does it: exit code 0 when nothing is left that costs money unasked, else 1.

    Args:
        account: where.
        journal: where it is written down, and what earlier runs wrote.
        options: what was decided.
        console: where it is told.
        ask: how a person is asked.

    Raises:
        InputError: when it cannot be begun.
        HeldError: when somebody else is at it.
    """
    with alone(journal.file):
        inventory, plan = planned(account, journal, options)
        console.print(show.plan_tree(plan, str(options.part)))
        inventory, plan = _agreed(account, journal, options, console, ask, inventory, plan)
        with _locked(account, inventory.aws, journal, over=options.take_over, plan=show.as_json(plan)):
            journal.write(
                resources=[
                    asdict(replace(each, needed=(each.stack, each.logical_id) in plan.needed))
                    for each in inventory.scope.resources
                ]
            )
            done = steps_done(account, journal, inventory, plan, console)
            clean = _proved(account, journal, options, console) if not options.part else True
        if done and not options.part:
            closed = closed_journal(journal, f"{account.now():%Y%m%dT%H%M%S}")
            console.print(f"the journal is {closed}", markup=False, highlight=False, soft_wrap=True)
        return 0 if done and clean else 1


@contextmanager
def _locked(account: Account, aws: Aws, journal: Journal, *, over: bool = False, **told: Any) -> Iterator[None]:
    """Nobody else works on the environment meanwhile; what is told of the run is written down with its id.

    Raises:
        HeldError: when somebody does.
    """
    run_id = uuid.uuid4().hex
    lock = Lock(aws, account.environment.name, run_id, account.caller)
    earlier = [each["run"] for each in journal.entries() if "run" in each]
    journal.write(run=run_id, by=account.caller, **told)
    account.ask(lock.take(account.now(), earlier, over=over))
    try:
        yield
    finally:
        account.ask(lock.release())


def reopen(account: Account, journal: Journal, console: Console, *, over: bool = False) -> int:
    """Lets people start things again after a run that was given up: exit code 0 when all is as it was deployed, else 1.

    Args:
        account: where.
        journal: where it is written down.
        console: where it is told.
        over: whether the lock is taken from whoever holds it.

    Raises:
        HeldError: when somebody is at it.
    """
    aws = Aws(account.client, account.environment.region, account.clock, journal)

    def told(name: str, state: str) -> None:
        console.print(f"{name}: {state}", markup=False, highlight=False, soft_wrap=True)

    with alone(journal.file), _locked(account, aws, journal, over=over):
        scope = account.ask(look(aws, account.environment.name))
        failed = [each for way in (intake, lustre) for each in account.ask(way.reopen(aws, scope, told))]
    for each in failed:
        console.print(each, markup=False, highlight=False, soft_wrap=True)
    return 1 if failed else 0


def _agreed(
    account: Account,
    journal: Journal,
    options: Options,
    console: Console,
    ask: Ask,
    inventory: Inventory,
    plan: Plan,
) -> tuple[Inventory, Plan]:
    """The plan as somebody agreed to it: shown again for as long as something else is there than they saw.

    Raises:
        InputError: when nobody can agree, or will.
    """
    name = account.environment.name
    _check(name, plan)
    if options.agreed and options.agreed.get("hash") != plan.hash:
        changed = _changes(options.agreed, plan, journal)
        if changed is None or any(line.startswith("+") for line in changed):
            told = "; ".join(changed or ["plan --json tells what"])
            if options.yes:
                raise InputError(f"plan: {options.agreed.get('hash')}: something else is there now: {told}")
            console.print(f"not the plan {options.agreed.get('hash')}: {told}", markup=False, highlight=False)
    while not options.yes:
        _typed(ask, name, str(options.part or name))
        seen = plan
        inventory, plan = planned(account, journal, options)
        _check(name, plan)
        if plan.hash == seen.hash:
            break
        console.print(show.plan_tree(plan, str(options.part)))
        for line in show.differences(show.as_json(seen), show.as_json(plan)):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    return inventory, plan


def _check(environment: str, plan: Plan) -> None:
    if plan.blockers:
        raise InputError(f"{environment}: cannot be run: {'; '.join(plan.blockers)}")


def _typed(ask: Ask, environment: str, name: str) -> None:
    try:
        answer = ask(f"type {name} to run it: ")
    except EOFError:
        raise InputError(f"{environment}: nobody is there to be asked: say --yes") from None
    if answer.strip() != name:
        raise InputError(f"{environment}: not run: the answer was not {name}")


def _changes(agreed: Json, plan: Plan, journal: Journal) -> list[str] | None:
    """What is otherwise than in the plan that was agreed to; None when of that one only the hash is known."""
    known = [agreed, *(each["plan"] for each in journal.entries() if "plan" in each)]
    whole = next((each for each in known if each["hash"] == agreed.get("hash") and "actions" in each), None)
    return show.differences(whole, show.as_json(plan)) if whole else None


def steps_done(account: Account, journal: Journal, inventory: Inventory, plan: Plan, console: Console) -> bool:
    """Runs the steps of a plan, tells and writes down how they end, and says whether all of them are done."""
    with show.Progress(console, plan, account.clock, durations(journal.entries())) as progress:

        def told(name: str, result: Result | None) -> None:
            seconds = progress.step(name, result)
            if result:
                journal.write(step=name, outcome=result.outcome, said=result.value, seconds=round(seconds))

        steps = [_guarded(each) for each in plan.steps(inventory, progress.thing)]
        results = run_steps(steps, account.clock, told=told)
    for name, result in results.items():
        if result.outcome is not Outcome.DONE:
            console.print(f"{name}: {result.outcome}: {result.value}", markup=False, highlight=False, soft_wrap=True)
    return all(result.outcome is Outcome.DONE for result in results.values())


def _guarded(step: Step) -> Step:
    """A step that ends alone whatever AWS says."""

    def work() -> Waits:
        try:
            return (yield from step.work())
        except (BotoCoreError, ClientError) as error:
            raise StepError(f"{step.name}: {error}") from None

    return replace(step, work=work)


def verified(account: Account, journal: Journal, policy: Policy) -> list[Left]:
    """What is left, by all that this run and the last one that was closed recorded."""
    entries = [*_last_closed(journal), *journal.entries()]
    aws = Aws(account.client, account.environment.region, account.clock, journal)
    scope = account.ask(look(aws, account.environment.name, recorded(entries)))
    plans = [each["plan"] for each in entries if "plan" in each]
    needed = {each["name"] for plan in plans for each in plan["kept"] if each["why"] == show.NEEDED}
    work = verify(Inventory(aws, scope), policy, account.environment.tags.project, needed)
    left: list[Left] = account.ask(work)
    return left


def _proved(account: Account, journal: Journal, options: Options, console: Console) -> bool:
    left = verified(account, journal, options.policy)
    console.print(show.left_table(left))
    journal.write(left=[asdict(each) for each in left])
    return is_clean(left)


def stop(account: Account, journal: Journal, stages: Sequence[Stage], console: Console, ask: Ask | None) -> int:
    """Stops what the stages stop: exit code 0 when all of it is.

    Raises:
        InputError: when nobody agrees.
    """
    aws = Aws(account.client, account.environment.region, account.clock, journal)
    inventory = Inventory(aws, account.ask(look(aws, account.environment.name)))
    plan = account.ask(make(inventory, Policy({}), ()))
    names = {stage.name for stage in stages}
    actions = [each for each in plan.actions if each.stage.name in names]
    plan = replace(plan, actions=tuple(_among(each, names) for each in actions), scheduled=())
    console.print(show.plan_tree(plan))
    name = account.environment.name
    if actions and ask:
        _typed(ask, name, name)
    with alone(journal.file):
        return 0 if steps_done(account, journal, inventory, plan, console) else 1


def _among(action: Action, names: set[str]) -> Action:
    return replace(action, after=action.after & names)


def recorded(entries: Iterable[Entry]) -> list[Json]:
    """The resources that runs wrote down, each as it was last."""
    found = {(each["stack"], each["logical_id"]): each for entry in entries for each in entry.get("resources", ())}
    return list(found.values())


def durations(entries: Iterable[Entry]) -> dict[str, float]:
    """Seconds that steps took that were done."""
    return {each["step"]: each["seconds"] for each in entries if each.get("outcome") == Outcome.DONE}


def closed_journal(journal: Journal, when: str) -> Path:
    """A journal that came to its end, under a name of its own, so that the next run begins anew."""
    return journal.file.rename(journal.file.with_name(f"{journal.file.stem}.{when}{journal.file.suffix}"))


def _last_closed(journal: Journal) -> list[Entry]:
    files = sorted(journal.file.parent.glob(f"{journal.file.stem}.*{journal.file.suffix}"))
    return Journal(files[-1]).entries() if files else []
