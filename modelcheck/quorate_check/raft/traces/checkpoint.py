"""The server and its disk at a checkpoint, where a trace begins whose earlier parts are gone."""

from __future__ import annotations

from msgspec import DecodeError, Raw, ValidationError

from quorate.disk import add
from quorate.raft import Durable, Message, ReadRound, Role, State
from quorate.raft_server.trace_lines import CheckpointLine, digest
from quorate_check.core.system import UnusableSystemError
from quorate_check.raft.traces.format import message_of
from quorate_check.raft.traces.server import Disk, StepWrite, TracedServer, durable_of
from quorate_check.traces.reading import Place


def server_at_checkpoint(line: CheckpointLine, place: Place) -> tuple[TracedServer, Disk]:
    """Return the server and its disk at a checkpoint.

    Raises UnusableSystemError if the disk and the writes that wait for it don't lead to the state that the line has.
    """
    durable = durable_of(line.disk)
    disk = Disk(durable, initial_log=durable.log)
    for step in line.unwritten:
        messages = tuple(_message(*message, place) for message in step.messages)
        write = None if step.persist is None else StepWrite(step.number, place, step.persist)
        disk.queue, _ = add(disk.queue, write, (), tuple((message, place) for message in messages))
        if step.persist is None:
            continue
        snapshot = step.persist.snapshot
        last = max(durable.log.last_index, 0 if snapshot is None else snapshot.last_included_index)
        if not durable.log.snapshot_index < step.persist.first_index <= last + 1:
            raise UnusableSystemError(f"{place}: no line of a trace: step {step.number} writes where no entry can be")
        durable = durable.after(step.persist)
    return _server(line, durable, place), disk


def _server(line: CheckpointLine, durable: Durable, place: Place) -> TracedServer:
    """Return the server; raise UnusableSystemError if all its writes, `durable`, contradict its state."""
    expected = line.state
    state = State(
        line.disk.config,
        line.disk.node,
        durable.current_term,
        durable.voted_for,
        durable.log,
        expected.role,
        expected.leader_id,
        expected.commit_index,
        expected.last_applied,
        frozenset(expected.votes_granted),
        expected.durable_index,
        expected.next_index,
        expected.match_index,
        ReadRound(expected.read_round, expected.read_index, frozenset(expected.confirmed_by)),
        frozenset(expected.heard_from),
        expected.caught_up_index,
        expected.transfer_target,
    )
    if (
        digest(state) != expected
        or expected.commit_index > durable.log.last_index
        or expected.last_applied > expected.commit_index
    ):
        raise UnusableSystemError(f"{place}: no line of a trace: the checkpoint contradicts itself")
    terms_led = frozenset({state.current_term} if state.role is Role.LEADER else ())
    return TracedServer(state, state.last_applied, terms_led)


def _message(name: str, fields: Raw, place: Place) -> Message:
    try:
        return message_of(name, fields)
    except (DecodeError, ValidationError) as error:
        raise UnusableSystemError(f"{place}: no line of a trace: {error}") from error
