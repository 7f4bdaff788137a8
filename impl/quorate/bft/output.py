"""What one step asks of the world: write, then send; the order is a promise, and `quorate.disk` is its code.

The driver owes the core this:

1. `persist` is one atomic write, and writes become durable in the order in which steps asked for them.
2. `send` may leave only when this step's write and every earlier one is durable. A message to the member itself is
   delivered to it like any other, also only then: a leader's own vote counts when it can't be forgotten.
3. `decided` is applied in order, once. `evidence` is kept.
4. `reset_timer` begins a view: a ViewTimeout is due when it has lasted too long. The patience must grow with the view.
5. `start_wait` asks for a WaitOver when a message sent now would have arrived (Δ).

Messages may be lost at any point, by the driver too.
"""

from dataclasses import dataclass, replace

from quorate.bft.decisions import Decisions
from quorate.bft.evidence import Evidence
from quorate.bft.messages import Certificate, Message, Propose
from quorate.bft.state import State


@dataclass(frozen=True, slots=True)
class Persist:
    """One atomic write: new decisions behind those that are there, and all that is held of the instance under way."""

    decided: tuple[Certificate, ...]
    view: int
    accepted: Propose | None
    lock: Certificate | None
    committed_view: int
    proposed_view: int


@dataclass(frozen=True, slots=True)
class Durable:
    """What the disk holds."""

    decisions: Decisions = Decisions()  # noqa: RUF009  # a value, as immutable as the 1 below
    view: int = 1
    accepted: Propose | None = None
    lock: Certificate | None = None
    committed_view: int = 0
    proposed_view: int = 0

    def after(self, persist: Persist) -> "Durable":
        """What the disk holds once `persist` is written: storage must do what this does."""
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
    """The state after one step, and what the world owes it."""

    state: State
    persist: Persist | None = None
    send: tuple[Message, ...] = ()
    decided: tuple[Certificate, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    reset_timer: bool = False
    start_wait: bool = False

    def then(self, later: "Output") -> "Output":
        """Return the output of this handler and of one that went on from its state."""
        return replace(
            later,
            send=self.send + later.send,
            evidence=self.evidence + later.evidence,
            reset_timer=self.reset_timer or later.reset_timer,
            start_wait=self.start_wait or later.start_wait,
        )


def settle(before: State, output: Output) -> Output:
    """The output of a handler, with what there is to write and to apply: found by comparing, so none can forget to."""
    after = output.state
    if after is before or held(after) == held(before):
        return output
    decided = after.decisions.since(len(before.decisions))
    return replace(output, persist=Persist(decided, *held(after)[1:]), decided=decided)


def held(
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
