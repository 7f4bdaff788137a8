"""The Raft core as a system whose leaders count who answers them, for mutants of CheckQuorum.

What is explored elsewhere leaves out whom a leader has heard, since it may be anybody (`raft/subject.py`). Here it is a
part of the local states, and the core itself decides whether a leader stays in office. A leader may also `Hear` a
member by another message than the core's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from quorate import raft as code
from quorate_check.core.system import Outcome, Spontaneous, System
from quorate_check.raft.disks import disk_of
from quorate_check.raft.subject import Adapter, CheckerEvent, CheckQuorum, CoreNode

if TYPE_CHECKING:
    from quorate_check.raft.bounds import RaftBounds


@dataclass(frozen=True, slots=True)
class CountingAdapter(Adapter):
    """The step function of a server that remembers, as a leader, who has answered it."""

    def step(self, server: CoreNode, event: CheckerEvent | code.Hear) -> tuple[Outcome, ...]:
        """Return the outcomes of `event`; CheckQuorum only says that an election timeout has passed."""
        leads = server.state.role is code.Role.LEADER
        match event:
            case CheckQuorum():
                return self._react(server, code.ElectionTimeout()) if leads else ()
            case code.Hear():
                return self._react(server, event) if leads else ()
            case _:
                return Adapter.step(self, server, event)

    def _react(self, server: CoreNode, event: code.Event) -> tuple[Outcome, ...]:
        return self.disk.store(server, code.step(server.state, event))


def counting(system: System, bounds: RaftBounds) -> System:
    """Return the system within `bounds`, but with leaders that count."""
    config = system.initial[0].state.config
    disk = disk_of(bounds.storage, bounds.network)
    adapter = CountingAdapter(bounds.servers, config, disk, bounds.max_term, bounds.max_log)
    others = (each for each in system.spontaneous if not isinstance(each.event, CheckQuorum))
    return replace(
        system,
        step=adapter.step,
        spontaneous=(
            *others,
            Spontaneous(CheckQuorum(has_quorum=False)),
            # If it could happen at any time, nobody would see which messages count.
            *(Spontaneous(code.Hear(member), code.Hear.__name__) for member in config.members),
        ),
        budgets={**system.budgets, code.Hear.__name__: 1},
        symmetry=None,
    )
