"""What AWS refuses in a stage, as the one line that says so."""

from dataclasses import replace

from botocore.exceptions import ClientError

from operations.teardown.aws import code_of, message_of
from operations.teardown.schedule import StepError, Waits
from operations.teardown.stages import Stage


def telling(stage: Stage) -> Stage:
    """The same stage, which ends with a ``StepError`` when AWS refuses a call that nothing in it knows how to take."""
    return replace(
        stage,
        finds=lambda *arguments: _said(stage.name, stage.finds(*arguments)),
        work=lambda *arguments: _said(stage.name, stage.work(*arguments)),
    )


def _said(name: str, work: Waits) -> Waits:
    try:
        return (yield from work)
    except ClientError as error:
        raise StepError(f"{name}: {error.operation_name}: {code_of(error)}: {message_of(error)}") from None
