"""The store with its clients: every history is judged, and each known bug shows a history that isn't linearizable."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from engine_agreement import MEMORY
from mutants_support import MUTANTS, ROOT
from quorate.raft import ElectionTimeout, PreVoteReply, RequestVote, RequestVoteReply, Role
from quorate.raft_server.settings import served_config
from quorate.store import replies
from quorate.store.replies import Failure
from quorate_check.cli.app import main
from quorate_check.core.system import Deliver, Outcome, UnusableSystemError
from quorate_check.core.verdict import Exploration, Verdict
from quorate_check.engine import Limits, explore
from quorate_check.history.operations import OperationOutcome
from quorate_check.mutants.corpus import Bug, bugs, complaint_in_the_store, tasks_in_the_store
from quorate_check.mutants.matrix import print_store
from quorate_check.mutants.pool import Memory, run
from quorate_check.raft.subject import CheckQuorum, Durability, Restart
from quorate_check.store import messages as m
from quorate_check.store.bounds import StoreBounds
from quorate_check.store.clients import (
    Begin,
    ClientAdapter,
    ConnectionEnd,
    HistoryRecord,
    Invocation,
    Return,
    history_of,
    is_linearizable,
    parse_scripts,
)
from quorate_check.store.clients import Failure as FailedRequest
from quorate_check.store.messages import Ask, NoReply, RequestId
from quorate_check.store.state import StoreServer

if TYPE_CHECKING:
    from pathlib import Path

    from quorate_check.mutants.pool import Answer

ROWS = {bug.id: bug for bug in bugs(MUTANTS) if bug.store is not None}
# One in the server's reads, one in sessions, one in the core's disk; by night `model-check mutants --store` judges all.
SMALL = ("H3", "R8", "C18")
FIRST, SECOND = RequestId(0, 0), RequestId(0, 1)


@pytest.mark.parametrize(
    ("bounds", "tuples"),
    [
        (StoreBounds(max_term=2, max_log=2), 7_975),
        (StoreBounds(servers=2, restarts=1, snapshots=1, no_op=False, max_log=2), 7_106),
        (StoreBounds(servers=2, late_apply=True), None),
        (StoreBounds(servers=2, expiry=True, clients="get get", max_log=2), None),
        (StoreBounds(servers=2, clients="incr incr; get", max_term=2, max_log=3), None),
    ],
    ids=["one election", "a restart and a snapshot", "late apply", "a deadline", "two clients"],
)
def test_every_history_is_linearizable(bounds: StoreBounds, tuples: int | None) -> None:
    """With no event left out; every client gets its replies on some run."""
    result = explore(bounds.system(), Limits(memory=MEMORY, reduced=True))
    assert result.conclusion.startswith("holds, exhaustive within bounds")
    assert result.verdict is Verdict.HOLDS
    assert tuples in (None, result.tuples)


def test_servers_are_interchangeable_and_useless_messages_useless() -> None:
    """The same tuples of local states under one name of the servers and under each, with all messages and without."""
    bounds = StoreBounds(servers=2, max_log=2, max_term=2)
    results = [
        explore(replace(bounds, symmetry=symmetry).system(), Limits(memory=MEMORY, reduced=reduced))
        for symmetry in (True, False)
        for reduced in (True, False)
    ]
    assert len({result.tuples for result in results}) == 1
    assert results[0].states < results[1].states < results[3].states


SERVED = StoreBounds(servers=2, pre_vote=True, check_quorum=True, storage=Durability.ASYNC)


def test_the_store_is_explored_as_it_is_served() -> None:
    """With the core of `quorate serve` and a disk that a crash finds behind: every history is linearizable."""
    bounds = replace(SERVED, max_term=2, restarts=1)
    system = bounds.system()
    cores = [server.core for server in system.initial if isinstance(server, StoreServer)]
    assert {core.config for core in cores} == {served_config((1, 2))}
    result = explore(system, Limits(memory=MEMORY))
    assert result.verdict is Verdict.HOLDS
    assert {"a restart loses unsynced data", "a leader that nobody answers steps down"} <= names_of_witnesses(result)


def names_of_witnesses(result: Exploration) -> set[str]:
    """The witnesses that a search has seen."""
    return {each.name for each in result.witnesses if each.was_seen}


def test_a_write_is_confirmed_late_and_lost_with_the_disk() -> None:
    """A step that writes has two outcomes: the write becomes durable, or the disk stalls before it, until a crash."""
    system = SERVED.system()
    (asked,) = system.step(system.initial[0], ElectionTimeout())
    (stored, stalled) = system.step(asked.local, Deliver(PreVoteReply(2, 1, 2, vote_granted=True)))
    assert (stored.local.durable, stalled.local.durable) == (None, system.initial[0].node.in_memory)
    assert [type(message) for message in stored.messages] == [RequestVote]
    assert stalled.messages == ()
    terms = []
    for outcome in (stored, stalled):
        (restarted,) = system.step(outcome.local, Restart())
        terms.append(restarted.local.core.current_term)
    assert terms == [2, 1]


def test_a_leader_that_nobody_answers_steps_down() -> None:
    """In the store as in the core; with the answers of all it stays, and nothing changes."""
    system = StoreBounds(servers=2, check_quorum=True).system()
    server = system.initial[0]
    assert system.step(server, CheckQuorum(has_quorum=False)) == ()
    (candidate,) = system.step(server, ElectionTimeout())
    (elected,) = system.step(candidate.local, Deliver(RequestVoteReply(2, 1, 2, vote_granted=True)))
    (stays,) = system.step(elected.local, CheckQuorum(has_quorum=True))
    assert stays == Outcome(elected.local, ())
    (down,) = system.step(elected.local, CheckQuorum(has_quorum=False))
    assert (elected.local.core.role, down.local.core.role) == (Role.LEADER, Role.FOLLOWER)


@pytest.mark.parametrize("sessions", [False, True])
def test_connections_may_end(*, sessions: bool) -> None:
    """A write that was passed on is repeated in its session, or in doubt without one: every history is linearizable."""
    bounds = StoreBounds(servers=2, max_term=2, forwards=1, connections=2, sessions=sessions, clients="incr")
    result = explore(bounds.system(), Limits(memory=MEMORY))
    assert result.verdict is Verdict.HOLDS
    later = "a client gets a reply on a later connection"
    assert (later in names_of_witnesses(result)) == sessions, "without a session no write is repeated"


def asked(bounds: StoreBounds) -> tuple[ClientAdapter, Outcome]:
    """The clients within `bounds`, and the first of them after it asked the first server."""
    scripts = parse_scripts(bounds.clients)
    adapter = ClientAdapter(scripts, (1, 2), 3, bounds.sessions, asks_one=True, connections=bounds.connections)
    return adapter, adapter.step(adapter.initial(), Begin(0))[0]


def test_a_write_that_is_asked_again_stays_in_doubt() -> None:
    """Whatever a server says of it later; the session is given up then, and used again after a certain failure."""
    adapter, first = asked(StoreBounds(servers=2, forwards=1, connections=2, clients="incr del"))
    request = RequestId(0, 0, sequence=1)
    assert first.messages == (Ask(3, 1, request),)
    (failed,) = adapter.step(first.local, Deliver(NoReply(1, 3, request, is_certain=True)))
    assert adapter.step(failed.local, Begin(0))[0].messages == (Ask(3, 1, RequestId(0, 1, sequence=1)),)
    again = adapter.step(first.local, ConnectionEnd(0))
    repeat = replace(request, connection=1)
    assert [outcome.messages for outcome in again] == [(Ask(3, 1, repeat),), (Ask(3, 2, repeat),)]
    assert adapter.step(again[0].local, Deliver(m.Answer(1, 3, request, b""))) == ()
    assert adapter.step(again[0].local, ConnectionEnd(0)) == ()
    (doubt,) = adapter.step(again[0].local, Deliver(NoReply(1, 3, repeat, is_certain=True)))
    assert doubt.local.record[-1] == FailedRequest(repeat, is_certain=False)
    assert adapter.step(doubt.local, Begin(0)) == ()


def test_a_write_without_a_session_is_not_asked_again() -> None:
    """A read is."""
    adapter, write = asked(StoreBounds(servers=2, forwards=1, connections=2, sessions=False, clients="incr get"))
    (ended,) = adapter.step(write.local, ConnectionEnd(0))
    assert (ended.messages, ended.local.record[-1]) == ((), FailedRequest(RequestId(0, 0), is_certain=False))
    read = adapter.step(ended.local, Begin(0))[0]
    assert len(adapter.step(read.local, ConnectionEnd(0))) == 2


def answers(rows: list[Bug], memory: Memory) -> list[tuple[Bug, Answer]]:
    """Judge each row by a search of the store."""
    tasks = list(tasks_in_the_store(rows, ROOT))
    by_key = {task.key: answer for task, answer in run(tasks, ROOT / "impl", 1, memory, lambda: None)}
    return [(row, by_key[task.key]) for row, task in zip(rows, tasks, strict=True)]


def test_known_bugs_show_a_history_that_is_not_linearizable(tmp_path: Path) -> None:
    """Each after the steps of its row; a row that names something else is complained of."""
    judged = answers([ROWS[name] for name in SMALL], Memory(tmp_path / "results", fresh=False))
    assert [complaint_in_the_store(row, answer) for row, answer in judged] == [None] * len(SMALL)
    row, answer = judged[0]
    assert row.store is not None
    assert "'depth': 1" in str(complaint_in_the_store(replace(row, store={**row.store, "depth": 1}), answer))
    text = io.StringIO()
    print_store(Console(file=text, width=80), judged)
    assert text.getvalue().splitlines()[2].split()[:4] == ["H3", "Linearizable", "<=", "20"]
    assert "H3: servers 2, late-apply" in text.getvalue()


def record(*events: tuple[RequestId, object]) -> HistoryRecord:
    """A history of invocations and, where there is a value, its reply."""
    return tuple(
        Invocation(request) if value is Invocation else Return(request, replies.encode(value))  # type: ignore[arg-type]
        for request, value in events
    )


def test_a_record_is_judged_by_the_history_checker() -> None:
    """A read after a write has returned must see it; while the write is under way it may."""
    scripts = (("incr",), ("get",))
    read = RequestId(1, 0)
    late = record((FIRST, Invocation), (FIRST, 1), (read, Invocation), (read, None))
    early = record((FIRST, Invocation), (read, Invocation), (read, None), (FIRST, 1))
    assert not is_linearizable(history_of(scripts, late, expires=False))
    assert is_linearizable(history_of(scripts, early, expires=False))


def test_the_end_of_a_session_says_nothing_of_earlier_repeats() -> None:
    """The write may have taken effect before; any other error says that it hasn't."""
    scripts = (("incr", "get"),)
    for code, outcome in (("NOSESSION", OperationOutcome.UNKNOWN), ("ERR", OperationOutcome.DONE)):
        ended = record((FIRST, Invocation), (FIRST, Failure(f"{code} because")), (SECOND, Invocation), (SECOND, b"1"))
        history = history_of(scripts, ended, expires=False)
        assert history.operations[0].outcome is outcome
        assert is_linearizable(history) == (code == "NOSESSION")


