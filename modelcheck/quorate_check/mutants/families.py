"""The modules whose mutants are judged, and for each the searches and the unit tests that judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quorate_check.core.system import UnusableSystemError
from quorate_check.mutants.judging import STORE

Search = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Family:
    """Modules of one kind, below the package, each with the patterns of its files in tests/impl.

    Each of the `searches` judges all invariants of its subject; with `conforms`, conformance, too.
    """

    name: str
    modules: Mapping[str, tuple[str, ...]]
    searches: tuple[Search, ...]


TWO_AND_ONE_REQUEST = {
    "servers": 2,
    "in_flight": 2,
    "max_log": 1,
    "proposals": 1,
    "restarts": 1,
    "step_downs": 1,
}
COUNTED_ANSWERS: Search = {
    "name": "two servers, counted answers",
    "bounds": {
        "servers": 2,
        "in_flight": 2,
        "max_log": 0,
        "proposals": 0,
        "drops": 1,
        "restarts": 1,
        "transfers": 1,
        "check_quorum": True,
    },
    "conforms": True,
    "counts": True,
}
A_LATE_DISK: Search = {"name": "two servers, async", "bounds": {**TWO_AND_ONE_REQUEST, "storage": "async"}}
ONE_LATE_DISK: Search = {
    "name": "one server, async",
    "bounds": {
        "servers": 1,
        "in_flight": 1,
        "max_term": 3,
        "max_log": 3,
        "proposals": 3,
        "restarts": 2,
        "snapshots": 2,
        "storage": "async",
    },
}
A_CHANGE: dict[str, Any] = {"in_flight": 2, "max_log": 3, "proposals": 0, "no_op": True}
OF_THE_CORE: tuple[Search, ...] = (
    {"name": "two servers", "bounds": {"servers": 2, "in_flight": 2, "restarts": 1}, "conforms": True},
    {
        "name": "three servers, a snapshot",
        "bounds": {"in_flight": 2, "max_term": 1, "max_log": 1, "proposals": 1, "snapshots": 1, "drops": 2},
        "conforms": True,
    },
    {
        "name": "two servers, snapshots",
        "bounds": {"servers": 2, "in_flight": 2, "max_log": 3, "snapshots": 2, "no_op": True, "drops": 1},
        "conforms": True,
    },
    {
        "name": "two servers, pre-vote",
        "bounds": {**TWO_AND_ONE_REQUEST, "drops": 1, "pre_vote": True, "check_quorum": True},
        "conforms": True,
    },
    COUNTED_ANSWERS,
    A_LATE_DISK,
    ONE_LATE_DISK,
    {
        "name": "four servers, pre-vote",  # the fewest of which one vote beside one's own is no majority
        "bounds": {"servers": 4, "max_term": 1, "max_log": 0, "proposals": 0, "drops": 2, "pre_vote": True},
        "conforms": True,
    },
    {
        "name": "one server, pre-vote",
        "bounds": {"servers": 1, "in_flight": 1, "max_log": 1, "proposals": 1, "restarts": 1, "pre_vote": True},
        "conforms": True,
    },
    {
        "name": "a server joins, another leaves",
        "bounds": {**A_CHANGE, "servers": 2, "members": "1+2", "changes": "12,2", "max_term": 2, "snapshots": 1},
        "conforms": True,
    },
    {
        "name": "a joint change",
        "bounds": {**A_CHANGE, "in_flight": 4, "drops": 1, "members": "1+23", "changes": "123", "max_term": 1},
        "conforms": True,
    },
    {
        "name": "two servers, reads",
        "bounds": {"servers": 2, "in_flight": 2, "max_log": 1, "proposals": 1, "reads": 2, "no_op": True},
        "conforms": True,
    },
    {
        "name": "two servers, a transfer",
        "bounds": {**TWO_AND_ONE_REQUEST, "max_log": 2, "transfers": 1, "drops": 1},
        "conforms": True,
    },
    {
        "name": "a transfer beside a learner",
        "bounds": {**A_CHANGE, "in_flight": 3, "members": "12+3", "changes": "123", "max_term": 2, "transfers": 1},
        "conforms": True,
    },
    {"name": "three servers", "bounds": {"in_flight": 3, "drops": 1}, "conforms": True, "last": True},
)


def _of_the_store(*searches: Search) -> tuple[Search, ...]:
    return tuple({"subject": STORE, "reduced": True, **search} for search in searches)


ONE_SERVER: Search = {
    "name": "one server of the store, crashes",
    "bounds": {"servers": 1, "restarts": 1, "snapshots": 1, "late_apply": True},
}
TWO_READERS: Search = {
    "name": "reads of two clients",
    "bounds": {"servers": 2, "max_log": 1, "reads": 2, "clients": "get; get"},
}
AN_INSTALLED_SNAPSHOT: Search = {
    "name": "a snapshot, a crash",
    "bounds": {"servers": 2, "max_term": 2, "max_log": 2, "snapshots": 1, "restarts": 1},
}
A_LONG_SESSION: Search = {
    "name": "two writes of a session",
    "bounds": {"servers": 2, "max_term": 2, "max_log": 4, "clients": "incr incr get"},
}
LATE_APPLICATION: Search = {
    "name": "late application",
    "bounds": {"servers": 2, "max_term": 2, "max_log": 2, "late_apply": True},
}
A_DEADLINE: Search = {
    "name": "a deadline",
    "bounds": {"servers": 2, "max_log": 2, "expiry": True, "clients": "get get"},
}
A_LOST_LEADER: Search = {
    "name": "a leader that is lost",
    "bounds": {
        "servers": 2,
        "max_log": 2,
        "reads": 0,
        "no_op": False,
        "forwards": 1,
        "sessions": False,
        "clients": "incr",
    },
}
TWO_PASSED_ON: Search = {
    "name": "two requests that are passed on",
    "bounds": {"servers": 2, "max_term": 2, "max_log": 1, "forwards": 2, "sessions": False, "clients": "incr; get"},
}
AN_OVERTAKEN_ENTRY: Search = {
    "name": "an entry in the place of another",
    "bounds": {"max_log": 1, "reads": 0, "no_op": False, "clients": "incr"},
    "last": True,
}
TESTS_OF_THE_CORE = ("test_raft_[a-qs-z]*.py", "test_log.py", "test_quorum.py")
# `messages`, `events` and `errors` of the core have no rules; `validation` refuses what no correct server sends, so no
# search reaches it; of `quorum` the searches use two functions.
CORE = Family(
    "the core",
    dict.fromkeys(
        (
            "raft/election.py",
            "raft/check_quorum.py",
            "raft/commitment.py",
            "raft/replication.py",
            "raft/roles.py",
            "raft/snapshot.py",
            "raft/reads.py",
            "raft/configuration.py",
            "raft/reconfiguration.py",
            "raft/transfer.py",
            "raft/node.py",
            "raft/output.py",
            "raft/state.py",
            "quorum.py",
            "raft/log.py",
        ),
        TESTS_OF_THE_CORE,
    ),
    OF_THE_CORE,
)
DISK = Family(
    "the contract with the disk",
    {"disk.py": ("test_disk_contract.py",)},
    (A_LATE_DISK, ONE_LATE_DISK),
)
SERVER = Family(
    "what answers clients",
    {
        "raft_server/reads.py": ("test_server_reads.py",),
        "raft_server/confirmations.py": ("test_server_disk.py",),
        "raft_server/forwarding.py": ("test_server_forwarding.py", "test_unknown_commands.py"),
        "raft_server/applier.py": ("test_server_applier.py", "test_server_agreement.py", "test_unknown_commands.py"),
        "runtime/requests.py": ("test_server_requests.py", "test_server_applier.py"),
    },
    _of_the_store(
        ONE_SERVER,
        TWO_READERS,
        AN_INSTALLED_SNAPSHOT,
        A_LONG_SESSION,
        LATE_APPLICATION,
        A_DEADLINE,
        A_LOST_LEADER,
        TWO_PASSED_ON,
        AN_OVERTAKEN_ENTRY,
    ),
)
STATE_MACHINE = Family(
    "the map",
    {
        "store/sessions.py": ("test_kv_sessions.py", "test_kv_digest.py"),
        "store/clock.py": ("test_kv_time.py",),
        "store/machine.py": ("test_kv_[dmstv]*.py", "test_unknown_commands.py"),
        "store/expiring.py": ("test_kv_expiring.py", "test_kv_time.py"),
    },
    _of_the_store(ONE_SERVER, AN_INSTALLED_SNAPSHOT, A_LONG_SESSION, A_DEADLINE),
)
FAMILIES = (CORE, DISK, SERVER, STATE_MACHINE)


def select(module: str | None) -> tuple[Family, ...]:
    """Return the families with all their modules, or one with this module alone.

    Raises UnusableSystemError for another module.
    """
    if module is None:
        return FAMILIES
    for family in FAMILIES:
        if module in family.modules:
            return (Family(family.name, {module: family.modules[module]}, family.searches),)
    names = ", ".join(name for family in FAMILIES for name in family.modules)
    raise UnusableSystemError(f"--only {module}: mutants are made of {names}")
