"""A leader's core learns that an election timeout has passed after so many heartbeats, and what counts as an answer."""

import asyncio
from collections.abc import Callable

import pytest

import quick_loop
from impl_cluster import after, leader, log_of
from patience import PATIENCE_S
from quorate.raft import AppendEntriesReply, Persisted, PreVote, PreVoteReply, Propose, RequestVoteReply, Role
from quorate.raft_server.hearing import CheckTimer, disk_is_in_the_way, is_answer
from quorate.raft_server.interfaces import PeerMessage
from quorate.raft_server.messages import ChunkTaken, Farewell, Forward, SignOfLife, StateDigest
from quorate.raft_server.settings import Settings
from quorate.runtime.interfaces import Arriving
from servers import Servers

LEADER = leader(2, log_of(1))


def test_an_election_timeout_is_as_many_heartbeats() -> None:
    """Those that begin in it: a heartbeat that is late counts once, however late it is."""
    timer = CheckTimer(Settings(heartbeat_s=0.1, election_timeout_s=0.35))
    assert [timer.tick() for _ in range(9)] == [False, False, False, True] * 2 + [False]
    timer.restart()
    assert [timer.tick() for _ in range(4)] == [False, False, False, True]


@pytest.mark.parametrize(
    ("message", "answers"),
    [
        (SignOfLife(2, reply=True), True),
        (SignOfLife(1, reply=True), False),
        (SignOfLife(2, reply=False), False),
        (ChunkTaken(b"", 1), True),
        (Arriving(), True),
        (Forward(1, write=True, payload=b""), False),
        (Farewell(reply=True), False),
        (StateDigest(1, b""), False),
    ],
    ids=repr,
)
def test_what_is_no_message_of_the_core_answers_a_leader_if_only_who_hears_it_says_it(
    message: PeerMessage,
    answers: bool,  # noqa: FBT001
) -> None:
    """A large message on its way holds up the answers behind it, so it counts, too."""
    assert is_answer(LEADER, message) is answers


def test_a_disk_is_in_the_way_if_it_stalls_and_nothing_is_committed_without_it() -> None:
    """Another one leads better only if its followers don't commit without it, and if something is to be committed."""
    settings = Settings(request_timeout_s=5.0)
    waiting = after(LEADER, Propose((b"a",)))
    assert disk_is_in_the_way(waiting, 5.1, settings)
    assert not disk_is_in_the_way(waiting, 4.9, settings)
    assert not disk_is_in_the_way(LEADER, 5.1, settings)
    assert not disk_is_in_the_way(after(waiting, Persisted(2, 2)), 5.1, settings)


def led_on(reaches_leader: Callable[[PeerMessage], bool]) -> bool:
    """Whether the leader of three real servers still leads a minute after it hears only such messages."""

    async def main() -> bool:
        servers = Servers(Settings())
        try:
            leader = await servers.start()
            me, term = leader.status().node_id, servers.term
            for wire in servers.wires.values():
                wire.passes = lambda peer, message: peer != me or reaches_leader(message)
            await asyncio.sleep(60)
            return leader.state.role is Role.LEADER and servers.term == term
        finally:
            await servers.stop()

    return quick_loop.run(main)


@pytest.mark.parametrize(
    ("reaches_leader", "leads"),
    [
        (lambda _: True, True),
        (lambda _: False, False),
        (lambda message: isinstance(message, SignOfLife) and message.reply, True),
        (lambda message: not isinstance(message, SignOfLife), True),
        (lambda message: not isinstance(message, SignOfLife | AppendEntriesReply), False),
    ],
    ids=["all", "nothing", "signs of life", "all but them", "what is no answer"],
)
def test_a_leader_leads_on_while_it_is_answered(reaches_leader: Callable[[PeerMessage], bool], leads: bool) -> None:  # noqa: FBT001
    """By either kind of answer; followers hear it all the time, so that nobody else stands before it steps down."""
    assert led_on(reaches_leader) is leads


async def until(holds: Callable[[], bool]) -> None:
    """Look each millisecond, which passes at once."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110  # nobody is told of a role
            await asyncio.sleep(0.001)


def led_again_s(heartbeats: int) -> float:
    """How long a server leads again if it is elected and nobody answers it, after it led for so many heartbeats."""

    async def main() -> float:
        settings = Settings()
        servers, loop = Servers(settings), asyncio.get_running_loop()
        try:
            leader = await servers.start()
            await asyncio.sleep(heartbeats * settings.heartbeat_s)
            me, term = leader.status().node_id, servers.term
            for member, wire in servers.wires.items():
                # Only this server is elected, and it hears nothing but votes.
                wire.passes = lambda peer, message, member=member: (
                    isinstance(message, PreVoteReply | RequestVoteReply)
                    if peer == me
                    else member == me or not isinstance(message, PreVote)
                )
            leader.step_down()
            await until(lambda: leader.state.role is Role.LEADER)
            assert servers.term > term
            since = loop.time()
            await until(lambda: leader.state.role is not Role.LEADER)
            return loop.time() - since
        finally:
            await servers.stop()

    return quick_loop.run(main)


@pytest.mark.parametrize("heartbeats", range(1, 7))
def test_who_leads_again_has_a_whole_timeout_to_be_answered(heartbeats: int) -> None:
    """However much of one had passed when it last stopped leading; the first heartbeat may follow at once."""
    settings = Settings()
    assert led_again_s(heartbeats) >= settings.election_timeout_s - settings.heartbeat_s
