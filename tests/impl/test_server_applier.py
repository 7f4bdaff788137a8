"""What is committed is applied in order, and no turn of the event loop takes long for it."""

import asyncio
from dataclasses import replace

from impl_cluster import THREE, leader
from quorate.raft import Entry, Log, Output
from quorate.raft_server.agreement import Agreement
from quorate.raft_server.applier import APPLIED_BYTES_AT_ONCE, Applier
from quorate.raft_server.settings import Settings
from quorate.raft_server.snapshots import Snapshots
from quorate.runtime.requests import Proposals
from quorate.store.machine import KeyValueMachine
from quorate.store.operations import encode
from quorate.store.writes import Set
from servers import Disk


def test_a_turn_of_the_event_loop_applies_so_many_bytes_and_one_entry_at_least() -> None:
    """A member that has been away hears its leader while it applies large values."""

    async def main() -> None:
        machine, failures = KeyValueMachine(), list[BaseException]()
        snapshots = Snapshots(Settings(), machine, Disk(), failures.append)
        agreement = Agreement(1, THREE.members, 1_024)
        applier = Applier(machine, Proposals(), snapshots, agreement, lambda _: None, failures.append)
        lengths = (APPLIED_BYTES_AT_ONCE // 2, APPLIED_BYTES_AT_ONCE // 2, 2 * APPLIED_BYTES_AT_ONCE, 1, 1)
        entries = tuple(Entry(1, encode(Set(b"k", bytes(length)))) for length in lengths)
        state = replace(leader(log=Log().append(entries)), last_applied=len(entries))
        applier.take(Output(state, apply=entries))
        ends = []
        while applier.is_behind:
            applier.apply()
            ends.append(applier.index)
        assert ends == [2, 3, 5]
        assert not failures

    asyncio.run(main())
