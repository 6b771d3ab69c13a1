"""What a rule is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from policies.rules.template import App, Finding

Check = Callable[[App], Iterator[Finding]]


@dataclass(frozen=True)
class Rule:
    """One rule about the templates of an app.

    Args:
        id: by which it is acknowledged, as ``Trainyard::ID``.
        title: what must hold, in one sentence.
        why: what goes wrong otherwise.
        source: what it rests on.
        fix: what to change.
        check: finds what breaks it.
        warning: whether it is advice; it is answered for all the same.
    """

    id: str
    title: str
    why: str
    source: str
    fix: str
    check: Check
    warning: bool = False


class RuleBook(list[Rule]):
    """The rules of one module, in the order in which they stand there."""

    def rule(
        self, id_: str, title: str, *, why: str, source: str, fix: str, warning: bool = False
    ) -> Callable[[Check], Check]:
        """Makes a rule of the function below it."""

        def add(check: Check) -> Check:
            self.append(Rule(id_, title, why, source, fix, check, warning))
            return check

        return add
