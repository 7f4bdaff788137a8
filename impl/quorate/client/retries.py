"""Retries: a request goes to one node after another until it is answered; a write takes effect once (paper §8).

A write is sent in a *session* with a *sequence* number. However often it is sent, and to whichever nodes, the state
machine applies one write for each pair, and answers a repetition with the first reply. A session has one write
outstanding, so concurrent writes use different sessions from a pool.

What is known of a write without an answer depends only on its attempts. An attempt that surely failed (no node could be
reached, or the answer was CLUSTERDOWN) has no effect. After any other attempt the write stays *in doubt*: the request
may still be on its way, whatever later attempts return. In particular

- when time is up, or the settings of both ends make connections impossible (quorate.runtime.network_errors), a write in
  doubt raises `UnknownOutcomeError`, any other request `UnavailableError`;
- a session that has expired at the servers refuses every attempt, also delayed ones. So a write that isn't in doubt was
  never applied, and may be sent in a new session; a write in doubt may have been applied before the session expired,
  and its reply is lost.

An error reply may come from the state machine, which has used the sequence number, or from a node that never passed the
write on; they look alike. So the number is not used again. If it was not used, the next write of the session is refused
because of the gap, also if it is delayed, as if the session had expired.

All time comes from the running event loop, all random numbers from `rng`, so that a simulated loop can run this.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Protocol, TypeAlias

from quorate.runtime.addresses import Address, show_address
from quorate.runtime.network_errors import describe, is_permanent

Reply: TypeAlias = int | bytes | list["Reply"] | None

# The first words of error replies about the attempt rather than the command.
SURELY_NOT_DONE, MAYBE_DONE = "CLUSTERDOWN", "UNKNOWN"
SESSION_IS_OF_NO_USE = ("NOSESSION", "BADSEQUENCE")

SHORTEST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 0.5


class UnavailableError(Exception):
    """No node answered in time; the request surely has not taken effect and never will."""


class UnknownOutcomeError(Exception):
    """The write may have taken effect, or may still take effect; its reply is lost."""


class CommandError(Exception):
    """The cluster refuses the command, with this text; another attempt would not help."""

    @property
    def code(self) -> str:
        """The first word, such as ERR."""
        return str(self).partition(" ")[0]


class NodeConnection(Protocol):
    """A connection to one node; requests may overlap."""

    @property
    def closed(self) -> bool:
        """Whether the connection is closed, so that nothing can be sent."""
        ...

    async def request(self, *args: bytes) -> Reply:
        """Send a command and return the reply; CommandError for an error reply, OSError if the connection breaks."""
        ...

    def close(self) -> None:
        """Close the connection; requests under way raise OSError."""
        ...


Connect: TypeAlias = Callable[[Address], Awaitable[NodeConnection]]


class AttemptError(Exception):
    """One attempt at one node failed; if `in_doubt`, it may have taken effect, or may still take effect."""

    def __init__(self, why: str, *, in_doubt: bool) -> None:
        """`why` is one clause that says what happened."""
        super().__init__(why)
        self.in_doubt = in_doubt


@dataclass(slots=True)
class Pauses:
    """Exponential pauses with jitter, so that the clients of a dead leader don't return all at once."""

    rng: Random
    _next_s: float = SHORTEST_PAUSE_S

    async def pause(self, deadline: float) -> bool:
        """Sleep; return False, without sleeping, if the pause would last until `deadline`, in the loop's time."""
        seconds = self._next_s * self.rng.uniform(0.5, 1.0)
        if asyncio.get_running_loop().time() + seconds >= deadline:
            return False
        self._next_s = min(2 * self._next_s, LONGEST_PAUSE_S)
        await asyncio.sleep(seconds)
        return True


class Nodes:
    """Sends requests to the node that answered last, after a failure to the next one."""

    def __init__(self, addresses: Sequence[Address], connect: Connect, rng: Random, attempt_timeout_s: float) -> None:
        """`connect` opens a connection to a node; raises ValueError without addresses."""
        if not addresses:
            raise ValueError("addresses: at least one is needed")
        self._addresses = tuple(addresses)
        self._connect = connect
        self._attempt_timeout_s = attempt_timeout_s
        # Clients with the same list should not all begin with its first node.
        self._preferred = rng.randrange(len(self._addresses))
        self._connections: dict[Address, NodeConnection] = {}
        self._hopeless: set[Address] = set()
        self._connecting = {address: asyncio.Lock() for address in self._addresses}

    @property
    def count(self) -> int:
        """The number of nodes."""
        return len(self._addresses)

    @property
    def reachable(self) -> int:
        """The number of nodes at which another attempt may succeed."""
        return self.count - len(self._hopeless)

    async def ask_one(self, number: int, args: Sequence[bytes], deadline: float) -> Reply:
        """Make one attempt at the node with this number; raises the errors of `ask`."""
        return await self._ask(self._addresses[number], args, deadline)

    async def ask(self, args: Sequence[bytes], deadline: float) -> Reply:
        """Make one attempt; raises AttemptError if it failed, CommandError if the command was refused."""
        position = self._preferred
        try:
            return await self._ask(self._addresses[position], args, deadline)
        except AttemptError:
            # Concurrent requests that failed at the same node must not skip the next one.
            if self._preferred == position:
                self._preferred = (position + 1) % len(self._addresses)
            raise

    async def _ask(self, address: Address, args: Sequence[bytes], deadline: float) -> Reply:
        connection: NodeConnection | None = None
        limit = min(deadline, asyncio.get_running_loop().time() + self._attempt_timeout_s)
        try:
            async with asyncio.timeout_at(limit):
                connection = await self._connection(address)
                return await connection.request(*args)
        except CommandError as error:
            if error.code in (SURELY_NOT_DONE, MAYBE_DONE):
                raise AttemptError(f"{show_address(address)}: {error}", in_doubt=error.code == MAYBE_DONE) from error
            raise
        except OSError as error:  # includes TimeoutError
            if connection is not None:
                # The node may be paused or cut off, so its other requests end, too.
                connection.close()
            reason = "no answer in time" if isinstance(error, TimeoutError) else describe(error)
            raise AttemptError(f"{show_address(address)}: {reason}", in_doubt=connection is not None) from error

    async def _connection(self, address: Address) -> NodeConnection:
        async with self._connecting[address]:
            connection = self._connections.get(address)
            if connection is None or connection.closed:
                self._hopeless.discard(address)
                try:
                    connection = self._connections[address] = await self._connect(address)
                except OSError as error:
                    if is_permanent(error):
                        self._hopeless.add(address)
                    raise
            return connection

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()


