"""BFT members of one cluster that write traces, on a network and disks of a test, with real signatures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from random import Random

from quorate.bft import (
    Config,
    Durable,
    Event,
    Message,
    NodeId,
    Persist,
    Receive,
    RemoteError,
    State,
    Submit,
    ViewTimeout,
    WaitOver,
    restart,
    step,
)
from quorate.bft_server.trace import Tracer
from quorate.disk import Queue, add, crash, flush
from quorate.runtime.keys import PublicKeys, RememberingVerifier, SecretKey
from quorate_check.bft.traces.check import TraceCheck

CLUSTER = b"test"
MEMBERS = (1, 2, 3, 4)
SECRETS = {member: SecretKey.of_seed(bytes([member]) * 32) for member in MEMBERS}
KEYS = {member: secret.public for member, secret in SECRETS.items()}
VERIFIER = RememberingVerifier(PublicKeys("test", KEYS))


@dataclass
class TracedMember:
    """One member with its disk; `send` takes what leaves it."""

    id: NodeId
    path: Path
    send: Callable[[tuple[Message, ...]], None]
    part_bytes: int | None = None
    parts: int | None = None
    durable: Durable = field(default_factory=Durable)
    lost_steps: int = 0
    queue: Queue[tuple[int, Persist], Message] = ()
    state: State = field(init=False)
    steps: int = field(default=0, init=False)
    tracer: Tracer = field(init=False)

    def __post_init__(self) -> None:
        self.tracer = self._new_tracer()
        self._boot()

    def _new_tracer(self) -> Tracer:
        return Tracer(self.path, KEYS, self.part_bytes, self.parts)

    def _boot(self) -> None:
        config = Config(CLUSTER, MEMBERS, SECRETS[self.id], VERIFIER)
        self.state, self.steps, self.queue = restart(config, self.id, self.durable), 0, ()
        self.tracer.boot(self.state)
        self.tracer.flush()

    def handle(self, event: Event) -> None:
        """Take a step, of which what may leave at once does."""
        output = step(self.state, event)
        self.state = output.state
        self.steps += 1
        self.tracer.step(event, output, self.steps)
        self.tracer.flush()
        write = None if output.persist is None else (self.steps, output.persist)
        self.queue, leaving = add(self.queue, write, (), output.send)
        self.send(leaving)

    def write(self, count: int) -> None:
        """The oldest `count` writes become durable in one transaction."""
        if not count:
            return
        batch, self.queue = flush(self.queue, count)
        self.durable = reduce(Durable.after, (write.persist[1] for write in batch), self.durable)
        self.tracer.durable(self.queue[0].persist[0] - 1 if self.queue else self.steps)
        self.tracer.flush()
        for write in batch:
            self.send(write.messages)

    def crash(self, *, written: int = 0, cut: bool = False) -> None:
        """Start again with what is durable and `written` writes more, of which no line tells; `cut` the last line."""
        if written < len(self.queue):
            self.lost_steps += self.steps - self.queue[written].persist[0] + 1
        self.durable = crash(self.durable, self.queue, lambda durable, write: durable.after(write[1]))[written]
        self.tracer.close()
        if cut:
            with self.path.open("ab") as file:
                file.write(b'{"line":"step","number":%d,"event":["Pre' % (self.steps + 1))
        self.tracer = self._new_tracer()
        self._boot()

    def trace_anew(self) -> None:
        """Start again with what is durable and with a new trace, of which nothing else is written."""
        self.tracer = self._new_tracer()
        self._boot()
        self.tracer.close()


class TracedMembers:
    """The members in `honest`, with traces in `folder`, and a network that loses, delays, repeats and reorders.

    The traces are in parts, of which the latest are kept, as `part_bytes` and `parts` say.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        honest: tuple[NodeId, ...] = MEMBERS,
        *,
        part_bytes: int | None = None,
        parts: int | None = None,
    ) -> None:
        self.rng = Random(seed)
        self.network: list[Message] = []
        self.sent: list[Message] = []
        self.submitted: list[bytes] = []
        self.members = {
            member: TracedMember(member, folder / f"n{member}.ndjson", self._send, part_bytes, parts)
            for member in honest
        }

    def _send(self, messages: tuple[Message, ...]) -> None:
        self.network += messages
        self.sent += messages

    def close(self) -> None:
        """Write what is left of the traces."""
        for member in self.members.values():
            member.tracer.close()

    def run(self, moves: int, *, crashes: bool = True) -> None:
        """Make random moves, most of which deliver a message or finish a write."""
        moved = {self._deliver: 150, self._write: 60, self._submit: 3, self._time_out: 1, self._wait: 4, self._lose: 2}
        if crashes:
            moved[self._crash] = 1
        for move in self.rng.choices(list(moved), list(moved.values()), k=moves):
            move(self.rng.choice(list(self.members.values())))

    def settle(self) -> None:
        """Submit a digest; finish all writes, deliver all messages and let views pass until one is decided."""
        before = self.decided
        self._submit(self.members[1])
        for _ in range(20):
            while self.network or any(member.queue for member in self.members.values()):
                for member in self.members.values():
                    member.write(len(member.queue))
                if self.network:
                    self.give(self.network.pop(self.rng.randrange(len(self.network))))
            if self.decided > before:
                return
            latest = max((member.state.index, member.state.view) for member in self.members.values())
            for member in self.members.values():
                self._wait(member)
                if (member.state.index, member.state.view) <= latest:
                    self._time_out(member)

    @property
    def decided(self) -> int:
        """How many indices are decided."""
        return max(len(member.state.decisions) for member in self.members.values())

    def _deliver(self, _: TracedMember) -> None:
        if not self.network:
            return
        position = self.rng.randrange(len(self.network))
        message = self.network[position]
        if self.rng.random() > 0.1:
            del self.network[position]
        self.give(message)

    def give(self, message: Message) -> None:
        """Have a member, if it is an honest one, receive a message; the driver keeps what is of a later index."""
        if (member := self.members.get(message.dest)) is None:
            return
        index = message.certificate.index if hasattr(message, "certificate") else message.index
        if index > member.state.index:
            return
        try:
            member.handle(Receive(message))
        except RemoteError:
            return

    def _write(self, member: TracedMember) -> None:
        member.write(self.rng.randint(0, len(member.queue)))

    def _submit(self, _: TracedMember) -> None:
        self.submitted.append(self.rng.randbytes(32))
        for member in self.members.values():
            member.handle(Submit(self.submitted[-1]))

    def _time_out(self, member: TracedMember) -> None:
        member.handle(ViewTimeout())

    def _wait(self, member: TracedMember) -> None:
        member.handle(WaitOver())

    def _lose(self, _: TracedMember) -> None:
        if self.network:
            del self.network[self.rng.randrange(len(self.network))]

    def _crash(self, member: TracedMember) -> None:
        member.crash(written=self.rng.randint(0, len(member.queue)), cut=self.rng.random() < 0.3)
        decided = {decision.digest for decision in member.state.decisions}
        for digest in self.submitted:  # which the disk has as payloads
            if digest not in decided:
                member.handle(Submit(digest))


def judged(folder: Path) -> TraceCheck:
    """The check of the traces in a folder, which has run."""
    check = TraceCheck(folder)
    check.run(lambda: None, lambda _: None)
    return check
