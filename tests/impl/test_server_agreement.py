"""Who differs from a majority stops; a minority's word stops nobody, and nor does a tie."""

import asyncio
from collections import Counter
from itertools import product

import pytest

import quick_loop
from quorate.raft_server.agreement import MOST_KEPT, REPEATED_AFTER, Agreement, Verdict, judge
from quorate.raft_server.messages import StateDigest
from quorate.raft_server.settings import Settings
from quorate.runtime.interfaces import DamagedStateError
from quorate.runtime.outcomes import Done
from quorate.store.keyspace import Keyspace
from servers import Servers

A, B, C = b"a" * 16, b"b" * 16, b"c" * 16
SETTINGS = Settings(digest_entries=8)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_every_case_is_judged_by_what_a_majority_of_all_has(size: int) -> None:
    """Whoever says what, or nothing yet: only a majority of all members, silent ones counted, decides."""
    members = range(1, size + 1)
    seen = Counter[Verdict]()
    for words in product([A, B, C, None], repeat=size):
        said = {member: word for member, word in zip(members, words, strict=True) if word is not None}
        for me, mine in said.items():
            verdict = judge(me, members, said)
            seen[verdict] += 1
            votes = Counter(said.values())
            needed, silent = size // 2 + 1, size - len(said)
            winners = [word for word, count in votes.items() if count >= needed]
            possible = [word for word, count in votes.items() if count + silent >= needed]
            if len(votes) == 1:
                assert verdict is Verdict.EQUAL
            elif winners:
                assert verdict is (Verdict.OTHERS if winners == [mine] else Verdict.ALONE)
            else:
                assert verdict is (Verdict.OPEN if possible else Verdict.TIED)
    assert size < 3 or set(seen) == set(Verdict), "not vacuous"


