"""The options of `model-check raft` that make one server a traitor."""

from typing import Annotated

import typer

from quorate_check.core.system import UnusableSystemError
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.traitor.bounds import TraitorBounds
from quorate_check.raft.traitor.subject import Traitor

TraitorOption = Annotated[
    Traitor | None,
    typer.Option("--traitor", help="Make the last server a traitor that does this."),
]
QuorumOption = Annotated[
    int | None,
    typer.Option("--quorum", help="With a traitor: servers that elect and commit.", show_default="a majority"),
]
PromiseOption = Annotated[
    str | None,
    typer.Option("--promise", metavar="NAME", help="With a traitor: judge only this promise, e.g. StateMachineSafety."),
]


def with_traitor(
    bounds: RaftBounds, traitor: Traitor | None, quorum: int | None, promise: str | None
) -> RaftBounds | TraitorBounds:
    """Return `bounds`, with the traitor if there is one; raise UnusableSystemError for options that need one."""
    if traitor is not None:
        return TraitorBounds(bounds, traitor, quorum, promise)
    for flag, value in (("--quorum", quorum), ("--promise", promise)):
        if value is not None:
            raise UnusableSystemError(f"{flag} {value}: this option needs --traitor")
    return bounds
