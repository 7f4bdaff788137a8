"""The metrics of a node, for Prometheus: gauges are read on request, events are counted when they happen."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from quorate.bft_server.status import BftStatus
from quorate.raft.configuration import NodeId
from quorate.raft.state import Role
from quorate.raft_server.status import Status
from quorate.runtime.outcomes import Done, NotDone, Outcome, Unknown

# From the flush of a fast disk to one so slow that followers think their leader dead.
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

_OUTCOMES = {Done: "done", NotDone: "not_done", Unknown: "unknown"}


class Metrics:
    """The metrics of one node (quorate.runtime.interfaces.Metrics, and those of the storage and the front)."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._registry = CollectorRegistry()
        self._latest = _LatestStatus()
        self._registry.register(self._latest)
        ProcessCollector(namespace="quorate", registry=self._registry)
        self._fsync = Histogram(
            "quorate_fsync_seconds", "One durable write, fsync included.", buckets=SECONDS, registry=self._registry
        )
        self._commit = Histogram(
            "quorate_commit_seconds",
            "From a request's arrival at the leader until it was applied; the longest of each batch.",
            buckets=SECONDS,
            registry=self._registry,
        )
        self._applied = Counter("quorate_applied_entries", "Entries applied.", registry=self._registry)
        requests = Counter("quorate_requests", "Clients' requests.", ["outcome"], registry=self._registry)
        self._outcomes = {kind: requests.labels(name) for kind, name in _OUTCOMES.items()}
        self._dropped = Counter(
            "quorate_dropped_messages", "Messages without room or connection.", ["peer"], registry=self._registry
        )

    def fsync(self, seconds: float) -> None:
        """Record how long a durable write took."""
        self._fsync.observe(seconds)

    def committed(self, seconds: float, entries: int) -> None:
        """Record that `entries` entries were applied, the oldest `seconds` after it was proposed."""
        self._commit.observe(seconds)
        self._applied.inc(entries)

    def outcome(self, outcome: Outcome) -> None:
        """Count the outcome of a client's request."""
        self._outcomes[type(outcome)].inc()

    def dropped(self, peer: NodeId) -> None:
        """Count a message that was dropped because the transport had no room or no connection."""
        self._dropped.labels(peer).inc()

    def page(self, status: Status | BftStatus) -> bytes:
        """Return all metrics as text, in Prometheus's format 0.0.4."""
        self._latest.status = status
        return generate_latest(self._registry)


class _LatestStatus(Collector):
    """The gauges of the latest status."""

    status: Status | BftStatus | None = None

    def describe(self) -> Iterable[Metric]:
        """Describe nothing in advance, for there is no status yet."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        match self.status:
            case None:
                return
            case BftStatus():
                yield from _bft_gauges(self.status)
            case Status():
                yield from _gauges(self.status)


def _families(*rows: tuple[str, str, int]) -> Iterator[Metric]:
    for name, help_text, value in rows:
        yield GaugeMetricFamily(f"quorate_{name}", help_text, value)


def _connections(peers: Mapping[NodeId, bool]) -> Metric:
    family = GaugeMetricFamily("quorate_peer_connected", "1 if messages can be sent.", labels=["peer"])
    for number, is_connected in peers.items():
        family.add_metric([str(number)], int(is_connected))
    return family


def _gauges(status: Status) -> Iterator[Metric]:
    yield from _families(
        ("term", "Current term.", status.term),
        ("leader_id", "The leader's id, 0 if none is known.", status.leader_id or 0),
        ("commit_index", "The last entry known to be committed.", status.commit_index),
        ("applied_index", "The last entry applied to the state machine.", status.machine_index),
        ("last_log_index", "The last entry of the log.", status.last_log_index),
        ("snapshot_index", "The last entry that the snapshot includes.", status.snapshot_index),
        ("log_entries", "Entries behind the snapshot.", status.log_entries),
        ("log_bytes", "Bytes applied since the snapshot.", status.log_bytes),
        ("pending_requests", "Clients' requests that wait for their outcome.", status.pending_requests),
        ("disk_full", "1 while acknowledgements, or a snapshot, wait for room on the disk.", int(status.disk_full)),
        ("trace_lost", "1 if the trace can't be written any more.", int(status.trace_lost)),
        ("configuration_index", "The entry with the members, 0 for the founders.", status.configuration_index),
        ("change_under_way", "1 while a change of members is under way.", int(status.change != "none")),
    )
    membership = GaugeMetricFamily("quorate_peer_membership", "1 for what a peer is.", labels=["peer", "membership"])
    for number, peer in status.peers.items():
        membership.add_metric([str(number), peer.role], 1)
    roles = GaugeMetricFamily("quorate_role", "1 for the role this node has.", labels=["role"])
    for role in Role:
        roles.add_metric([role.value], int(role is status.role))
    match = GaugeMetricFamily("quorate_peer_match_index", "The last entry known to match.", labels=["peer"])
    for number, peer in status.peers.items():
        if peer.match_index is not None:
            match.add_metric([str(number)], peer.match_index)
    connections = _connections({number: peer.connected for number, peer in status.peers.items()})
    yield from (roles, connections, match, membership)


def _bft_gauges(status: BftStatus) -> Iterator[Metric]:
    yield from _families(
        ("leader_id", "The leader of the view.", status.leader_id),
        ("view", "The view of the index that is being decided.", status.view),
        ("decided_index", "The last index that is known to be decided.", status.decided_index),
        ("applied_index", "The last index applied to the state machine.", status.applied_index),
        ("pending_requests", "Clients' requests that wait for their outcome.", status.pending_requests),
        ("known_payloads", "Payloads that wait to be decided.", status.known_payloads),
        ("evidence", "Pieces of evidence against traitors.", status.evidence),
        ("refused_messages", "Messages that no correct member sends.", status.refused_messages),
        ("disk_full", "1 while the node casts no votes, for the disk is full.", int(status.disk_full)),
        ("trace_lost", "1 if the trace can't be written any more.", int(status.trace_lost)),
    )
    yield _connections(status.peers)
