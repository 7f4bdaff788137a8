"""The Python text of Raft.tla as a system to be checked: the same bounds, steps and states as MCRaft.tla under TLC.

An event names an action of Raft.tla; its outcomes are the steps that the action allows for every choice of its other
parameters. The delivery of a message has the steps of every action that may receive it. A step that doesn't consume the
message sends it again, and a message for which no action is enabled stays in flight, as in TLA+. The network's kind and
budgets decide about losses and duplicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from itertools import product
from typing import Any

from quorate_check.core.invariants import Invariant, StepInvariant, Witness
from quorate_check.core.system import (
    Defer,
    Deliver,
    Network,
    NetworkKind,
    Outcome,
    Spontaneous,
    Symmetry,
    System,
    UnusableSystemError,
)
from quorate_check.raft.memberships import Members, changes_of, first_members, interchangeable
from quorate_check.raft.pictures import (
    LABELS,
    badge,
    boxes,
    brief_message,
    marks,
    rules_of_specification,
    spec_picture,
)
from quorate_check.raft.spec_symmetry import rename_message, rename_server
from quorate_check.raft.why import STEP_WHY, WHY
from quorate_check.raft.words import config_text, entry_text
from quorate_check.tell.described import Described
from quorate_spec.raft import actions, invariants
from quorate_spec.raft.actions import Step
from quorate_spec.raft.messages import Config, Entry, Message
from quorate_spec.raft.state import Applied, Role, Server, config, initial, is_quorum, members_of

VALUE = "v1"  # the only value in MCRaft.cfg
NO_CAPACITY = 1_000_000  # messages in flight, more than any search of TLC meets
MOST_SERVERS = 9
OF_BOUNDED_NETWORKS = ("in_flight", "drops", "duplicates")
ANY_HAS_NO_BOUNDS = (
    "--any-network holds any number of messages, lost and repeated as well: "
    "leave --in-flight, --drops and --duplicates out"
)
FAULTS = frozenset({"StallDisk", "Restart"})
# Variables whose values are servers.
NAMES_SERVERS = frozenset({"voted_for", "votes_granted", "confirmed_by", "transfer_target"})


@dataclass(frozen=True, slots=True)
class Act:
    """The event that a server takes the action of this name, with any parameters that the guard allows."""

    action: str

    def __str__(self) -> str:
        """Return the name of the action."""
        return self.action


@dataclass(frozen=True, slots=True)
class SpecBounds:
    """The constants of MCRaft.tla: the size of the cluster and the kinds of failure, each any number of times.

    A leader begins at most `max_rounds` rounds of reads in a term. `members` found the cluster, all servers if it is
    empty; leaders change the members to any voters of `changes` with any learners of `changes`, within `max_log`
    (memberships.py has the syntax).
    On `any_network` what was sent stays in flight: any number of messages, each lost, repeated or late.
    """

    servers: int = 3
    max_term: int = 2
    max_log: int = 1
    in_flight: int = 2
    max_entries: int = 1
    restarts: bool = False
    stalls: bool = False
    step_downs: bool = False
    drops: bool = False
    duplicates: bool = False
    pre_vote: bool = False
    ignored_requests: bool = False
    snapshots: bool = False
    max_rounds: int = 0
    transfers: bool = False
    members: str = ""
    changes: str = ""
    symmetry: bool = True
    any_network: bool = False

    def __post_init__(self) -> None:
        """Raise UnusableSystemError if a bound is out of its range, or contradicts `any_network`."""
        if self.any_network and (self.drops or self.duplicates):
            raise UnusableSystemError(ANY_HAS_NO_BOUNDS)
        if not 1 <= self.servers <= MOST_SERVERS:
            raise UnusableSystemError(f"--servers {self.servers}: a cluster here has between 1 and {MOST_SERVERS}")
        for name, least in (("max_term", 1), ("max_log", 0), ("in_flight", 1), ("max_entries", 0), ("max_rounds", 0)):
            if getattr(self, name) < least:
                raise UnusableSystemError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be {least} or more")
        first_members(self.members, self.servers)
        changes_of(self.changes, self.servers)

    @property
    def founders(self) -> Members:
        """The members of the first configuration."""
        return first_members(self.members, self.servers)

    @property
    def targets(self) -> tuple[Members, ...]:
        """The members to which a leader may change the cluster."""
        changes = changes_of(self.changes, self.servers)
        voters, learners = ({getattr(each, name) for each in changes} for name in ("voters", "learners"))
        return tuple(
            Members(*pair) for pair in product(sorted(voters), sorted(learners)) if not set(pair[0]) & set(pair[1])
        )

    def with_every_fault(self) -> SpecBounds:
        """Return these bounds with crashes, step-downs, snapshots, lost messages and duplicates."""
        return replace(self, restarts=True, step_downs=True, drops=True, duplicates=True, snapshots=True)

    def as_dict(self) -> dict[str, int | bool | str]:
        """Return the bounds as plain values, for reports; without members and changes if the members don't change."""
        excluded = OF_BOUNDED_NETWORKS if self.any_network else ()
        return {name: value for name, value in asdict(self).items() if name not in excluded and value != ""}

    def constants(self) -> dict[str, str]:
        """Return the constants of MCRaft.tla for these bounds, in the syntax of a cfg file."""

        def word(value: bool) -> str:  # noqa: FBT001 - it is the value
            return "TRUE" if value else "FALSE"

        def group(servers: Iterable[int]) -> str:
            return "{" + ", ".join(f"s{i}" for i in servers) + "}"

        def groups(sets: Iterable[tuple[int, ...]]) -> str:
            return "{" + ", ".join(map(group, sorted(set(sets)))) + "}"

        changes = changes_of(self.changes, self.servers)
        return {
            "Server": group(range(1, self.servers + 1)),
            "Voters": group(self.founders.voters),
            "Learners": group(self.founders.learners),
            "Value": "{" + VALUE + "}",
            "NoOpValue": "NoOpValue",
            "Nil": "Nil",
            "MaxTerm": str(self.max_term),
            "MaxLog": str(self.max_log),
            "MaxInFlight": str(NO_CAPACITY if self.any_network else self.in_flight),
            "MaxEntries": str(self.max_entries),
            "WithRestart": word(self.restarts),
            "WithStall": word(self.stalls),
            "WithStepDown": word(self.step_downs),
            "WithDrop": word(self.drops),
            "WithDuplicate": word(self.duplicates or self.any_network),
            "WithPreVote": word(self.pre_vote),
            "WithIgnored": word(self.ignored_requests),
            "WithSnapshots": word(self.snapshots),
            "MaxRounds": str(self.max_rounds),
            "WithTransfer": word(self.transfers),
            "TargetVoters": groups(each.voters for each in changes),
            "TargetLearners": groups(each.learners for each in changes),
        }

    def cfg(self) -> str:
        """Return a configuration of MCRaft.tla for TLC: these bounds, all invariants, no check for deadlocks."""
        symmetric = self.symmetry and self.servers > 1  # TLC (2020) fails on permutations of a single server
        return "\n".join(
            (
                f"SPECIFICATION {'MCAnySpec' if self.any_network else 'MCSpec'}",
                "CONSTANTS",
                *(f"    {name} = {value}" for name, value in self.constants().items()),
                *(["SYMMETRY Symmetric"] if symmetric else []),
                "INVARIANTS",
                "    TypeOK",
                *(f"    {name}" for name in invariants.INVARIANTS),
                "PROPERTIES",
                *(f"    {name}" for name in invariants.STEP_INVARIANTS),
                "",
            )
        )

    def system(self) -> System:
        """Return the specification within these bounds, with all its invariants."""
        everyone = range(1, self.servers + 1)
        founders = self.founders
        parts = interchangeable(self.servers, (founders, *self.targets))
        return System(
            name="raft-spec",
            initial=tuple(initial(i, founders.voters, founders.learners) for i in everyone),
            step=self.step,
            network=self._network(),
            source=lambda message: message.source - 1,
            destination=lambda message: message.dest - 1,
            spontaneous=tuple(Spontaneous(Act(name), fault=name in FAULTS) for name in self._spontaneous()),
            invariants=INVARIANTS,
            witnesses=WITNESSES,
            symmetry=Symmetry(rename_server, rename_message, groups=parts) if self.symmetry else None,
            described=Described(
                describe_event,
                describe_change,
                brief=lambda e: e.action if isinstance(e, Act) else brief_message(e),
                marks=lambda before, after: tuple(marks(spec_picture(before), spec_picture(after))),
                badge=lambda server: badge(spec_picture(server)),
                boxes=lambda server: boxes(spec_picture(server)),
                facts=facts,
                name=lambda server: f"s{server.id}",
                rules=rules_of_specification,
                labels=LABELS,
            ),
        )

    def _network(self) -> Network:
        if self.any_network:
            return Network(NetworkKind.ANY)
        drops, duplicates = (None if unlimited else 0 for unlimited in (self.drops, self.duplicates))
        return Network(NetworkKind.UNORDERED, self.in_flight, drops, duplicates)

    def step(self, server: Server, event: Deliver | Act) -> tuple[Outcome | Defer, ...]:
        """Return the outcomes of `event` at `server`."""
        if isinstance(event, Act):
            steps = self._spontaneous()[event.action](server)
            return tuple(Outcome(step.server, step.sent) for step in steps)
        m: Message = event.message
        receiving = (a for a in actions.RECEIVING if self.ignored_requests or a is not actions.ignore_request_vote)
        possible = (step for action in receiving for step in action(server, m))
        steps = (step for step in possible if step.server.current_term <= self.max_term)
        outcomes = (Outcome(step.server, (*step.sent, m) if step.stays else step.sent) for step in steps)
        return tuple(outcomes) or (Defer(),)

    def _spontaneous(self) -> dict[str, Callable[[Server], Iterator[Step]]]:
        """Return the disjuncts of MCNext that receive no message, by the name of their action."""
        return {
            **({"BecomePreCandidate": self._become_pre_candidate} if self.pre_vote else {}),
            **({"RequestPreVote": each_peer(actions.request_pre_vote)} if self.pre_vote else {}),
            "Timeout": self._timeout,
            "RequestVote": each_peer(actions.request_vote),
            "BecomeLeader": actions.become_leader,
            **({"StepDown": actions.step_down} if self.step_downs else {}),
            "ClientRequest": self._client_request,
            "AppendEntries": self._append_entries,
            "AdvanceCommitIndex": actions.advance_commit_index,
            **({"ChangeMembers": self._change_members, "LeaveJoint": actions.leave_joint} if self.changes else {}),
            **({"Compact": actions.compact} if self.snapshots else {}),
            **({"InstallSnapshot": each_peer(actions.install_snapshot)} if self.snapshots else {}),
            **(
                {
                    "BeginReads": self._begin_reads,
                    "ConfirmLeadership": each_peer(actions.confirm_leadership),
                    "EndReads": actions.end_reads,
                }
                if self.max_rounds
                else {}
            ),
            **(
                {
                    "TransferLeadership": each_peer(actions.transfer_leadership),
                    "TimeoutNow": each_peer(actions.timeout_now),
                    "GiveUpTransfer": actions.give_up_transfer,
                }
                if self.transfers
                else {}
            ),
            **({"StallDisk": actions.stall_disk} if self.stalls else {}),
            **({"Restart": actions.restart} if self.restarts else {}),
        }

    def _become_pre_candidate(self, server: Server) -> Iterator[Step]:
        if server.current_term < self.max_term:
            yield from actions.become_pre_candidate(server)

    def _timeout(self, server: Server) -> Iterator[Step]:
        pre_vote_won = server.role is Role.PRE_CANDIDATE and is_quorum(server.votes_granted, config(server))
        if server.current_term < self.max_term and (pre_vote_won or not self.pre_vote):
            yield from actions.timeout(server)

    def _client_request(self, server: Server) -> Iterator[Step]:
        if len(server.log) < self.max_log:
            yield from actions.client_request(server, VALUE)

    def _change_members(self, server: Server) -> Iterator[Step]:
        if len(server.log) < self.max_log:
            present = config(server)
            for voters, learners in ((frozenset(each.voters), frozenset(each.learners)) for each in self.targets):
                if (voters, learners) != (present.voters, present.learners):
                    yield from actions.change_members(server, voters, learners)

    def _begin_reads(self, server: Server) -> Iterator[Step]:
        if server.read_round < self.max_rounds:
            yield from actions.begin_reads(server)

    def _append_entries(self, server: Server) -> Iterator[Step]:
        for peer in members_of(config(server)):
            for count in range(self.max_entries + 1):
                yield from actions.append_entries(server, peer, count)


