"""One member through all its lives: the real server, state machine and front, on a simulated disk and network."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from quorate.membership.serving import ServedMembership
from quorate.raft import Config, Durable, Event, NodeId, Output, State
from quorate.raft_server.driver import RaftServer
from quorate.raft_server.settings import Settings
from quorate.raft_server.trace import Tracer
from quorate.runtime.interfaces import DamagedStateError
from quorate.runtime.outcomes import Outcome
from quorate.store.clock import Clock
from quorate.store.front import Front, FrontSettings
from quorate.store.machine import KeyValueMachine
from simulation.checks import AnsweredOnceInTime, Asked, Check
from simulation.connections import Standing
from simulation.disk import SimulatedDisk
from simulation.loop import Process
from simulation.network import SimulatedNetwork, SimulatedTransport
from simulation.streams import StreamLoop

CLIENT_PORT = 6379
EPOCH_MS = 1_800_000_000_000  # when simulated worlds begin


@dataclass
class ObservedMachine:
    """A state machine whose work is watched, while its process lives (quorate.runtime.interfaces.StateMachine)."""

    node: NodeId
    process: Process
    checks: tuple[Check, ...]
    inner: KeyValueMachine

    def apply(self, index: int, command: bytes) -> bytes:
        """Apply, and show it."""
        reply = self.inner.apply(index, command)
        if self.process.alive:
            for check in self.checks:
                check.applied(self.node, index, command, reply)
        return reply

    def stamped(self, command: bytes) -> bytes:
        """Put the time beside a command."""
        return self.inner.stamped(command)

    def is_late(self, query: bytes) -> bool:
        """Say whether a query must be told the time."""
        return self.inner.is_late(query)

    @property
    def has_expired(self) -> bool:
        """Say whether time must pass."""
        return self.inner.has_expired

    def passing(self) -> bytes:
        """Return a command that lets it."""
        return self.inner.passing()

    def knows(self, write: bool, request: bytes) -> bool:  # noqa: FBT001
        """Whether it is a command or a query."""
        return self.inner.knows(write, request)

    def query(self, query: bytes) -> bytes:
        """Answer."""
        return self.inner.query(query)

    def capture(self) -> Callable[[], bytes]:
        """Return what serialises the state."""
        return self.inner.capture()

    def read(self, data: bytes) -> Callable[[], None]:
        """Return what takes a state."""
        return self.inner.read(data)

    def digest(self) -> bytes:
        """Return what members compare."""
        return self.inner.digest()


class MortalTracer(Tracer):
    """A tracer that writes nothing any more when its process is dead."""

    def __init__(self, path: Path, process: Process) -> None:
        """Append to the file at `path`."""
        super().__init__(path)
        self._process = process
        process.on_death(self._drop)

    def _drop(self) -> None:
        self._buffer.clear()
        self.close()

    def boot(self, state: State) -> None:
        """Note the state of the beginning."""
        if self._process.alive:
            super().boot(state)

    def step(self, event: Event, output: Output) -> None:
        """Note a step."""
        if self._process.alive:
            super().step(event, output)

    def durable(self, step: int) -> None:
        """Note what is on disk."""
        if self._process.alive:
            super().durable(step)

    def flush(self) -> None:
        """Write, if it isn't too late."""
        if self._process.acts():
            super().flush()


