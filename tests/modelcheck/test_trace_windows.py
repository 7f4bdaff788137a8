"""A step seen through a window is explained if and only if the whole step is; else a trace's verdict means nothing."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from random import Random

import pytest

from nightly import NIGHTLY, all_by_day_but
from quorate.raft import (
    AppendEntries,
    AppendEntriesReply,
    Config,
    ConfirmLeadership,
    Durable,
    Entry,
    InstallSnapshot,
    LeadershipConfirmed,
    Log,
    Message,
    Output,
    RequestVoteReply,
    Snapshot,
    State,
    restart,
)
from quorate_check.core.invariants import StepInvariant
from quorate_check.core.system import Deliver, System
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits, explore
from quorate_check.raft.bounds import SERVED, RaftBounds
from quorate_check.raft.conformance.check import DEFAULT_RUNS, Conformance
from quorate_check.raft.conformance.explain import Cause, explain
from quorate_check.raft.conformance.steps import CAUSES, local_step
from quorate_check.raft.subject import CheckerEvent, Confirmation, CoreNode, decode
from quorate_check.raft.traces.check import TraceCheck
from quorate_check.raft.traces.server import TracedServer
from quorate_check.raft.traces.window import AppliedEntry, Piece, ServerStep, Window
from quorate_check.traces.reading import Place
from traced_cluster import TracedCluster

LIMITS = Limits(memory=1 << 30)
HELD = 7  # entries that all logs begin with: more than a window keeps around any index
SMALL = (
    RaftBounds(in_flight=2, max_log=2, proposals=2, drops=1, restarts=1),
    RaftBounds(servers=2, in_flight=3, max_log=2, proposals=1, snapshots=1, no_op=True),
    RaftBounds(servers=2, in_flight=3, max_log=1, proposals=1, step_downs=1, pre_vote=True),
    RaftBounds(servers=2, in_flight=3, max_log=1, proposals=1, reads=3),
    replace(SERVED, servers=2, max_term=1, snapshots=1),
    RaftBounds(members="12+3", changes="123,12", in_flight=2, max_log=2, proposals=0, snapshots=1, no_op=True),
)


def step_of(before: CoreNode, event: CheckerEvent, after: CoreNode, sent: tuple[Message, ...]) -> ServerStep:
    """A step of the explored system as a trace would show it."""
    received = event.message if isinstance(event, Deliver) and not isinstance(event.message, Confirmation) else None
    cause = CAUSES.get(type(event), Cause.ITS_OWN)
    if cause is Cause.MESSAGE and received is None:
        cause = Cause.ITS_OWN
    first, last = before.state.last_applied, after.state.last_applied
    apply = tuple(a.entry for a in after.record.applied[first:last])
    reads = [reads for _, reads in after.record.reads - before.record.reads]
    return ServerStep(
        TracedServer(before.state, len(before.record.applied), before.record.terms_led, before.durable),
        TracedServer(after.state, len(after.record.applied), after.record.terms_led, after.durable),
        cause,
        received,
        None
        if cause is Cause.CRASH
        else Output(after.state, send_now=sent, apply=apply, reads=next(iter(reads), None)),
    )


def applied_in(*servers: CoreNode, messages: tuple[Message, ...]) -> AppliedEntry:
    """What snapshots stand for, as the explored system knows it."""
    snapshots = [s.state.snapshot for s in servers] + [m.snapshot for m in messages if isinstance(m, InstallSnapshot)]
    entries: tuple[Entry, ...] = max((decode(s.data) for s in snapshots if s is not None), key=len, default=())
    return lambda index: entries[index - 1] if index <= len(entries) else None


def mutations(state: State, sent: tuple[Message, ...]) -> Iterator[tuple[State, tuple[Message, ...]]]:
    """Yield what a wrong core might have done instead."""
    for wrong in wrong_states(state):
        yield wrong, sent
    for position, message in enumerate(sent):
        others = sent[:position], sent[position + 1 :]
        yield state, others[0] + others[1]
        for other in wrong_messages(message):
            yield state, (*others[0], other, *others[1])


def near(index: int) -> set[int]:
    """The indices around this one, in a window's reach and out of it."""
    return {max(0, index + distance) for distance in (-4, -1, 1, 4)} - {index}


def put(values: tuple[int, ...], position: int, value: int) -> tuple[int, ...]:
    """The values with another one at a position."""
    return (*values[:position], value, *values[position + 1 :])