def each_peer(action: Callable[[Server, int], Iterator[Step]]) -> Callable[[Server], Iterator[Step]]:
    """Return the action that offers the steps of `action` for every member as the peer; its guard excludes some."""

    def to_all_peers(server: Server) -> Iterator[Step]:
        for peer in members_of(config(server)):
            yield from action(server, peer)

    return to_all_peers


def describe_event(event: Message | Act) -> str:
    """Return an action's name, or a message with its sender."""
    if isinstance(event, Act):
        return event.action
    content = [f.name for f in fields(event) if f.name not in {"source", "dest"}]
    parts = (f"{name} {_text(name, getattr(event, name))}" for name in content)
    return f"{type(event).__name__}({', '.join(parts)}) from s{event.source}"


def describe_change(before: Server, after: Server) -> str:
    """Return the new value of each variable that a step changed."""
    changed = [f.name for f in fields(before) if getattr(before, f.name) != getattr(after, f.name)]
    return "; ".join(f"{name} = {_text(name, getattr(after, name))}" for name in changed) or "nothing changes"


def facts(server: Server) -> tuple[tuple[str, str], ...]:
    """Return the name and value of every variable of a server; servers are shown by name."""
    return tuple((f.name, _text(f.name, getattr(server, f.name))) for f in fields(server) if f.name != "id")


