"""Answers to the operations that moto lacks or gets wrong: records in a store, as the tables say."""

import threading
from functools import cache, partial

from local_aws.clients import Clients
from local_aws.clock import Clock
from local_aws.front import Front
from local_aws.services import in_moto, late, tagged
from local_aws.services.check import tables
from local_aws.services.operations import Service


def install(front: Front, clock: Clock, consistency: float = 0) -> None:
    """Lets the records of the tables answer; they start empty.

    Args:
        front: what lets them answer.
        clock: what durations go by.
        consistency: the seconds after which lists show what was made or is gone.

    Raises:
        local_aws.services.table.TableError: when a table cannot be.
    """
    # One for all: a call of one service to another comes back in the same thread.
    lock = threading.RLock()
    clients = cache(partial(Clients, clock=clock))
    made = [Service(table, clock, clients, lock, consistency) for table in tables()]
    for service in made:
        service.install(front)
    tagged.install(front, made)
    in_moto.install(front)
    late.install(front, clock)
