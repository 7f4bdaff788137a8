"""The disks of explored servers: when writes become durable, and what waits until then.

- `Immediate`: an Output is durable before any message leaves.
- `Queued`: writes queue up (`quorate.disk`, as in servers). `Flush` makes the oldest durable, confirms it, and releases
  the messages that waited for it; a crash keeps any prefix of the queue.
- `Stalling`, for a network where every message may be late. There a write that reaches the disk late is no different
  from one that is durable at once and whose messages are late. Only two things of a late disk can be seen:

  1. A crash loses the latest writes. It is decided at the first lost write: from then on the disk is *stalled*, while
     the memory goes on. Messages that wait for the disk never leave, and no write is confirmed. A restart begins with
     what the disk had. (Without a restart that is a disk that hangs, or is slow.)
  2. The core learns late that a write is durable: its `Confirmation` is a message, which the disk sends to its server.

  So neither queues nor waiting messages multiply the local states. The same tuples of core states, contents of disks
  and records are reached as with `Queued` if it confirmed writes later than it makes them durable, but for one kind of
  record: with a queue, a crash may keep a vote and lose the message that waited for it; here that message was sent, and
  the network may lose it. Like every message on such a network a confirmation may also arrive again, after a later one,
  or after a restart. The core is indifferent to that, since a leader writes each entry of its term once; of a core that
  isn't, a path may have confirmations that no disk would send.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from quorate import raft as code
from quorate.disk import Queue, Write, add, crash, flush
from quorate_check.core.system import NetworkKind, Outcome
from quorate_check.raft.subject import Confirmation, CoreNode, Disk, Durability, Flush, Sent, remember, sent_with

# The queue of a disk that is stalled: a write that never ends, whatever it is.
STALLED: Queue[code.Persist, code.Message] = (Write(code.Persist(0, None, 1), ()),)


def disk_of(storage: Durability, network: NetworkKind) -> Disk:
    """Return the disk with which servers are explored on a network."""
    if storage is Durability.SYNC:
        return Immediate()
    return Stalling() if network is NetworkKind.ANY else Queued()


@dataclass(frozen=True, slots=True)
class Immediate:
    """A disk that is never behind."""

    @property
    def events(self) -> tuple[Flush, ...]:
        """None."""
        return ()

    def store(self, server: CoreNode, output: code.Output) -> tuple[Outcome, ...]:
        """Make the write durable, confirm it, and send all messages."""
        sent = sent_with(output)
        record = remember(server.record, output, sent, output.state.current_term)
        # A confirmation may ask for another write: it may commit a joint configuration, whose end the leader appends.
        while output.persist is not None and (confirmation := output.persist.confirmation) is not None:
            output = code.step(output.state, confirmation)
            sent += sent_with(output)
            record = remember(record, output, sent, output.state.current_term)
        return (Outcome(CoreNode(output.state, record=record), sent),)

    def flush(self, _server: CoreNode) -> tuple[Outcome, ...]:
        """Return nothing, for nothing waits."""
        return ()

    def crash(self, server: CoreNode) -> tuple[code.Durable, ...]:
        """Return the contents of the disk."""
        return (server.on_disk,)


@dataclass(frozen=True, slots=True)
class Queued:
    """A disk with a queue of writes, of any length."""

    @property
    def events(self) -> tuple[Flush, ...]:
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
        return (Outcome(CoreNode(output.state, disk, queue, record), leaving),)

    def flush(self, server: CoreNode) -> tuple[Outcome, ...]:
        """Make the oldest write durable, confirm it, and send the messages that waited for it."""
        if not server.queue:
            return ()
        (oldest,), rest = flush(server.queue)
        disk = server.on_disk.after(oldest.persist)
        flushed = replace(server, queue=rest, durable=disk if rest else None)
        confirmation = oldest.persist.confirmation
        output = code.Output(server.state) if confirmation is None else code.step(server.state, confirmation)
        (outcome,) = self.store(flushed, output)
        record = remember(outcome.local.record, None, oldest.messages, disk.current_term)
        return (Outcome(replace(outcome.local, record=record), oldest.messages + outcome.messages),)

    def crash(self, server: CoreNode) -> tuple[code.Durable, ...]:
        """Return the contents for each number of queued writes that reach the disk."""
        return crash(server.on_disk, server.queue, code.Durable.after)


@dataclass(frozen=True, slots=True)
class Stalling(Immediate):
    """A disk that may stall at any write, until the server restarts, and confirms writes late."""

    def store(self, server: CoreNode, output: code.Output) -> tuple[Outcome, ...]:
        """Make the write durable and send all messages, unless the disk is stalled, or stalls at this write."""
        outcomes = []
        for contents, sent in stalling_writes(server, output):
            term_on_disk = (output.state if contents is None else contents).current_term
            record = remember(server.record, output, sent, term_on_disk)
            outcomes.append(Outcome(CoreNode(output.state, contents, record=record), sent))
        return tuple(outcomes)


def stalling_writes(server: CoreNode, output: code.Output) -> tuple[tuple[code.Durable | None, Sent], ...]:
    """Return what a disk that may stall makes of a step: its contents, None if it isn't behind, and what leaves.

    First comes the disk that doesn't stall. A write that stores less than the step changed leaves it behind, too: then
    it has stalled after that write.
    """
    if server.durable is not None:
        return ((server.durable, _leaving(output)),)
    write, in_memory = output.persist, CoreNode(output.state).in_memory
    if write is None:
        stored = server.on_disk
        return ((None if stored == in_memory else stored, sent_with(output)),)
    stored = server.on_disk.after(write)
    persisted, me = write.confirmation, server.state.id
    confirmations = () if persisted is None else (Confirmation(me, me, persisted),)
    possible = crash(server.on_disk, (Write(write, ()),), code.Durable.after)
    # With all of the write the disk isn't behind, and the messages that then don't leave are lost in the network.
    behind = [contents for contents in possible if contents != in_memory]
    return (
        (None if stored == in_memory else stored, (*sent_with(output), *confirmations)),
        *((contents, _leaving(output)) for contents in behind),
    )


def _leaving(output: code.Output) -> Sent:
    """Return the messages of a step that leave while the disk is stalled."""
    _, leaving = add(STALLED, output.persist, output.send_now, output.send_when_durable)
    return leaving


def sorted_by_receiver(messages: tuple[code.Message, ...]) -> tuple[code.Message, ...]:
    """Return the waiting messages of a server, each once, sorted by receiver and then by age.

    No kind of network depends on the order of messages to different receivers. Without this order renamed servers
    would be different states, and a waiting write would collect equal replies without end.
    """
    return tuple(sorted(dict.fromkeys(messages), key=lambda message: message.dest))