def _text(name: str, value: Any) -> str:  # noqa: ANN401 - any variable's
    if isinstance(value, Role):
        return value.value
    if name in NAMES_SERVERS:
        servers = value if isinstance(value, frozenset | tuple) else () if value is None else (value,)
        return ", ".join(f"s{server}" for server in sorted(servers)) or "nobody"
    match value:
        case Config():
            return config_text(value)
        case (Entry() | Applied(), *_):
            return " ".join(f"[{entry_text(entry)}]" for entry in value)
        case frozenset() | tuple():
            return ", ".join(map(str, sorted(value) if isinstance(value, frozenset) else value)) or "none"
        case _:
            return "none" if value is None else str(value)


def _identity(server: Server) -> Server:
    return server


def _invariant(name: str, holds: Callable[[tuple[Server, ...]], bool]) -> Invariant:
    return Invariant(name, str(holds.__doc__), _identity, holds, why=WHY[name])


def _step_invariant(name: str, holds: Callable[[Server, Server], bool]) -> StepInvariant:
    return StepInvariant(
        name, str(holds.__doc__), lambda before, _event, after, _sent: holds(before, after), STEP_WHY[name]
    )


INVARIANTS: tuple[Invariant | StepInvariant, ...] = (
    *(_invariant(name, holds) for name, holds in invariants.INVARIANTS.items()),
    *(_step_invariant(name, holds) for name, holds in invariants.STEP_INVARIANTS.items()),
)
WITNESSES = (
    Witness("a leader is elected", lambda server: bool(server.led), lambda views: views[0]),
    Witness("an entry is committed", lambda server: bool(server.applied), lambda views: views[0]),
)
