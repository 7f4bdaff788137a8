"""Raft's elections without logs, as a system of Quorate: the same model as in Election.tla and election.pml.

As a program it searches the model, and prints the counts as a line of JSON:

    python benchmarks/election/election.py --servers 3 --terms 2 --capacity 8 --workers 1
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from quorate_check import Deliver, Invariant, Network, NetworkKind, Outcome, Over, Spontaneous, System
from quorate_check.engine import Limits, explore


@dataclass(frozen=True, slots=True)
class Message:
    """A candidate's request for a vote in `term`, or the vote that is the answer."""

    kind: str
    term: int
    source: int
    destination: int


@dataclass(frozen=True, slots=True)
class Server:
    """A server: its term, its vote in that term, and the votes it has if it is a candidate."""

    me: int
    term: int = 0
    role: str = "follower"
    vote: int | None = None
    votes: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Election:
    """The sizes of the model: at most `capacity` messages are in flight; a candidate with `quorum` votes leads."""

    servers: int
    terms: int
    capacity: int
    quorum: int

    def step(self, server: Server, event: Any) -> Iterator[Outcome]:  # noqa: ANN401 - any event of the system
        """Yield what `server` may do on `event`."""
        match event:
            case "timeout" if server.role != "leader" and server.term < self.terms:
                yield self.stand(server)
            case Deliver(Message("request") as request) if request.term >= server.term:
                yield answer(server, request)
            case Deliver(Message("vote", term, source)) if server.role == "candidate" and term == server.term:
                votes = server.votes | {source}
                role = "leader" if len(votes) >= self.quorum else "candidate"
                yield Outcome(replace(server, role=role, votes=votes))

    def stand(self, server: Server) -> Outcome:
        """Return the step of a server that becomes a candidate, and votes for itself."""
        term = server.term + 1
        others = (i for i in range(self.servers) if i != server.me)
        requests = tuple(Message("request", term, server.me, other) for other in others)
        return Outcome(Server(server.me, term, "candidate", server.me, frozenset({server.me})), requests)

    def system(self) -> System:
        """Return the model as a system."""
        return System(
            name="election",
            initial=tuple(Server(i) for i in range(self.servers)),
            step=self.step,
            network=Network(NetworkKind.UNORDERED, capacity=self.capacity),
            spontaneous=(Spontaneous("timeout"),),
            invariants=(
                Invariant(
                    "ElectionSafety",
                    "no two servers lead the same term",
                    view=lambda server: server.term if server.role == "leader" else None,
                    holds=lambda terms: terms[0] is None or terms[0] != terms[1],
                    over=Over.PAIRS,
                ),
            ),
        )


def answer(server: Server, request: Message) -> Outcome:
    """Return the step on a request of this term or a newer one; a newer term makes a follower, and a vote is final."""
    if request.term > server.term:
        server = Server(server.me, request.term)
    if server.vote is not None:
        return Outcome(server)
    vote = Message("vote", request.term, server.me, request.source)
    return Outcome(replace(server, vote=request.source), (vote,))


def main() -> None:
    """Search the model, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("servers", 3), ("terms", 2), ("capacity", 8), ("quorum", 2), ("workers", 1)):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"[default: {default}]")
    sizes = vars(parser.parse_args())
    workers = sizes.pop("workers")
    exploration = explore(Election(**sizes).system(), Limits(workers=workers))
    json.dump(
        {
            "verdict": exploration.verdict.value,
            "conclusion": exploration.conclusion,
            "states": exploration.states,
            "depth": exploration.depth,
            "transitions": exploration.transitions,
            "seconds": exploration.seconds,
            "broken": None if exploration.path is None else exploration.path.broken,
            "stopped": exploration.stopped,
        },
        sys.stdout,
    )
    print()


if __name__ == "__main__":
    main()
