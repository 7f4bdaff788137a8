"""What no frame can carry never reaches a log: it could be sent to nobody, for ever."""

import asyncio

import pytest

import quick_loop
from quorate.raft import AppendEntries, Entry
from quorate.raft_server import frames, wire
from quorate.raft_server.frames import FRAME_OVERHEAD, MAX_FRAME_BYTES, refusal
from quorate.raft_server.messages import Forward
from quorate.raft_server.settings import Settings
from quorate.runtime.outcomes import Done, NotDone
from servers import Servers

MOST = 1 << 16  # in place of 64 MiB
LARGEST = 2**63 - 1


def test_what_a_message_adds_to_one_request_is_less_than_is_left_for_it() -> None:
    """With the largest numbers, alone in its message."""
    command = bytes(MOST)
    for message in (
        AppendEntries(LARGEST, LARGEST, LARGEST, LARGEST, LARGEST, (Entry(LARGEST, command),), LARGEST),
        Forward(LARGEST, write=True, payload=command),
    ):
        assert len(wire.encode(message)) <= MOST + FRAME_OVERHEAD


def test_a_request_is_refused_from_the_first_byte_too_many_on() -> None:
    """In one line that says how large it may be."""
    assert frames.MOST_REQUEST_BYTES + FRAME_OVERHEAD == MAX_FRAME_BYTES
    assert refusal(bytes(frames.MOST_REQUEST_BYTES)) is None
    assert refusal(bytes(frames.MOST_REQUEST_BYTES + 1)) == (
        "a request of 67107841 bytes can't be sent to other members: at most 67107840 bytes can"
    )


def test_a_request_that_is_too_large_reaches_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the leader and at a follower; the next request is served."""
    monkeypatch.setattr(frames, "MOST_REQUEST_BYTES", MOST)

    async def main() -> Servers:
        servers = Servers(Settings())
        leader = await servers.start()
        last = leader.state.log.last_index
        for server in servers.by_id.values():
            servers.set(server, b"k", bytes(MOST))
        await asyncio.sleep(1)
        assert leader.state.log.last_index == last
        servers.set(leader, b"k", b"v")
        await asyncio.sleep(1)
        await servers.stop()
        return servers

    outcomes = quick_loop.run(main).outcomes
    assert [type(outcome) for outcome in outcomes] == [NotDone, NotDone, NotDone, Done]
