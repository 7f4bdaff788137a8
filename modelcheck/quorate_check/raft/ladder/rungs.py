"""The rungs of the ladder: the rule that each adds, and the claim about its search.

The first rungs are searches of the real core with one traitor. The others change the protocol, so they are searches of
the small model, each with the rules of the rung before and one more. Only the last replaces two rules, which are no
longer needed, by two others.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate_check.core.path import Path
from quorate_check.core.system import System, UnusableSystemError
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.ladder.voting import QUORUM, TRAITOR, VotingRule
from quorate_check.raft.ladder.words import SAFETY, story, voting_system
from quorate_check.raft.traitor.bounds import TraitorBounds
from quorate_check.raft.traitor.subject import Traitor
from quorate_check.tell.path_text import path_lines

ELECTIONS = "ElectionSafety"
COMPLETENESS = "LeaderCompleteness"


@dataclass(frozen=True, slots=True)
class Core:
    """A search of the real core."""

    bounds: TraitorBounds

    @property
    def servers(self) -> int:
        """The number of servers, including the traitor."""
        return self.bounds.cluster.servers

    @property
    def quorum(self) -> int:
        """The size of a quorum."""
        return self.bounds.quorum_size

    def system(self, *, named: bool) -> System:  # noqa: ARG002 - paths are renamed back by the engine
        """Return the system of the rung."""
        return self.bounds.system()

    def lines(self, path: Path, width: int) -> list[str]:
        """Return the lines that print a path."""
        return list(path_lines(self.bounds.system(), path, width))


@dataclass(frozen=True, slots=True)
class Small:
    """A search of the small model."""

    rules: frozenset[VotingRule]
    max_term: int = 2

    @property
    def servers(self) -> int:
        """The number of servers, including the traitor."""
        return TRAITOR

    @property
    def quorum(self) -> int:
        """The size of a quorum."""
        return QUORUM

    def system(self, *, named: bool) -> System:
        """Return the system of the rung."""
        return voting_system(self.rules, self.max_term, named=named)

    def lines(self, path: Path, width: int) -> list[str]:  # noqa: ARG002 - its lines are short
        """Return the lines that print a path."""
        *steps, last = story(path)
        return [*(f"  {n:>2}. {line}" for n, line in enumerate(steps, start=1)), "", last]


@dataclass(frozen=True, slots=True)
class Rung:
    """What is `added` to the rung before, and the promise claimed to break after `steps` steps; None if none does."""

    added: str
    search: Core | Small
    broken: str | None = None
    steps: int | None = None
    promises: str = "all promises"


def core(traitor: Traitor, bounds: RaftBounds, quorum: int | None = None, promise: str | None = None) -> Core:
    """Return a search of the core with a traitor of kind `traitor`."""
    return Core(TraitorBounds(bounds, traitor, quorum, promise))


ONE_ENTRY = RaftBounds(max_log=1, in_flight=6)
NO_ENTRIES = RaftBounds(servers=5, max_term=1, max_log=0, proposals=0, in_flight=10)
CERTIFIED = frozenset({VotingRule.ELECTION_CERTIFICATE})
ACKNOWLEDGED = CERTIFIED | {VotingRule.BROADCAST_ACKS}
ONCE = ACKNOWLEDGED | {VotingRule.ACK_ONCE}
BEST = ONCE | {VotingRule.BEST_LOG}
LOCKED = (ONCE - CERTIFIED) | {VotingRule.PREPARE, VotingRule.LOCK}

RUNGS: tuple[Rung, ...] = (
    Rung("one of three servers is silent", core(Traitor.SILENT, ONE_ENTRY)),
    Rung("it votes for everybody", core(Traitor.VOTE, ONE_ENTRY), ELECTIONS, 4),
    Rung("it only acknowledges what it doesn't hold", core(Traitor.ACK_WITHOUT_VOTES, ONE_ENTRY)),
    Rung("it does so, and votes once in a term", core(Traitor.ACK, ONE_ENTRY), COMPLETENESS, 7),
    Rung("the same: until servers differ", core(Traitor.ACK, ONE_ENTRY, promise=SAFETY), SAFETY, 9, SAFETY),
    Rung("the same: are there two leaders?", core(Traitor.ACK, ONE_ENTRY, promise=ELECTIONS), promises=ELECTIONS),
    Rung("it sends entries as if it led", core(Traitor.FORGE, RaftBounds(max_log=1)), SAFETY, 2),
    Rung("five servers; it votes for everybody", core(Traitor.VOTE, NO_ENTRIES), ELECTIONS, 8),
    Rung("a quorum is four of five", core(Traitor.VOTE, NO_ENTRIES, 4)),
    Rung(
        "three of four; it votes and acknowledges at will",
        core(Traitor.VOTE_AND_ACK, RaftBounds(servers=4, max_log=1, in_flight=4)),
    ),
    Rung("it sends entries as if it led", core(Traitor.FORGE, RaftBounds(servers=4, max_log=1)), SAFETY, 2),
    Rung("+ a leader shows signed votes", Small(CERTIFIED), SAFETY, 4),
    Rung("+ a commit shows signed acknowledgements", Small(ACKNOWLEDGED), SAFETY, 6),
    Rung("+ one acknowledgement in a term", Small(ONCE), SAFETY, 10),
    Rung("+ the best of its voters' signed logs", Small(BEST), SAFETY, 11),
    Rung("+ a second vote, which locks", Small(LOCKED, max_term=3)),
)
FIRST = RUNGS[:8]  # a few seconds; the default check has them


def rung_system(rung: int) -> System:
    """Return the system of a rung, counted from 1; raise UnusableSystemError if there is no such rung."""
    if not 1 <= rung <= len(RUNGS):
        raise UnusableSystemError(f"--rung {rung}: the ladder's rungs are 1 to {len(RUNGS)}")
    return RUNGS[rung - 1].search.system(named=True)
