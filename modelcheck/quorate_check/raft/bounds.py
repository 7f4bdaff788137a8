"""The bounds within which the Raft core is explored, and the system they make."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from quorate.raft import ChangeMembers, Config, ElectionTimeout, HeartbeatTimeout, StepDown
from quorate.raft_server.settings import served_config
from quorate_check.core.system import Network, NetworkKind, Spontaneous, Symmetry, System, UnusableSystemError
from quorate_check.core.verdict import counted
from quorate_check.raft import pictures
from quorate_check.raft.disks import disk_of
from quorate_check.raft.memberships import changes_of, first_members, interchangeable
from quorate_check.raft.needs import NEEDS
from quorate_check.raft.properties import INVARIANTS, INVARIANTS_OF_CHANGES, INVARIANTS_OF_LATE_DISKS
from quorate_check.raft.rules import rules
from quorate_check.raft.subject import (
    Adapter,
    CheckerEvent,
    CheckQuorum,
    ClientRead,
    ClientRequest,
    Compact,
    Durability,
    Restart,
    Transfer,
)
from quorate_check.raft.symmetry import rename_message, rename_server
from quorate_check.raft.witnesses import witnesses
from quorate_check.raft.words import describe_change, describe_event
from quorate_check.tell.described import Described

EVENT_NOUNS = {
    "proposals": "client request",
    "reads": "client read",
    "restarts": "restart",
    "step_downs": "step-down",
    "transfers": "transfer",
    "snapshots": "snapshot",
}
MOST_SERVERS = 9  # commands and snapshots name a server with one digit
LARGEST_BOUND = 1_000
OF_BOUNDED_NETWORKS = ("in_flight", "drops", "duplicates")
CONFIG_OPTIONS = ("pre_vote", "no_op", "check_quorum")  # fields of quorate.raft.Config
LATE_DISK = "any number of writes waiting for each disk and for their confirmation"
OPTION_NOUNS = {"pre_vote": "pre-vote", "no_op": "no-op", "check_quorum": "CheckQuorum"}
BUDGETS = ("proposals", "restarts", "step_downs", "transfers", "snapshots")
UNLIMITED = "unlimited"
# The least value of each bound that is a number, but for that of servers.
LEAST = {
    "max_term": 1,
    "max_log": 0,
    "in_flight": 1,
    "proposals": 0,
    "restarts": 0,
    "step_downs": 0,
    "transfers": 0,
    "drops": 0,
    "duplicates": 0,
    "snapshots": 0,
    "reads": 0,
}
Limit = int | None  # a bound of BUDGETS; None: unlimited
Bound = int | str | bool
DESCRIBED = Described(
    describe_event,
    describe_change,
    brief=pictures.brief,
    marks=pictures.marks_of_core,
    badge=lambda server: pictures.badge(pictures.core_picture(server)),
    boxes=lambda server: pictures.boxes(pictures.core_picture(server)),
    facts=pictures.facts,
    name=lambda server: f"s{server.state.id}",
    rules=rules,
    labels=pictures.LABELS,
    needs=NEEDS,
)


@dataclass(frozen=True, slots=True)
class RaftBounds:
    """The bounds of an exploration of Raft; `in_flight` is the largest number of messages in the network at once.

    Bounds of BUDGETS may be None, unlimited. `max_term` and `max_log` keep the number of states finite, if all else is
    unlimited. `reads` may not: rounds of reads are numbered. `members` found the cluster, all servers if it is empty; a
    leader may change the members to each of `changes`, within `max_log` (memberships.py has the syntax).
    Raises UnusableSystemError if a bound is out of its range.
    """

    servers: int = 3
    max_term: int = 2
    max_log: int = 2
    in_flight: int = 4
    proposals: Limit = 2
    restarts: Limit = 0
    step_downs: Limit = 0
    transfers: Limit = 0
    drops: int = 0
    duplicates: int = 0
    snapshots: Limit = 0
    reads: int = 0
    members: str = ""
    changes: str = ""
    pre_vote: bool = False
    no_op: bool = False
    check_quorum: bool = False
    network: NetworkKind = NetworkKind.UNORDERED
    storage: Durability = Durability.SYNC
    symmetry: bool = True

    def __post_init__(self) -> None:
        """Raise UnusableSystemError if a bound is out of its range."""
        refuse_out_of_range(self, LEAST, BUDGETS)
        if self.network is NetworkKind.ANY and (self.drops or self.duplicates):
            raise UnusableSystemError("--network any loses and repeats any message: leave --drops and --duplicates out")
        first_members(self.members, self.servers)
        changes_of(self.changes, self.servers)

    def as_dict(self) -> dict[str, Bound]:
        """Return the bounds as plain values, for reports; without members and changes if the members don't change."""
        excluded = OF_BOUNDED_NETWORKS if self.network is NetworkKind.ANY else ()
        return {name: plain(value) for name, value in asdict(self).items() if name not in excluded and value != ""}

    @staticmethod
    def from_dict(values: dict[str, Bound]) -> RaftBounds:
        """Return the bounds whose `as_dict` is `values`."""
        network, storage = NetworkKind(values["network"]), Durability(values["storage"])
        limits = {name: None if value == UNLIMITED else value for name, value in values.items()}
        return RaftBounds(**{**limits, "network": network, "storage": storage})  # type: ignore[arg-type]

    @property
    def claim(self) -> str | None:
        """The sizes, faults and budgets that a search of any network covers, in words; None for a bounded network."""
        if self.network is not NetworkKind.ANY:
            return None
        limits = {noun: getattr(self, name) for name, noun in EVENT_NOUNS.items()}
        logs = f"logs of {self.max_log}"
        if self.no_op and self.max_log == 1:
            logs += ", which a no-op fills"
        if self.max_log <= self.no_op:  # a leader's log has no room for a request
            del limits[EVENT_NOUNS["proposals"]]
        budgets = [_count_text(limit, noun) for noun, limit in limits.items() if limit != 0]
        size = (counted(self.servers, "server"), counted(self.max_term, "term"), logs)
        if self.changes:
            budgets.append(f"any number of changes of the members to {self.changes.replace(',', ', ')}")
        if self.storage is Durability.ASYNC:
            budgets.insert(0, LATE_DISK)
        return ", ".join((*size, "any number of messages in flight, lost, repeated and reordered", *budgets))

    def system(self) -> System:
        """Return the Raft core within these bounds, with all invariants and witnesses."""
        founders, targets = first_members(self.members, self.servers), changes_of(self.changes, self.servers)
        config = replace(explored_config(founders.voters, self), learners=founders.learners)
        groups = interchangeable(self.servers, (founders, *targets))
        disk = disk_of(self.storage, self.network)
        adapter = Adapter(self.servers, config, disk, self.max_term, self.max_log)
        limits = {name: limit for name in BUDGETS if (limit := getattr(self, name)) is not None}
        if self.reads:
            limits["reads"] = self.reads

        def budgeted(event: CheckerEvent, name: str, *, fault: bool = False) -> Spontaneous:
            return Spontaneous(event, name if name in limits else None, fault)

        return System(
            name="raft",
            initial=adapter.initial(),
            step=adapter.step,
            network=Network(self.network)
            if self.network is NetworkKind.ANY
            else Network(self.network, self.in_flight, self.drops, self.duplicates),
            source=lambda message: message.source - 1,
            destination=lambda message: message.dest - 1,
            spontaneous=(
                Spontaneous(ElectionTimeout()),
                Spontaneous(HeartbeatTimeout()),
                budgeted(ClientRequest(), "proposals"),
                budgeted(Restart(), "restarts", fault=True),
                budgeted(StepDown(), "step_downs"),
                *((budgeted(Transfer(), "transfers"),) if self.transfers != 0 else ()),
                budgeted(Compact(), "snapshots"),
                *((budgeted(ClientRead(), "reads"),) if self.reads else ()),
                *(Spontaneous(ChangeMembers(each.voters, each.learners)) for each in targets),
                *((Spontaneous(CheckQuorum(each)) for each in (False, True)) if self.check_quorum else ()),
                *map(Spontaneous, disk.events),
            ),
            budgets=limits,
            beyond=adapter.beyond,
            invariants=(
                *INVARIANTS,
                *(INVARIANTS_OF_LATE_DISKS if self.storage is Durability.ASYNC else ()),
                *(INVARIANTS_OF_CHANGES if self.changes else ()),
            ),
            witnesses=witnesses(self),
            symmetry=Symmetry(rename_server, rename_message, groups=groups) if self.symmetry else None,
            described=DESCRIBED,
        )


