"""The bounds within which the Raft core is explored, and the system they make."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum

from quorate.raft import Config, ElectionTimeout, HeartbeatTimeout, StepDown
from quorate_check.core.system import Network, NetworkKind, Spontaneous, Symmetry, System, UnusableSystemError
from quorate_check.raft import pictures
from quorate_check.raft.properties import INVARIANTS, witnesses
from quorate_check.raft.rules import rules
from quorate_check.raft.subject import Adapter, ClientRequest, Compact, Flush, Restart, Storage
from quorate_check.raft.symmetry import rename_message, rename_server
from quorate_check.raft.words import describe_change, describe_event
from quorate_check.tell.described import Described

MOST_SERVERS = 9  # commands and snapshots name a server with one digit
MOST = 1_000  # of anything that is counted
OF_BOUNDED_NETWORKS = ("in_flight", "drops", "duplicates")
DESCRIBED = Described(
    describe_event,
    describe_change,
    brief=pictures.brief,
    marks=pictures.marks_of_core,
    badge=lambda server: pictures.badge(pictures.of_core(server)),
    boxes=lambda server: pictures.boxes(pictures.of_core(server)),
    facts=pictures.facts,
    name=lambda server: f"s{server.state.id}",
    rules=rules,
)


@dataclass(frozen=True, slots=True)
class RaftBounds:
    """How large the explored clusters get; `in_flight` is the most messages in the network at once."""

    servers: int = 3
    max_term: int = 2
    max_log: int = 2
    in_flight: int = 4
    proposals: int = 2
    restarts: int = 0
    step_downs: int = 0
    drops: int = 0
    duplicates: int = 0
    snapshots: int = 0
    pre_vote: bool = False
    no_op: bool = False
    network: NetworkKind = NetworkKind.UNORDERED
    storage: Storage = Storage.SYNC
    symmetry: bool = True

    def __post_init__(self) -> None:
        """Refuse bounds that name no cluster."""
        if not 1 <= self.servers <= MOST_SERVERS:
            raise UnusableSystemError(f"--servers {self.servers}: a cluster here has between 1 and {MOST_SERVERS}")
        for name, least in (
            ("max_term", 1),
            ("max_log", 0),
            ("in_flight", 1),
            ("proposals", 0),
            ("restarts", 0),
            ("step_downs", 0),
            ("drops", 0),
            ("duplicates", 0),
            ("snapshots", 0),
        ):
            value = getattr(self, name)
            if not least <= value <= MOST:
                flag = name.replace("_", "-")
                raise UnusableSystemError(f"--{flag} {value}: must be between {least} and {MOST}")

        if self.network is NetworkKind.ANY and (self.drops or self.duplicates):
            raise UnusableSystemError("--network any loses and repeats any message: leave --drops and --duplicates out")

    def as_dict(self) -> dict[str, int | str | bool]:
        """Return the bounds as plain values, for reports."""
        left_out = OF_BOUNDED_NETWORKS if self.network is NetworkKind.ANY else ()
        return {k: v.value if isinstance(v, Enum) else v for k, v in asdict(self).items() if k not in left_out}

    @staticmethod
    def from_dict(values: dict[str, int | str | bool]) -> RaftBounds:
        """Return the bounds that `as_dict` wrote."""
        network, storage = NetworkKind(values["network"]), Storage(values["storage"])
        return RaftBounds(**{**values, "network": network, "storage": storage})  # type: ignore[arg-type]

    def system(self) -> System:
        """Return the Raft core within these bounds, with all invariants and witnesses."""
        config = Config(tuple(range(1, self.servers + 1)), self.pre_vote, self.no_op)
        adapter = Adapter(config, self.storage, self.max_term, self.max_log)
        flush = (Spontaneous(Flush()),) if self.storage is Storage.ASYNC else ()
        budgeted = ("proposals", "restarts", "step_downs", "snapshots")
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
                Spontaneous(ClientRequest(), "proposals"),
                Spontaneous(Restart(), "restarts", fault=True),
                Spontaneous(StepDown(), "step_downs"),
                Spontaneous(Compact(), "snapshots"),
                *flush,
            ),
            budgets={name: getattr(self, name) for name in budgeted},
            beyond=adapter.beyond,
            invariants=INVARIANTS,
            witnesses=witnesses(self),
            symmetry=Symmetry(rename_server, rename_message) if self.symmetry else None,
            described=DESCRIBED,
        )
