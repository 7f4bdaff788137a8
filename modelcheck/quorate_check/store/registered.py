"""The store's entry in the registry: its system, and its searches of the default check."""

from __future__ import annotations

from dataclasses import replace

from quorate_check.api.registry import DefaultRun, Registered, Subject
from quorate_check.raft.bounds import unlike_served
from quorate_check.raft.subject import Durability
from quorate_check.store.bounds import StoreBounds

SERVED = StoreBounds(pre_vote=True, check_quorum=True, storage=Durability.ASYNC)
NEVER_BEHIND = replace(SERVED, servers=2, storage=Durability.SYNC)


def run(name: str, purpose: str, bounds: StoreBounds, *, reduced: bool = False) -> DefaultRun:
    """Return a run that says in which way its core and its disk aren't those that are served."""
    return DefaultRun(name, f"{purpose} {unlike_served(bounds)}", bounds, reduced)


DEFAULT_CHECK = (
    run(
        "as its clients see it",
        "A client writes in its session and reads, at any server and again if it likes: every history is linearizable.",
        replace(SERVED, max_term=2),
        reduced=True,
    ),
    run(
        "as its clients see it, with crashes",
        "Two servers, of which one may crash and start again, from a snapshot too, and which may apply entries late.",
        replace(SERVED, servers=2, max_log=2, restarts=1, snapshots=1, late_apply=True),
    ),
    run(
        "as its clients see it, with two elections",
        "A deposed leader still answers, and a read is overtaken by an election.",
        StoreBounds(),
        reduced=True,
    ),
    run(
        "as its clients see it, with a deadline",
        "A key expires by the time in the log while a client writes twice in its session; the clocks of the servers "
        "differ.",
        replace(NEVER_BEHIND, expiry=True, clients="incr incr get"),
    ),
    run(
        "as its clients see it, passed on",
        "Each request is sent once, without a session, to any server, which passes it on to the leader, loses the "
        "leader, or answers at the deadline what is certain.",
        replace(NEVER_BEHIND, max_log=2, forwards=1, sessions=False, clients="incr; get"),
    ),
    run(
        "as its clients see it, with connections that end",
        "A write in a session is passed on; a connection ends, and the client repeats it at any server.",
        replace(NEVER_BEHIND, max_term=2, forwards=1, connections=2, clients="incr del"),
    ),
)
REGISTERED = Registered(
    subjects=(Subject("store", lambda bounds: StoreBounds.from_dict(bounds).system()),), default_check=DEFAULT_CHECK
)
