"""A request is asked of one node after another until it is answered; a write takes effect at most once (paper §8).

A write is sent in a *session* with a *sequence* number. However often it is sent, and to whichever nodes, the state
machine applies one write for each pair, and answers a repetition with the reply it gave before. A session has one
write outstanding, so concurrent writes take different sessions from a pool.

What may be claimed of a write that has no answer depends on its attempts alone. An attempt that surely failed (nobody
could be reached, or the answer was CLUSTERDOWN) leaves nothing behind. After any other the write is *in doubt* for
good: what was sent may still be on its way, whatever later attempts are told. In particular

- when time is up, or no node can be reached as both ends are set up (quorate.network_errors.is_permanent), a write in
  doubt is `UnknownOutcomeError`, any other `UnavailableError`;
- a session that has expired at the servers refuses every attempt, also the delayed ones. A write that isn't in doubt
  was therefore never done and may be sent in a new session; one that is in doubt may have been done before the session
  expired, and its reply is lost.

An error reply may be the state machine's, which has used up the sequence number, or that of a node that never passed
the write on; they look the same. So the number is not used again. If it was not used up, the next write of the session
is refused for the gap, also when it is delayed: that is as if the session had expired.

Only time and sleep of the running event loop, and the random numbers given, are used: a simulated loop can run this.
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

# Error replies that say something of the attempt rather than of the command, by their first word.
SURELY_NOT_DONE, MAYBE_DONE = "CLUSTERDOWN", "UNKNOWN"
SESSION_IS_OF_NO_USE = ("NOSESSION", "BADSEQUENCE")

SHORTEST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 0.5


class UnavailableError(Exception):
    """Nobody answered in time, and the request surely has not taken effect and never will."""


class UnknownOutcomeError(Exception):
    """The write may have taken effect, or may yet; its reply is lost."""


class CommandError(Exception):
    """The cluster refuses the command as it is, with this text; asking again would not help."""

    @property
    def code(self) -> str:
        """The first word, such as ERR."""
        return str(self).partition(" ")[0]


class NodeConnection(Protocol):
    """A connection to one node; requests may overlap."""

    @property
    def closed(self) -> bool:
        """Nothing can be sent any more."""
        ...

    async def request(self, *args: bytes) -> Reply:
        """Send a command and return its reply; CommandError for an error reply, OSError if the connection breaks."""
        ...

    def close(self) -> None:
        """Break it off; requests under way end with OSError."""
        ...


Connect: TypeAlias = Callable[[Address], Awaitable[NodeConnection]]


class AttemptError(Exception):
    """One attempt at one node failed. `in_doubt` says that it may have taken effect, or may yet."""

    def __init__(self, why: str, *, in_doubt: bool) -> None:
        """`why` is one clause that says what happened."""
        super().__init__(why)
        self.in_doubt = in_doubt


@dataclass(slots=True)
class Pauses:
    """Ever longer pauses with jitter, so that the clients of a dead leader don't come back all at once."""

    rng: Random
    _next_s: float = SHORTEST_PAUSE_S

    async def pause(self, deadline: float) -> bool:
        """Sleep; return False, without sleeping, if that would last until `deadline`, in the loop's time."""
        seconds = self._next_s * self.rng.uniform(0.5, 1.0)
        if asyncio.get_running_loop().time() + seconds >= deadline:
            return False
        self._next_s = min(2 * self._next_s, LONGEST_PAUSE_S)
        await asyncio.sleep(seconds)
        return True


class Nodes:
    """Asks the node that answered last; after a failure the next one."""

    def __init__(self, addresses: Sequence[Address], connect: Connect, rng: Random, attempt_timeout_s: float) -> None:
        """`connect` opens a connection to a node; ValueError without addresses."""
        if not addresses:
            raise ValueError("addresses: at least one is needed")
        self._addresses = tuple(addresses)
        self._connect = connect
        self._attempt_timeout_s = attempt_timeout_s
        # Clients that are given the same list should not all burden its first node.
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
        """Make one attempt at one of the nodes; errors as of `ask`."""
        return await self._ask(self._addresses[number], args, deadline)

    async def ask(self, args: Sequence[bytes], deadline: float) -> Reply:
        """Make one attempt; AttemptError if it failed, CommandError if the command was refused."""
        position = self._preferred
        try:
            return await self._ask(self._addresses[position], args, deadline)
        except AttemptError:
            # Others who failed at the same node must not skip the next one.
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
        except OSError as error:  # TimeoutError is one
            if connection is not None:
                # It may be a node that is paused or cut off: its other requests fare no better.
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
    """The servers refuse the session, and the write was not done in it and never will be."""


@dataclass(slots=True)
class _Session:
    """`sequence` is the last number that must not be used again."""

    number: int
    sequence: int = 0


@dataclass(slots=True)
class _SessionPool:
    """At most so many sessions in use at once; those that are not wait to be used again."""

    free_places: asyncio.Semaphore
    idle: list[_Session] = field(default_factory=list)


class Retrier:
    """Requests that are repeated until `timeout_s` has passed, with at most `sessions` writes under way at once."""

    def __init__(self, nodes: Nodes, rng: Random, timeout_s: float, sessions: int) -> None:
        """Nothing is sent before the first request."""
        self._nodes = nodes
        self._rng = rng
        self._timeout_s = timeout_s
        self._pool = _SessionPool(asyncio.Semaphore(sessions))

    async def read(self, args: Sequence[bytes]) -> Reply:
        """Return the reply to a command that changes nothing; UnavailableError when time is up."""
        return await self._repeat(args, self._deadline())

    async def write(self, args: Sequence[bytes]) -> Reply:
        """Return the reply to a write that is done exactly once.

        UnavailableError: it surely isn't done and never will be. UnknownOutcomeError: it may be, or may yet be.
        CommandError: it was refused. A caller that is cancelled knows no more than after UnknownOutcomeError.
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
        """Repeat a request that may be done any number of times."""
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
        # An attempt in doubt may open a session that nobody uses: it expires some day and does no harm.
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
        """Write in this session, which goes back to the pool only if the outcome is known."""
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