def explored_config(members: tuple[int, ...], bounds: Any) -> Config:  # noqa: ANN401 - of any system with such servers
    """Return the configuration that servers have, but for the options that `bounds` name."""
    return replace(served_config(members), **{name: getattr(bounds, name) for name in CONFIG_OPTIONS})


def refuse_out_of_range(bounds: Any, least_values: Mapping[str, int], limits: Collection[str]) -> None:  # noqa: ANN401 - of any system
    """Raise UnusableSystemError if a number in `bounds` is below its least value or too large.

    Bounds that are `limits` may be None, unlimited. The number of `servers` has a range of its own.
    """
    if not 1 <= bounds.servers <= MOST_SERVERS:
        raise UnusableSystemError(f"--servers {bounds.servers}: a cluster here has between 1 and {MOST_SERVERS}")
    for name, least in least_values.items():
        value = getattr(bounds, name)
        if value is None and name in limits:
            continue
        if value is None or not least <= value <= LARGEST_BOUND:
            flag = name.replace("_", "-")
            or_none = f", or {UNLIMITED}" if name in limits else ""
            raise UnusableSystemError(f"--{flag} {value}: must be between {least} and {LARGEST_BOUND}{or_none}")


def plain(value: object) -> Bound:
    """Return a bound as a JSON value: the value of an enum, `unlimited` for None."""
    if value is None:
        return UNLIMITED
    plain: Bound = value.value if isinstance(value, Enum) else value  # type: ignore[assignment]
    return plain


def unlike_served(bounds: Any) -> str:  # noqa: ANN401 - of any system with such servers
    """Return a sentence that names what of the core and its disk isn't as `quorate serve` runs it."""
    parts = [f"no {OPTION_NOUNS[name]}" for name in CONFIG_OPTIONS if not getattr(bounds, name)]
    if bounds.storage is Durability.SYNC:
        parts.append("a disk that is never behind")
    return f"Unlike what is served: {', '.join(parts)}." if parts else "The core and its disk are as they are served."


def _count_text(limit: Limit, noun: str) -> str:
    return f"any number of {noun}s" if limit is None else counted(limit, noun)


# What `quorate serve` runs, within the least bounds that show its parts; tests hold it to `served_config`.
SERVED = RaftBounds(
    network=NetworkKind.ANY,
    max_log=1,
    restarts=1,
    pre_vote=True,
    no_op=True,
    check_quorum=True,
    storage=Durability.ASYNC,
)