def wrong_entries(entries: tuple[Entry, ...]) -> Iterator[tuple[Entry, ...]]:
    """Yield entries that are the same but for one in the middle or at the end."""
    for position in {len(entries) // 2, len(entries) - 1} if entries else ():
        entry = entries[position]
        for other in (Entry(entry.term, b"1:1"), Entry(entry.term - 1, entry.command)):
            yield (*entries[:position], other, *entries[position + 1 :])


def wrong_states(state: State) -> Iterator[State]:
    """Yield states next to this one."""
    log = state.log
    for index in near(state.commit_index):
        yield replace(state, commit_index=index)
    if log.tail:
        yield replace(state, log=log.truncate_from(log.last_index))
    for entries in wrong_entries(log.entries):
        yield replace(state, log=Log(log.snapshot).append(entries))
    yield replace(state, log=log.append((Entry(state.current_term, b"1"),)))
    yield replace(state, voted_for=None if state.voted_for else 1)
    for position in range(len(state.next_index)):
        for index in near(state.next_index[position]):
            yield replace(state, next_index=put(state.next_index, position, max(1, index)))
        for index in near(state.match_index[position]):
            yield replace(state, match_index=put(state.match_index, position, index))
    if state.current_term > 0:
        yield replace(state, current_term=state.current_term - 1)
    reads = state.reads
    yield replace(state, reads=replace(reads, number=reads.number + 1))
    if reads.number:
        yield replace(state, reads=replace(reads, number=reads.number - 1))
        yield replace(state, reads=replace(reads, confirmed_by=reads.confirmed_by ^ {2}))
        yield from (replace(state, reads=replace(reads, index=index)) for index in near(reads.index))


def wrong_disks(state: State, durable: Durable | None) -> Iterator[Durable | None]:
    """Yield contents of disks next to this one."""
    if durable is None:
        yield Durable(state.current_term, state.voted_for, state.log)
        return
    log = durable.log
    yield None
    yield replace(durable, voted_for=None if durable.voted_for else 1)
    yield replace(durable, log=log.append((Entry(durable.current_term, b"1"),)))
    for entries in wrong_entries(log.entries):
        yield replace(durable, log=Log(log.snapshot).append(entries))


def wrong_messages(message: Message) -> Iterator[Message]:
    """Yield messages next to this one."""
    for name in ("prev_log_index", "leader_commit", "match_index", "last_log_index"):
        for index in near(getattr(message, name)) if hasattr(message, name) else ():
            yield replace(message, **{name: index})
    match message:
        case AppendEntries(entries=entries):
            yield from (replace(message, entries=other) for other in (entries[:-1], *wrong_entries(entries)))
        case AppendEntriesReply(success=success, match_index=index, prev_log_index=prev):
            yield replace(message, success=not success, match_index=prev, prev_log_index=index)
        case ConfirmLeadership(round=number) | LeadershipConfirmed(round=number):
            yield from (replace(message, round=other) for other in near(number))
        case RequestVoteReply(vote_granted=granted):
            yield replace(message, vote_granted=not granted)
        case InstallSnapshot(snapshot=Snapshot(index, term, data)):
            if index > 1:
                yield replace(message, snapshot=Snapshot(index - 1, term, b";".join(data.split(b";")[:-1])))
        case _:
            pass


@dataclass
class Agreement:
    """Compares, for each step that the engine takes and for some that are wrong, the window with the whole."""

    every_mutation: bool
    compared: Counter[tuple[bool, bool]] = field(
        default_factory=Counter
    )  # by: explained, whether something was left out
    _turn: Iterator[int] = field(default_factory=lambda: cycle(range(1009)))

    def holds(
        self, before: CoreNode, event: CheckerEvent, after: CoreNode, outgoing: tuple[Message | Confirmation, ...]
    ) -> bool:
        """Whether window and whole agree on this step, and on those next to it."""
        sent = tuple(message for message in outgoing if not isinstance(message, Confirmation))
        steps = [(after, sent)]
        wrong = [(replace(after, state=state), messages) for state, messages in mutations(after.state, sent)]
        wrong += [(replace(after, durable=durable), sent) for durable in wrong_disks(after.state, after.durable)]
        steps += wrong if self.every_mutation else [wrong[next(self._turn) % len(wrong)]]
        return all(self._agree(before, event, *step) for step in steps)

    def _agree(self, before: CoreNode, event: CheckerEvent, after: CoreNode, sent: tuple[Message, ...]) -> bool:
        step = step_of(before, event, after, sent)
        window = Window(step, applied_in(before, after, messages=step.messages))
        whole = explain(local_step(before, event, after, sent)) is not None
        self.compared[whole, str(window) != ""] += 1
        return (explain(window.step()) is not None) is whole

    def system(self, bounds: RaftBounds, held: int) -> System:
        """The core within `bounds`, where all logs begin with `held` entries of term 1, the first with the members."""
        higher = replace(bounds, max_term=bounds.max_term + int(held > 0), max_log=bounds.max_log + held)
        system = Conformance().system(higher)
        members = system.initial[0].state.configuration if bounds.changes else None
        begun = Durable(int(held > 0), None, Log().append((Entry(1, None, members), *[Entry(1, None)] * held)[:held]))
        initial = tuple(CoreNode(restart(s.state.config, s.state.id, begun)) for s in system.initial)
        agree = StepInvariant("WindowsAgree", "a window is explained if and only if the whole is", self.holds)
        return replace(system, initial=initial, invariants=(agree,))


@pytest.mark.parametrize("bounds", [run.bounds for run in DEFAULT_RUNS] if NIGHTLY else SMALL)
@pytest.mark.parametrize("held", all_by_day_but([0, HELD], 0))
def test_windows_and_whole_steps_are_explained_alike(bounds: RaftBounds, held: int) -> None:
    """On every distinct step of the bounded core, right and mutated, with short logs and with long ones."""
    agreement = Agreement(every_mutation=False)
    found = explore(agreement.system(bounds, held), LIMITS)
    assert found.verdict is Verdict.HOLDS, found.path
    for explained in (True, False):
        assert agreement.compared[explained, held > 0] > (1000 if NIGHTLY else 100)


class Whole(Window):
    """A step with nothing left out."""

    def _may_leave_out(self, first: int, last: int, pieces: tuple[Piece, ...]) -> bool:
        del first, last, pieces
        return False


@dataclass
class Comparing(TraceCheck):
    """A check of traces that compares, for each step and for one that is wrong, the window with the whole."""

    compared: Counter[tuple[bool, bool]] = field(default_factory=Counter)  # as in Agreement
    rng: Random = field(default_factory=lambda: Random(1))

    def _explain(self, step: ServerStep, place: Place) -> None:
        super()._explain(step, place)
        steps = [step]
        if step.output is not None:
            state, sent = self.rng.choice(list(mutations(step.after.state, step.sent)))
            output = replace(step.output, send_now=sent, send_when_durable=())
            steps.append(replace(step, after=replace(step.after, state=state), output=output))
            durable = self.rng.choice(list(wrong_disks(step.after.state, step.after.durable)))
            steps.append(replace(step, after=replace(step.after, durable=durable)))
        for each in steps:
            window, whole = (kind(each, self.safety.applied_entry) for kind in (Window, Whole))
            explained = explain(whole.step()) is not None
            assert (explain(window.step()) is not None) is explained, (place, each)
            self.compared[explained, len(window.indices) < len(whole.indices)] += 1


@pytest.mark.parametrize("seed", range(50 if NIGHTLY else 2))
def test_windows_leave_out_of_batches_only_what_doesn_t_matter(seed: int, tmp_path: Path) -> None:
    """On random runs with many entries at a time, right and mutated also in the middle of a batch."""
    cluster = TracedCluster(tmp_path, Config((1, 2, 3), no_op=True, pre_vote=seed % 2 == 0), seed)
    cluster.elect(1)
    cluster.propose(20)
    cluster.settle()
    cluster.run(400, batch=12)
    cluster.close()
    check = Comparing(tmp_path)
    check.run(lambda: None, lambda _: None)
    assert check.finding is None
    assert min(check.compared[explained, True] for explained in (True, False)) > 5


@pytest.mark.parametrize("cut", [False, True])
# Seed 45: a trace begins while a snapshot that was sent waits for the disk.
@pytest.mark.parametrize("seed", range(50) if NIGHTLY else [0, 45])
def test_windows_have_the_configurations_that_count(seed: int, tmp_path: Path, *, cut: bool) -> None:
    """On random runs whose members change, with configurations far back in logs, in snapshots, and before the trace."""
    everyone = frozenset(range(1, 6)) if cut else frozenset[int]()
    config = Config((1, 2, 3), no_op=True)
    cluster = TracedCluster(tmp_path, config, seed, joiners=(4, 5), cut=everyone, part_bytes=4_000, parts=2)
    cluster.elect(1)
    for _ in range(10):
        cluster.propose(6)
        cluster.settle()
        cluster.run(40, batch=3, changes=6)
        cluster.settle()
        for member in cluster.nodes:
            if not cluster.leaders():
                cluster.elect(member)
    cluster.close()
    check = Comparing(tmp_path)
    check.run(lambda: None, lambda _: None)
    assert check.finding is None, check.finding
    assert (check.counts.began_late > 0) is cut
    assert min(check.compared[explained, True] for explained in (True, False)) > 5
    assert cluster.changed > 2
