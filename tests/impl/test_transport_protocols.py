"""Nodes of two protocols refuse each other, in one line at either end, and take nothing of what the other says."""

from itertools import permutations
from typing import Any

import pytest

from quorate.bft_server.codec import CODEC as BFT
from quorate.generals.envelope import CODEC as GENERALS
from quorate.raft_server.wire import CODEC as RAFT
from quorate.runtime.transport import Codec
from transport_nodes import LOCAL, Node, logged, run


@pytest.mark.parametrize(("dialling", "listening"), list(permutations((RAFT, BFT, GENERALS), 2)))
def test_a_node_that_reaches_one_of_another_protocol_is_refused(dialling: Codec[Any], listening: Codec[Any]) -> None:
    """Though both are of the same cluster, and have each other's addresses."""

    async def test() -> None:
        addresses = dict.fromkeys((1, 2), (LOCAL, 0))
        with logged() as log:
            async with Node(2, {**addresses, 1: (LOCAL, 1)}, codec=listening) as two:
                addresses[2] = two.transport.address
                async with Node(1, addresses, codec=dialling) as one:
                    same = "all nodes of a cluster speak the same"
                    there = f"it speaks {dialling.protocol!r}, this node {listening.protocol!r}: {same}"
                    here = f"it speaks {listening.protocol!r}, this node {dialling.protocol!r}: {same}"
                    await log.saw("connection refused", reason=there)
                    await log.saw("peer cannot be reached", peer=2, reason=here)
                    # It dials again, and is refused again; it says so once.
                    await log.saw("connection refused", times=2, reason=there)
                    assert len(log.found("peer cannot be reached", peer=2)) == 1
                    assert one.transport.connected == two.transport.connected == frozenset()
                    assert one.received.empty()
                    assert two.received.empty()

    run(test())
