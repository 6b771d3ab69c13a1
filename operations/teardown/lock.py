"""One teardown of an environment at a time: a parameter in its account says who is at it, and since when."""

import fcntl
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from operations.teardown.aws import Aws, code_of
from operations.teardown.schedule import Waits

TIMES = 3
"""How often it is tried when the parameter is there to be written over, and gone when it is read."""


class HeldError(Exception):
    """Somebody else is at it; ``str()`` says who, since when, and what to do."""


class Lock:
    """The parameter ``/trainyard/ENVIRONMENT/teardown``.

    It stays when its process is killed: the same journal goes on with it, and everybody else is told.

    Args:
        aws: the account.
        environment: the environment's name.
        run: the id of this run.
        caller: ARN of who runs it.
    """

    def __init__(self, aws: Aws, environment: str, run: str, caller: str) -> None:
        self.name = f"/trainyard/{environment}/teardown"
        self._aws, self._environment, self._run, self._caller = aws, environment, run, caller

    def take(self, at: datetime, ours: Collection[str] = (), *, over: bool = False) -> Waits:
        """Takes it.

        Args:
            at: the time.
            ours: the ids of earlier runs of the same journal.
            over: whether it is taken from whoever holds it.

        Raises:
            HeldError: when somebody else holds it.
        """
        value = json.dumps({"by": self._caller, "at": at.isoformat(timespec="seconds"), "run": self._run})
        for _ in range(TIMES):
            try:
                yield from self._put(value, over=over)
            except ClientError as error:
                if code_of(error) != "ParameterAlreadyExists":
                    raise
            else:
                return
            holder = yield from self._holder()
            # Its own: the answer to the first attempt was lost on its way.
            if holder.get("run") in {self._run, *ours}:
                yield from self._put(value, over=True)
                return
            if holder:
                raise HeldError(
                    f"{self._environment}: {holder['by']} has been at it since {holder['at']}: wait for the end, "
                    "or, when you know that it was killed, say --take-over"
                )
        raise HeldError(f"{self._environment}: others come and go: try again")

    def release(self) -> Waits:
        """Gives it back, unless somebody took it over."""
        holder = yield from self._holder()
        if holder.get("run") != self._run:
            return
        try:
            yield from self._aws.call("ssm", "delete_parameter", Name=self.name)
        except ClientError as error:
            if code_of(error) != "ParameterNotFound":
                raise

    def _put(self, value: str, *, over: bool) -> Waits:
        yield from self._aws.call("ssm", "put_parameter", Name=self.name, Value=value, Type="String", Overwrite=over)

    def _holder(self) -> Waits:
        """What the parameter says; nothing when it is not there."""
        try:
            answer = yield from self._aws.call("ssm", "get_parameter", Name=self.name)
        except ClientError as error:
            if code_of(error) == "ParameterNotFound":
                return {}
            raise
        try:
            said: dict[str, Any] = dict(json.loads(answer["Parameter"]["Value"]))
        except ValueError:
            said = {}
        return {"by": "somebody", "at": answer["Parameter"].get("LastModifiedDate", "some time"), **said}


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """No other process on this machine works with a journal meanwhile; the system ends it with the process.

    Raises:
        HeldError: when one does.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("w") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HeldError(f"{file}: another process on this machine is at it: wait for its end") from None
        yield
