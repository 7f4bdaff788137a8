"""The output of a step, and the contract about it: write, then send (`quorate.disk` is the contract as code).

The driver must do this:

1. `persist` is one atomic write, and writes become durable in the order of steps.
2. `send` may leave only when this step's write and all earlier ones are durable. A message of a member to itself is
   delivered like any other, also only then: a leader's own vote counts when it is durable.
3. The decisions in `decided` are applied in order, once. `evidence` is stored.
4. `reset_timer` begins a view: a ViewTimeout is due when the view has lasted too long. The timeout must grow with the
   number of the view.
5. `start_wait` asks for a WaitOver after Δ, the time that a message takes at most on a good network.

Messages may be lost at any point, also by the driver.
"""

from dataclasses import dataclass, replace

from quorate.bft.decisions import Decisions
from quorate.bft.evidence import Evidence
from quorate.bft.messages import Certificate, Message, Propose
from quorate.bft.state import State


@dataclass(frozen=True, slots=True)
class Persist:
    """One atomic write: decisions to append, and the persistent state of the current instance."""

    decided: tuple[Certificate, ...]
    view: int
    accepted: Propose | None
    lock: Certificate | None
    committed_view: int
    proposed_view: int


@dataclass(frozen=True, slots=True)
class Durable:
    """The contents of the disk."""

    decisions: Decisions = Decisions()  # noqa: RUF009  # a value, as immutable as the 1 below
    view: int = 1
    accepted: Propose | None = None
    lock: Certificate | None = None
    committed_view: int = 0
    proposed_view: int = 0

    def after(self, persist: Persist) -> "Durable":
        """The contents after the write `persist`: every storage must agree with this function."""
        return Durable(
            self.decisions.extend(persist.decided),
            persist.view,
            persist.accepted,
            persist.lock,
            persist.committed_view,
            persist.proposed_view,
        )


@dataclass(frozen=True, slots=True)
class Output:
    """The state after one step, and what the driver must do."""

    state: State
    persist: Persist | None = None
    send: tuple[Message, ...] = ()
    decided: tuple[Certificate, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    reset_timer: bool = False
    start_wait: bool = False

    def then(self, later: "Output") -> "Output":
        """Return the output of this handler followed by that of a handler that went on from its state."""
        return replace(
            later,
            send=self.send + later.send,
            evidence=self.evidence + later.evidence,
            reset_timer=self.reset_timer or later.reset_timer,
            start_wait=self.start_wait or later.start_wait,
        )


def settle(before: State, output: Output) -> Output:
    """The output of a handler, completed with the write and the decisions, which follow from comparing the states."""
    after = output.state
    if after is before or persistent(after) == persistent(before):
        return output
    decided = after.decisions.since(len(before.decisions))
    return replace(output, persist=Persist(decided, *persistent(after)[1:]), decided=decided)


def persistent(
    state: State,
) -> tuple[Decisions, int, Propose | None, Certificate | None, int, int]:
    """Return the persistent part of `state`."""
    return (
        state.decisions,
        state.view,
        state.accepted,
        state.lock,
        state.committed_view,
        state.proposed_view,
    )