@pytest.mark.parametrize("size", [3, 5])
def test_fewer_than_a_majority_never_stop_a_member(size: int) -> None:
    """Whatever all the others but enough to a majority with it say, in whatever order, and however often."""
    members = tuple(range(1, size + 1))
    liars = members[1 : size // 2 + 1]
    assert len(liars) == size // 2
    for words in product([A, B, C], repeat=2 * len(liars)):
        agreement = Agreement(1, members, 8)
        assert agreement.reached(8, A) is None
        for number, word in enumerate(words):
            assert agreement.heard(liars[number % len(liars)], StateDigest(8, word)) is None


def test_a_member_that_comes_late_compares_with_what_was_said_before() -> None:
    """What others said is remembered until it gets there; it says where it differs and what to do."""
    agreement = Agreement(3, (1, 2, 3), 8)
    for peer in (1, 2):
        for index in (8, 16):
            assert agreement.heard(peer, StateDigest(index, A)) is None
    assert agreement.reached(8, A) is None
    error = agreement.reached(16, B)
    assert isinstance(error, DamagedStateError)
    assert "entry 16" in str(error)
    assert "nodes 1, 2" in str(error)
    assert "quorate replace" in str(error)
    assert "\n" not in str(error)


def test_operators_learn_who_differs_until_all_agree_again() -> None:
    """A tie is told as one, and so is that it is over."""
    agreement = Agreement(1, (1, 2, 3), 8)
    assert agreement.reached(8, A) is None
    assert agreement.heard(2, StateDigest(8, B)) is None
    assert "others will decide" in agreement.notice
    assert agreement.heard(3, StateDigest(8, C)) is None
    assert "nobody stops" in agreement.notice
    assert agreement.reached(16, A) is None
    assert agreement.heard(2, StateDigest(16, A)) is None
    assert "nobody stops" in agreement.notice, "node 3 hasn't said anything since"
    assert agreement.heard(3, StateDigest(16, B)) is None
    assert "at nodes 3 than at a majority" in agreement.notice
    assert agreement.heard(3, StateDigest(16, A)) is None, "it has been given its state anew"
    assert agreement.notice == ""


def test_rubbish_is_neither_believed_nor_kept() -> None:
    """Strangers, other indices, other lengths, and any number of digests."""
    agreement = Agreement(1, (1, 2, 3), 8)
    agreement.reached(8, A)
    for peer, message in (
        (9, StateDigest(8, B)),
        (1, StateDigest(8, B)),
        (2, StateDigest(7, B)),
        (2, StateDigest(8, b"")),
    ):
        assert agreement.heard(peer, message) is None
    assert agreement.notice == ""
    for number in range(1_000):
        agreement.heard(2, StateDigest(2**62 - 8 * number, B))
    assert len(agreement._digests[2]) == MOST_KEPT


def test_every_digest_is_told_once_and_the_latest_again_and_again() -> None:
    """Messages get lost, and who was away asks nobody."""
    agreement = Agreement(1, (1, 2, 3), 8)
    assert not any(agreement.due() for _ in range(2 * REPEATED_AFTER))
    agreement.reached(8, A)
    agreement.reached(16, B)
    assert agreement.due() == [StateDigest(8, A), StateDigest(16, B)]
    told = [agreement.due() for _ in range(3 * REPEATED_AFTER)]
    assert [each for each in told if each] == [[StateDigest(16, B)]] * 3


def damage(keys: Keyspace, key: bytes, value: bytes) -> None:
    """Change a value behind the back of whoever put it, as a flipped bit would."""
    record = keys.record(key)
    assert record is not None
    (bucket,) = (bucket for bucket in keys._buckets.values() if key in bucket)
    bucket[key] = type(record)(value, record.version, record.deadline)


@pytest.mark.parametrize("victim", ["leader", "follower"])
def test_a_server_whose_state_is_damaged_stops_and_the_others_serve(victim: str) -> None:
    """The damaged value is changed by a later entry, which makes the digest another one; whoever leads."""

    async def main() -> None:
        servers = Servers(SETTINGS)
        try:
            leader = await servers.start()
            servers.set(leader, b"k", b"good")
            await asyncio.sleep(1)
            chosen = next(n for n, server in servers.by_id.items() if (server is leader) == (victim == "leader"))
            damage(servers.machines[chosen]._keys, b"k", b"gooe")
            for number in range(20):
                servers.set(leader, b"k", b"v%d" % number)
                await asyncio.sleep(0.05)
            await asyncio.sleep(1)
            error = servers.by_id[chosen].failed.exception()
            assert isinstance(error, DamagedStateError)
            assert "another here than at a majority" in str(error)
            healthy = [server for n, server in servers.by_id.items() if n != chosen]
            assert not any(server.failed.done() for server in healthy)
            assert all(f"at nodes {chosen} than" in server.status().notice for server in healthy)
            await asyncio.sleep(SETTINGS.request_timeout_s)  # what the damaged server owed has its outcome
            servers.outcomes.clear()
            servers.set(healthy[0], b"k", b"after")
            await asyncio.sleep(3)
            assert [type(outcome) for outcome in servers.outcomes] == [Done]
        finally:
            await servers.stop()

    quick_loop.run(main)


def test_a_snapshot_of_a_damaged_state_is_not_made() -> None:
    """Nothing has touched the damaged value since; the server stops before its disk holds it."""

    async def main() -> None:
        servers = Servers(Settings(snapshot_bytes=5_000))
        try:
            leader = await servers.start()
            servers.set(leader, b"k", b"good")
            await asyncio.sleep(1)
            me = leader.status().node_id
            damage(servers.machines[me]._keys, b"k", b"gooe")
            for number in range(50):
                servers.set(leader, b"other%d" % number, b"v" * 200)
                await asyncio.sleep(0.05)
            error = leader.failed.exception()
            assert isinstance(error, DamagedStateError)
            assert "isn't what it has applied" in str(error)
            assert servers.disks[me].snapshots == 0
            assert not any(server.failed.done() for server in servers.by_id.values() if server is not leader)
        finally:
            await servers.stop()

    quick_loop.run(main)
