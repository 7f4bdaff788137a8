"""A server whose trace begins in the middle of a run: its core and its disk as the checkpoint of that part has them."""

from __future__ import annotations

from msgspec import DecodeError, Raw, ValidationError

from quorate.disk import add
from quorate.raft import Durable, Message, Role, State
from quorate.raft_server.trace_lines import CheckpointLine, Digest, digest
from quorate_check.core.system import UnusableSystemError
from quorate_check.raft.traces.reading import Place, message_of
from quorate_check.raft.traces.server import Disk, StepWrite, TracedServer, durable_of


def resumed(line: CheckpointLine, place: Place) -> tuple[TracedServer, Disk]:
    """Return what goes on there; raise UnusableSystemError if what waits for the disk doesn't lead to the state."""
    durable = durable_of(line.disk)
    disk = Disk(durable, begun=durable.log)
    for step in line.unwritten:
        before = _server(line, step.before, durable, place)
        messages = tuple(_message(*message, place) for message in step.messages)
        write = None if step.persist is None else StepWrite(step.number, place, before, step.persist)
        disk.queue, _ = add(disk.queue, write, (), tuple((message, place) for message in messages))
        durable = durable if step.persist is None else durable.after(step.persist)
    return _server(line, line.state, durable, place), disk


def _server(line: CheckpointLine, seen: Digest, durable: Durable, place: Place) -> TracedServer:
    state = State(
        line.disk.config,
        line.disk.node,
        durable.current_term,
        durable.voted_for,
        durable.log,
        seen.role,
        seen.leader_id,
        seen.commit_index,
        seen.last_applied,
        frozenset(seen.votes_granted),
        seen.durable_index,
        seen.next_index,
        seen.match_index,
    )
    if digest(state) != seen or seen.commit_index > durable.log.last_index or seen.last_applied > seen.commit_index:
        raise UnusableSystemError(f"{place}: no line of a trace: the checkpoint contradicts itself")
    led = frozenset({state.current_term} if state.role is Role.LEADER else ())
    return TracedServer(state, state.last_applied, led)


def _message(name: str, fields: Raw, place: Place) -> Message:
    try:
        return message_of(name, fields)
    except (DecodeError, ValidationError) as error:
        raise UnusableSystemError(f"{place}: no line of a trace: {error}") from error
