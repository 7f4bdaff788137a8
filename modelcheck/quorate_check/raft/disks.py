"""The disks of explored servers: when writes become durable, and what waits until then.

- `Immediate`: an Output is durable before any message leaves.
- `Queued`: writes queue up (`quorate.disk`, as in servers). `Flush` makes the oldest durable, confirms it, and releases
  the messages that waited for it; a crash keeps any prefix of the queue.
- `Stalling`, for a network where every message may be late. There a write that reaches the disk late is no different
  from one that is durable at once and whose messages are late. Only two things of a late disk can be seen:

  1. A crash loses a suffix of the writes. It is decided when the first lost write is made: from then on the disk is
     *stalled*, while the memory goes on. Messages that wait for the disk never leave, and no write is confirmed. A
     restart begins with what the disk had. (Without a restart that is a disk that hangs, or is slow.)
  2. The core learns late that a write is durable: confirmations *wait*, and `Confirm` gives the oldest one to the core.

  `Stalling` reaches the same tuples of core states, records, contents of disks and waiting confirmations as `Queued`
  would if it confirmed writes later than it makes them durable. It needs no queue and no waiting messages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from quorate import raft as code
from quorate.disk import Write, add, crash, flush
from quorate_check.core.system import NetworkKind, Outcome
from quorate_check.raft.subject import Confirm, CoreNode, Disk, DiskEvent, Durability, Flush, remember, sent_with


def disk_of(storage: Durability, network: NetworkKind) -> Disk:
    """Return the disk with which servers are explored on a network."""
    if storage is Durability.SYNC:
        return Immediate()
    return Stalling() if network is NetworkKind.ANY else Queued()


@dataclass(frozen=True, slots=True)
class Immediate:
    """A disk that is never behind."""

    @property
    def events(self) -> tuple[DiskEvent, ...]:
        """None."""
        return ()

    def store(self, server: CoreNode, output: code.Output) -> tuple[Outcome, ...]:
        """Make the write durable, confirm it, and send all messages."""
        sent = sent_with(output)
        record = remember(server.record, output, sent, output.state.current_term)
        if output.persist is not None and (confirmation := output.persist.confirmation) is not None:
            output = confirmed(output.state, confirmation)
            sent += sent_with(output)
            record = remember(record, output, sent, output.state.current_term)
        return (Outcome(CoreNode(output.state, record=record), sent),)

    def act(self, _server: CoreNode, event: DiskEvent) -> tuple[Outcome, ...]:
        """Fail, for this disk has no events."""
        raise AssertionError(event)

    def crash(self, server: CoreNode) -> tuple[code.Durable, ...]:
        """Return the contents of the memory."""
        return (server.in_memory,)


@dataclass(frozen=True, slots=True)
class Queued:
    """A disk with a queue of writes, of any length."""

    @property
    def events(self) -> tuple[DiskEvent, ...]:
        """Flush."""
        return (Flush(),)

    def store(self, server: CoreNode, output: code.Output) -> tuple[Outcome, ...]:
        """Append the output's write, with the messages that wait for it, to the queue."""
        queue, leaving = add(server.queue, output.persist, output.send_now, output.send_when_durable)
        if queue is not server.queue:
            queue = (*queue[:-1], Write(queue[-1].persist, sorted_by_receiver(queue[-1].messages)))
        disk = server.on_disk if queue else None
        term_on_disk = output.state.current_term if disk is None else disk.current_term
        record = remember(server.record, output, leaving, term_on_disk)
        return (Outcome(CoreNode(output.state, disk, queue, record=record), leaving),)

    def act(self, server: CoreNode, event: DiskEvent) -> tuple[Outcome, ...]:
        """Make the oldest write durable, confirm it, and send the messages that waited for it."""
        assert event == Flush()
        if not server.queue:
            return ()
        (oldest,), rest = flush(server.queue)
        disk = server.on_disk.after(oldest.persist)
        flushed = replace(server, queue=rest, durable=disk if rest else None)
        confirmation = oldest.persist.confirmation
        output = code.Output(server.state) if confirmation is None else confirmed(server.state, confirmation)
        (outcome,) = self.store(flushed, output)
        record = remember(outcome.local.record, None, oldest.messages, disk.current_term)
        return (Outcome(replace(outcome.local, record=record), oldest.messages + outcome.messages),)

    def crash(self, server: CoreNode) -> tuple[code.Durable, ...]:
        """Return the contents for each number of queued writes that reach the disk."""
        return crash(server.on_disk, server.queue, code.Durable.after)


@dataclass(frozen=True, slots=True)
class Stalling:
    """A disk that may stall at any write, until the server restarts, and confirms writes late."""

    @property
    def events(self) -> tuple[DiskEvent, ...]:
        """Confirm."""
        return (Confirm(),)

    def store(self, server: CoreNode, output: code.Output) -> tuple[Outcome, ...]:
        """Make the write durable and send all messages, unless the disk is stalled, or stalls at this write."""
        if server.durable is not None:
            return (_lost(server, output),)
        durable = _stored(server, output)
        return (durable,) if output.persist is None else (durable, _lost(server, output))

    def act(self, server: CoreNode, event: DiskEvent) -> tuple[Outcome, ...]:
        """Give the oldest confirmation that waits to the core."""
        assert event == Confirm()
        if not server.confirmations:
            return ()
        oldest, *rest = server.confirmations
        return self.store(replace(server, confirmations=tuple(rest)), confirmed(server.state, oldest))

    def crash(self, server: CoreNode) -> tuple[code.Durable, ...]:
        """Return the contents of the disk: which writes are lost was decided when it stalled."""
        return (server.on_disk,)


def _stored(server: CoreNode, output: code.Output) -> Outcome:
    sent, write, waiting = sent_with(output), output.persist, server.confirmations
    if write is not None and write.confirmation is not None:
        waiting = (*waiting, write.confirmation)
    record = remember(server.record, output, sent, output.state.current_term)
    return Outcome(CoreNode(output.state, confirmations=waiting, record=record), sent)


def _lost(server: CoreNode, output: code.Output) -> Outcome:
    """Return the outcome of a step whose write, if any, the next crash loses."""
    disk = server.on_disk
    record = remember(server.record, output, output.send_now, disk.current_term)
    local = CoreNode(output.state, disk, confirmations=server.confirmations, record=record)
    return Outcome(local, output.send_now)


def confirmed(state: code.State, confirmation: code.Persisted) -> code.Output:
    """Return the output of the core when it learns that a write is durable."""
    output = code.step(state, confirmation)
    assert output.persist is None, "a confirmation must not ask for another write"
    return output


def sorted_by_receiver(messages: tuple[code.Message, ...]) -> tuple[code.Message, ...]:
    """Return the waiting messages of a server, each once, sorted by receiver and then by age.

    No kind of network depends on the order of messages to different receivers. Without this order renamed servers
    would be different states, and a waiting write would collect equal replies without end.
    """
    return tuple(sorted(dict.fromkeys(messages), key=lambda message: message.dest))