def test_a_key_with_a_deadline_goes_once() -> None:
    """It may be gone at any time, and doesn't come back."""
    scripts = (("get", "get"),)

    def reads(first: bytes | None, second: bytes | None) -> HistoryRecord:
        return record((FIRST, Invocation), (FIRST, first), (SECOND, Invocation), (SECOND, second))

    assert is_linearizable(history_of(scripts, reads(b"0", None), expires=True))
    assert is_linearizable(history_of(scripts, reads(None, None), expires=True))
    assert not is_linearizable(history_of(scripts, reads(None, b"0"), expires=True))


def test_bounds_are_what_they_were_when_a_path_was_saved() -> None:
    """Every field goes into a report and back."""
    bounds = StoreBounds(restarts=None, snapshots=2, clients="set; get", expiry=True, late_apply=True, pre_vote=True)
    bounds = replace(bounds, storage=Durability.ASYNC, check_quorum=True, forwards=1, sessions=False, connections=2)
    assert StoreBounds.from_dict(bounds.as_dict()) == bounds


def test_only_budgets_may_be_unlimited() -> None:
    """Also in the bounds of a saved path."""
    for name in ("max_term", "max_log", "reads"):
        with pytest.raises(UnusableSystemError, match="must be between"):
            StoreBounds.from_dict({**StoreBounds().as_dict(), name: "unlimited"})