@dataclass
class WatchedBackend:
    """What the front asks (quorate.store.front.Backend), with a watch on outcomes."""

    node: NodeId
    server: RaftServer
    process: Process
    within_s: float
    answers: AnsweredOnceInTime

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Pass a request on."""
        asked = self.answers.asked(self.node, payload, self.within_s)
        self.server.submit(write, payload, lambda outcome: self._done(asked, done, outcome))

    def _done(self, asked: Asked, done: Callable[[Outcome], None], outcome: Outcome) -> None:
        if self.process.alive:
            self.answers.answered(asked, outcome)
            done(outcome)

    def info(self) -> str:
        """Nobody asks in a simulation."""
        return ""


@dataclass
class SimulatedNode:
    """A member; `process` and `server` are those of its latest life."""

    id: NodeId
    config: Config
    settings: Settings
    loop: StreamLoop
    network: SimulatedNetwork
    disk: SimulatedDisk
    rng: Random
    checks: tuple[Check, ...]
    answers: AnsweredOnceInTime
    traces: Path | None
    standing: Standing | None = None
    server: RaftServer = field(init=False)
    process: Process = field(init=False)
    machine: ObservedMachine = field(init=False)
    lives: int = field(default=0, init=False)
    after_term: int = field(default=0, init=False)
    paused: bool = field(default=False, init=False)
    stopping: bool = field(default=False, init=False)
    retired: bool = field(default=False, init=False)
    _front: Front | None = field(default=None, init=False)
    _seen: State | None = field(default=None, init=False)
    _kept: list[object] = field(default_factory=list, init=False)

    @property
    def address(self) -> tuple[str, int]:
        """Where clients find it."""
        return f"node{self.id}", CLIENT_PORT

    @property
    def up(self) -> bool:
        """Whether it is alive, though perhaps not ready or paused."""
        return self.lives > 0 and self.process.alive

    @property
    def state(self) -> State | None:
        """What its core knows; None if it is down or hasn't loaded its disk."""
        return getattr(self.server, "_state", None) if self.up else None

    def restart(self) -> None:
        """Begin a new life with what the disk holds, unless it has retired; the one before ends at once."""
        self.close()
        if self.retired:
            return
        self.lives += 1
        self.paused, self.stopping, self._front = False, False, None
        process = self.process = Process(self.loop, f"node {self.id}, life {self.lives}")
        process.on_death(self._died)
        process.after_callback = self._look
        self.machine = ObservedMachine(self.id, process, self.checks, KeyValueMachine(self._clock()))
        tracer = None if self.traces is None else MortalTracer(self.traces / f"node{self.id}.ndjson", process)
        transport: SimulatedTransport = SimulatedTransport(self.network, self.id, process)
        membership: ServedMembership | None = None
        if self.standing is not None:
            transport, membership = self.standing.open(self.network, process, lambda: self.paused)
        self.server = RaftServer(
            self.settings,
            self.id,
            self.config,
            storage=self.disk.open(process),
            transport=transport,
            machine=self.machine,
            rng=self.rng,
            tracer=tracer,
            after_term=self.after_term,
            membership=membership,
        )
        if self.standing is not None:
            self.standing.speaker.server = self.server
        # Kept to the end: what is only half done must not be cleaned up after a crash.
        self._kept.append(self.loop.create_task(self._serve(process), context=process.context))

    def take_the_place_of_a_lost_one(self, after_term: int) -> None:
        """Begin with a new disk, as a real node does (quorate.membership.starting.enter_term)."""
        self.after_term = after_term
        self.disk.durable = Durable(after_term + 1 if after_term else 0)
        self.restart()

    def _clock(self) -> Clock:
        """Return the clock of a life: each member's is wrong in its own way, and set anew when it starts."""
        error_ms = self.rng.randrange(-5_000, 5_000)
        return Clock(lambda: EPOCH_MS + error_ms + self._ms(), self._ms)

    def _ms(self) -> int:
        return int(self.loop.time() * 1000)

    async def _serve(self, process: Process) -> None:
        server = self.server
        await server.start()
        within_s = self.settings.request_timeout_s + self.settings.heartbeat_s
        front = Front(WatchedBackend(self.id, server, process, within_s, self.answers), FrontSettings())
        await front.start(*self.address)
        self._front = front
        with suppress(OSError, DamagedStateError):
            await asyncio.shield(server.failed)
        # As a program does whose disk or memory has failed: end.
        process.kill()

    def stop(self) -> None:
        """Have it end as a program does that is asked to; a program that isn't ready yet just ends."""
        if self._front is None:
            self.close()
        elif self.up and not self.stopping:
            self.stopping = True
            task = self._stop(self._front, self.process)
            self._kept.append(self.loop.create_task(task, context=self.process.context))

    async def _stop(self, front: Front, process: Process) -> None:
        await self.server.stop()
        # Who asks what between these two is told, too.
        await front.close()
        for check in self.checks:
            check.stopped(self.id)
        process.kill()

    def pause(self) -> None:
        """Stop its clock."""
        if self.up and not self.paused:
            self.paused = True
            self.process.pause()

    def resume(self) -> None:
        """Let it go on."""
        if self.up and self.paused:
            self.paused = False
            self.answers.resumed[self.id] = self.loop.time()
            self.process.resume()

    def retire(self) -> None:
        """End for good."""
        self.retired = True
        self.close()

    def _died(self) -> None:
        self.disk.end_in_doubt()
        for check in self.checks:
            check.ended(self.id)

    def _look(self) -> None:
        state = self.state
        if state is not None and state is not self._seen:
            self._seen = state
            for check in self.checks:
                check.callback(self.id, state)

    def close(self) -> None:
        """End at once, if it is alive."""
        if self.up:
            self.process.kill()
