"""The Python text of Bft.tla as a system to be checked: the same bounds, steps and states as MCBft.tla under TLC.

The messages that can arrive depend on all messages ever sent (the variable `messages`), so the only node is the whole
cluster: all honest members and their messages. An event names an action; its outcomes are the steps of that action at
any member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from quorate_check.core.invariants import Invariant, StepInvariant, Witness
from quorate_check.core.system import Network, NetworkKind, Outcome, Spontaneous, System, UnusableSystemError
from quorate_check.tell import phrases
from quorate_check.tell.described import Described
from quorate_spec.bft import actions, invariants
from quorate_spec.bft.actions import Step
from quorate_spec.bft.messages import Message, Messages, Phase, Timeout, Vote
from quorate_spec.bft.state import Cluster, HonestMember, arriving, initial

WANTED = ("A", "B")
DIGESTS = (*WANTED, "Z")  # no client wants Z
HONEST, TRAITORS = ("h1", "h2", "h3"), ("t1",)
LEADERS = {
    "HonestFirst": (1, 2, 3, 4),
    "TraitorFirst": (4, 1, 2, 3),
    "TraitorOnly": (4,),
    "OneOnly": (1,),
    "TwoInTurn": (1, 2),
}


@dataclass(frozen=True, slots=True)
class ClusterState:
    """All honest members, and every message that they ever sent."""

    servers: tuple[HonestMember, ...]
    messages: Messages


@dataclass(frozen=True, slots=True)
class Act:
    """The event that a member takes the action of this name, with any parameters that the guard allows."""

    action: str


@dataclass(frozen=True, slots=True)
class BftSpecBounds:
    """The constants of MCBft.tla: members h1, h2, … and t1, which are 1, 2, 3 and 4 in Python."""

    honest: int = 3
    traitors: int = 1
    leaders: str = "TraitorOnly"
    wanted: int = 2
    max_index: int = 1
    max_view: int = 1
    timeouts: bool = False
    start_again: bool = False
    certificates: bool = False

    def __post_init__(self) -> None:
        """Raise UnusableSystemError if MCBft.tla has no such cluster."""
        if not 1 <= self.honest <= len(HONEST) or not 0 <= self.traitors <= len(TRAITORS):
            raise UnusableSystemError(f"{self.honest} honest members and {self.traitors} traitors: MCBft.tla has none")
        if not set(LEADERS[self.leaders]) <= {*range(1, self.honest + 1), *range(4, 4 + self.traitors)}:
            raise UnusableSystemError(f"{self.leaders}: a leader is missing")

    def as_dict(self) -> dict[str, int | bool | str]:
        """Return the bounds as plain values, for reports."""
        return asdict(self)

    def constants(self) -> dict[str, str]:
        """Return the constants of MCBft.tla for these bounds, in the syntax of a cfg file."""

        def word(value: bool) -> str:  # noqa: FBT001 - it is the value
            return "TRUE" if value else "FALSE"

        return {
            **{name: name for name in (*HONEST, *TRAITORS)},
            "Nil": "Nil",
            "Honest": "{" + ", ".join(HONEST[: self.honest]) + "}",
            "Traitor": "{" + ", ".join(TRAITORS[: self.traitors]) + "}",
            "Digest": "{" + ", ".join(DIGESTS) + "}",
            "Wanted": "{" + ", ".join(WANTED[: self.wanted]) + "}",
            "MaxIndex": str(self.max_index),
            "MaxView": str(self.max_view),
            "WithTimeouts": word(self.timeouts),
            "WithStartAgain": word(self.start_again),
            "WithCertificates": word(self.certificates),
        }

    def cfg(self) -> str:
        """Return a configuration of MCBft.tla for TLC: these bounds, all invariants."""
        return "\n".join(
            (
                "SPECIFICATION MCSpec",
                "CONSTANTS",
                *(f"    {name} = {value}" for name, value in self.constants().items()),
                f"    Leaders <- {self.leaders}",
                "INVARIANTS",
                "    TypeOK",
                "    Validity",
                *(f"    {name}" for name in invariants.INVARIANTS),
                "PROPERTIES",
                *(f"    {name}" for name in invariants.STEP_INVARIANTS),
                "",
            )
        )

    @property
    def cluster(self) -> Cluster:
        """The members, the traitors among them, and the leaders."""
        honest, traitors = tuple(range(1, self.honest + 1)), tuple(range(4, 4 + self.traitors))
        return Cluster(honest, traitors, LEADERS[self.leaders])

    def system(self) -> System:
        """Return the specification within these bounds, with all its invariants."""
        cluster, wanted = self.cluster, WANTED[: self.wanted]
        return System(
            name="bft-spec",
            initial=(ClusterState(tuple(initial(i, cluster, wanted) for i in cluster.honest), frozenset()),),
            step=self.step,
            network=Network(NetworkKind.UNORDERED, capacity=1),
            source=lambda _: 0,
            destination=lambda _: 0,
            spontaneous=tuple(Spontaneous(Act(name)) for name in (*self._own_actions(), "Receive")),
            invariants=(
                _invariant("Validity", self._validity),
                *(_invariant(name, holds) for name, holds in invariants.INVARIANTS.items()),
                *(_step_invariant(name, holds) for name, holds in invariants.STEP_INVARIANTS.items()),
            ),
            witnesses=(
                Witness("something is decided", _identity, lambda worlds: any(s.log for s in worlds[0].servers)),
            ),
            described=Described(lambda event: event.action, _describe_change, name=lambda _world: "the members"),
        )

    def step(self, world: ClusterState, event: Act) -> tuple[Outcome, ...]:
        """Return an outcome for every cluster state to which an action of this name leads."""
        worlds: dict[ClusterState, None] = {}
        messages = self._arriving(world.messages) if event.action == "Receive" else ()
        for number, server in enumerate(world.servers):
            if len(server.log) >= self.max_index:
                continue
            steps = (result for m in messages for action in actions.RECEIVING for result in action(server, m))
            for result in steps if event.action == "Receive" else self._own_actions()[event.action](server):
                if result.server.view <= self.max_view:
                    servers = (*world.servers[:number], result.server, *world.servers[number + 1 :])
                    worlds[ClusterState(servers, world.messages.union(result.sent))] = None
        return tuple(Outcome(after) for after in worlds if after != world)

    def _own_actions(self) -> dict[str, Callable[[HonestMember], Iterator[Step]]]:
        """Return the disjuncts of MCNext that receive no message, by the name of their action."""
        wanted = WANTED[: self.wanted]
        return {
            "ViewTimeout": actions.view_timeout,
            "FollowTimeouts": actions.follow_timeouts,
            **({"Submit": _for_each(actions.submit, wanted)} if self.start_again else {}),
            **({"WaitOver": actions.wait_over} if self.timeouts else {}),
            "Propose": _for_each(actions.propose, DIGESTS),
            **({"Certify": _certify} if self.certificates else {}),
            **({"StartAgain": actions.start_again} if self.start_again else {}),
        }

    def _arriving(self, messages: Messages) -> tuple[Message, ...]:
        indices, views = range(1, self.max_index + 1), range(1, self.max_view + 1)
        return tuple(m for m in arriving(self.cluster, messages, indices, views, DIGESTS) if self._is_enabled(m))

    def _is_enabled(self, m: Message) -> bool:
        match m:
            case Timeout():
                return self.timeouts
            case Vote():
                return self.certificates
            case _:
                return True

    def _validity(self, servers: tuple[HonestMember, ...], _messages: Messages) -> bool:
        """Every decided digest is one that a client wants."""
        return all(decision.digest in WANTED[: self.wanted] for server in servers for decision in server.log)


def _for_each(
    action: Callable[[HonestMember, Any], Iterator[Step]], values: tuple[Any, ...]
) -> Callable[[HonestMember], Iterator[Step]]:
    def for_all_values(server: HonestMember) -> Iterator[Step]:
        for value in values:
            yield from action(server, value)

    return for_all_values


def _certify(server: HonestMember) -> Iterator[Step]:
    for phase in Phase:
        for digest in DIGESTS:
            yield from actions.certify(server, phase, digest)


def _identity(world: ClusterState) -> ClusterState:
    return world


def _invariant(name: str, holds: Callable[[tuple[HonestMember, ...], Messages], bool]) -> Invariant:
    return Invariant(name, str(holds.__doc__), _identity, lambda worlds: holds(worlds[0].servers, worlds[0].messages))


def _step_invariant(name: str, holds: Callable[[HonestMember, HonestMember], bool]) -> StepInvariant:
    def holds_for_all(before: ClusterState, _event: Any, after: ClusterState, _sent: Any) -> bool:  # noqa: ANN401 - of no interest
        return all(holds(old, new) for old, new in zip(before.servers, after.servers, strict=True))

    return StepInvariant(name, str(holds.__doc__), holds_for_all)


def _describe_change(before: ClusterState, after: ClusterState) -> str:
    """Return the members whose variables changed, and the new messages."""
    changed = [f"s{old.id}" for old, new in zip(before.servers, after.servers, strict=True) if old != new]
    new = sorted(phrases.value_text(m, 200) for m in after.messages - before.messages)
    return "; ".join([*changed, *(f"now sent: {m}" for m in new)]) or "nothing changes"