class _NoSuchSessionError(Exception):
    """The servers refuse the session; the write was not applied in it and never will be."""


@dataclass(slots=True)
class _Session:
    """`sequence` is the last number that must not be used again."""

    number: int
    sequence: int = 0


@dataclass(slots=True)
class _SessionPool:
    """A limit on sessions in use, and the idle sessions."""

    free_places: asyncio.Semaphore
    idle: list[_Session] = field(default_factory=list)


class Retrier:
    """Repeats requests until `timeout_s` has passed, with at most `sessions` writes under way at once."""

    def __init__(self, nodes: Nodes, rng: Random, timeout_s: float, sessions: int) -> None:
        """Nothing is sent before the first request."""
        self._nodes = nodes
        self._rng = rng
        self._timeout_s = timeout_s
        self._pool = _SessionPool(asyncio.Semaphore(sessions))

    async def read(self, args: Sequence[bytes]) -> Reply:
        """Return the reply to a command that changes nothing; raises UnavailableError when time is up."""
        return await self._repeat(args, self._deadline())

    async def write(self, args: Sequence[bytes]) -> Reply:
        """Return the reply to a write, which takes effect exactly once.

        Raises UnavailableError if the write has not taken effect and never will, UnknownOutcomeError if that is
        unknown, and CommandError if the cluster refuses it. For a caller that is cancelled the outcome is unknown, too.
        """
        deadline = self._deadline()
        try:
            async with asyncio.timeout_at(deadline):
                await self._pool.free_places.acquire()
        except TimeoutError:
            raise UnavailableError("time is up: too many writes are under way") from None
        try:
            return await self._write(args, deadline)
        finally:
            self._pool.free_places.release()

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._timeout_s

    async def _repeat(self, args: Sequence[bytes], deadline: float) -> Reply:
        """Repeat a request that may be executed any number of times."""
        pauses = Pauses(self._rng)
        while True:
            try:
                return await self._nodes.ask(args, deadline)
            except AttemptError as failed:
                if not self._nodes.reachable:
                    raise UnavailableError(str(failed)) from failed
                if not await pauses.pause(deadline):
                    raise UnavailableError(f"time is up: {failed}") from failed

    async def _session(self, deadline: float) -> _Session:
        if self._pool.idle:
            return self._pool.idle.pop()
        # An attempt in doubt may open a session that nobody uses; it does no harm and expires.
        number = await self._repeat([b"QUORATE.SESSION"], deadline)
        if not isinstance(number, int):
            raise CommandError(f"ERR QUORATE.SESSION was answered by {number!r}, not by a number")
        return _Session(number)

    async def _write(self, args: Sequence[bytes], deadline: float) -> Reply:
        while True:
            session = await self._session(deadline)
            with suppress(_NoSuchSessionError):
                return await self._write_in(session, args, deadline)

    async def _write_in(self, session: _Session, args: Sequence[bytes], deadline: float) -> Reply:
        """Send the write in this session, which returns to the pool only if the outcome is known."""
        numbered = [b"QUORATE.DO", b"%d" % session.number, b"%d" % (session.sequence + 1), *args]
        pauses = Pauses(self._rng)
        in_doubt = False
        while True:
            try:
                reply = await self._nodes.ask(numbered, deadline)
            except AttemptError as failed:
                in_doubt |= failed.in_doubt
                if not self._nodes.reachable:
                    raise self._no_answer(session, str(failed), in_doubt=in_doubt) from failed
                if not await pauses.pause(deadline):
                    raise self._no_answer(session, f"time is up: {failed}", in_doubt=in_doubt) from failed
            except CommandError as error:
                raise self._refusal(session, error, in_doubt=in_doubt) from error
            else:
                session.sequence += 1
                self._pool.idle.append(session)
                return reply

    def _no_answer(self, session: _Session, why: str, *, in_doubt: bool) -> Exception:
        if in_doubt:
            return UnknownOutcomeError(f"the write may or may not have happened: {why}")
        self._pool.idle.append(session)
        return UnavailableError(why)

    def _refusal(self, session: _Session, error: CommandError, *, in_doubt: bool) -> Exception:
        if in_doubt:
            return UnknownOutcomeError(f"the write may or may not have happened; asked again, a node said: {error}")
        if error.code in SESSION_IS_OF_NO_USE:
            return _NoSuchSessionError()
        session.sequence += 1
        self._pool.idle.append(session)
        return error
