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
)
REGISTERED = Registered(
    subjects=(Subject("store", lambda bounds: StoreBounds.from_dict(bounds).system()),), default_check=DEFAULT_CHECK
)
