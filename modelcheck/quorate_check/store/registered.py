"""The store's entry in the registry: its system, and its searches of the default check."""

from __future__ import annotations

from quorate_check.api.registry import DefaultRun, Registered, Subject
from quorate_check.store.bounds import StoreBounds

DEFAULT_CHECK = (
    DefaultRun(
        "as its clients see it",
        "A client writes in its session and reads, at any server and again if it likes, through two elections: every "
        "history is linearizable.",
        StoreBounds(),
    ),
    DefaultRun(
        "as its clients see it, with crashes",
        "Two servers, of which one may crash and start again, from a snapshot too, and which may apply entries late.",
        StoreBounds(servers=2, restarts=1, snapshots=1, late_apply=True),
    ),
    DefaultRun(
        "as its clients see it, with a deadline",
        "A key expires by the time in the log while a client writes twice in its session; the clocks of the servers "
        "differ.",
        StoreBounds(servers=2, expiry=True, clients="incr incr get"),
    ),
    DefaultRun(
        "as its clients see it, passed on",
        "Each request is sent once, without a session, to any server, which passes it on to the leader, loses the "
        "leader, or answers at the deadline what is certain.",
        StoreBounds(servers=2, max_log=2, forwards=1, clients="incr; get"),
    ),
)
REGISTERED = Registered(
    subjects=(Subject("store", lambda bounds: StoreBounds.from_dict(bounds).system()),), default_check=DEFAULT_CHECK
)