def test_the_claim_names_every_bound() -> None:
    """Also what doesn't happen within the default bounds."""
    claim = StoreBounds(restarts=None, snapshots=1, clients="incr; get get", expiry=True, late_apply=True).claim
    for part in (
        "3 servers",
        "2 further terms",
        "logs of 3",
        "1 round of reads",
        "client 1 does incr",
        "client 2 does get get",
    ):
        assert part in claim
    for part in ("any number of restarts", "1 snapshot", "clocks that pass the deadline", "applied late"):
        assert part in claim
    claim = StoreBounds(forwards=2, connections=3, storage=Durability.ASYNC).claim
    for part in ("requests in sessions", "passes on up to 2", "connections that end", "up to 3 for a request"):
        assert part in claim
    assert "any number of writes waiting for each disk" in claim
    assert "requests without sessions" in StoreBounds(forwards=1, sessions=False).claim


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--clients", "push"], "'push' isn't one of get, incr, append, set, del"),
        (["--clients", "get;"], "each client has one or more"),
        (["--servers", "0"], "between 1 and 9"),
        (["--max-term", "1"], "must be between 2"),
        (["--restarts", "some"], "neither a number nor"),
        (["--no-sessions"], "--no-sessions: without --forwards a client repeats"),
        (["--connections", "2"], "--connections 2: without --forwards a client repeats"),
        (["--connections", "0", "--forwards", "1"], "--connections 0: must be between 1 and 1000"),
        (["--restarts", "-1"], "must be between 0 and 1000, or unlimited"),
    ],
)
def test_bounds_that_mean_nothing_are_refused_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any search."""
    assert main(["store", *arguments]) == 2
    assert words in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_scripts_are_operations_by_client() -> None:
    """Blanks don't matter."""
    assert parse_scripts(" incr get ;get") == (("incr", "get"), ("get",))
    with pytest.raises(UnusableSystemError):
        parse_scripts("")


def test_a_broken_path_is_saved_drawn_and_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A path to a witness stands for one: its words name requests and replies, and it happens again."""
    file = str(tmp_path / "path.json")
    witness = "every client has all its replies"
    assert main(["store", "--servers", "2", "--max-term", "2", "--witness", witness, "--save", file]) == 0
    text = capsys.readouterr().out
    for words in ("incr of client 1", "1 for incr of client 1", "'1' for get of client 1", "ConfirmLeadership"):
        assert words in text
    assert main(["replay", file]) == 0
