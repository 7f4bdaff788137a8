"""Requests to a cluster with traitors: an answer counts when f + 1 nodes give it, of which one is honest.

At most f = (n - 1) // 3 of n nodes may be traitors. Every request goes to all nodes. Each node passes a read through
the log by itself, so one honest node's answer is linearizable. A write is sent in a session: each node passes it on,
and the state machine applies the first copy. Traitors see requests, so a session belongs to a key pair, and each write
is signed with its secret key (quorate.store.sessions).
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from quorate.client.retries import (
    SESSION_IS_OF_NO_USE,
    AttemptError,
    CommandError,
    Nodes,
    Pauses,
    Reply,
    UnavailableError,
    UnknownOutcomeError,
)
from quorate.quorum import byzantine_faults
from quorate.runtime.keys import SecretKey
from quorate.store import answers
from quorate.store.commands import find
from quorate.store.entries import Writes
from quorate.store.operations import InSession, OpenSession, Write, signed_text

_Answer: TypeAlias = Reply | CommandError


class _NoQuorumError(Exception):
    """Too few nodes gave the same answer; if `in_doubt`, the request may take effect all the same."""

    def __init__(self, why: str, *, in_doubt: bool) -> None:
        super().__init__(why)
        self.in_doubt = in_doubt


@dataclass(slots=True)
class _Session:
    """`sequence` is the last number that must not be used again."""

    key: SecretKey
    number: int
    sequence: int = 0


@dataclass
class Quorum:
    """Repeats requests until `timeout_s` has passed (see quorate.client.Client)."""

    nodes: Nodes
    rng: Random
    timeout_s: float
    _idle: list[_Session] = field(default_factory=list, init=False)

    async def read(self, args: Sequence[bytes]) -> Reply:
        """Return the reply to a command that changes nothing; raises UnavailableError when time is up."""
        return await self._repeat(args, self._deadline())

    async def write(self, args: Sequence[bytes]) -> Reply:
        """Return the reply to a write, which takes effect exactly once.

        Raises UnavailableError if the write has not taken effect and never will, UnknownOutcomeError if that is
        unknown, and CommandError if the cluster refuses it.
        """
        deadline, write = self._deadline(), _parsed(args)
        session = self._idle.pop() if self._idle else await self._open(deadline)
        session.sequence += 1
        signature = session.key.sign(signed_text(session.number, session.sequence, write))
        numbers = b"%d" % session.number, b"%d" % session.sequence
        try:
            reply = await self._insist([b"QUORATE.SIGNED", *numbers, signature, *args], deadline)
        except CommandError as error:
            if error.code in SESSION_IS_OF_NO_USE:
                raise UnknownOutcomeError(f"the write may or may not have happened: {error}") from error
            self._idle.append(session)
            raise
        self._idle.append(session)
        return reply

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self.timeout_s

    @property
    def _threshold(self) -> int:
        """The number of equal answers of which one must be honest."""
        return byzantine_faults(self.nodes.count) + 1

    async def _open(self, deadline: float) -> _Session:
        key = SecretKey.generate()
        number = await self._repeat([b"QUORATE.SESSION", key.public], deadline)
        if not isinstance(number, int):
            raise CommandError(f"ERR QUORATE.SESSION was answered by {number!r}, not by a number")
        return _Session(key, number)

    async def _repeat(self, args: Sequence[bytes], deadline: float) -> Reply:
        """Repeat a request that may be executed any number of times."""
        try:
            return await self._insist(args, deadline)
        except UnknownOutcomeError as error:
            raise UnavailableError(str(error)) from error

    async def _insist(self, args: Sequence[bytes], deadline: float) -> Reply:
        pauses, in_doubt = Pauses(self.rng), False
        while True:
            try:
                return await self._ask_all(args, deadline)
            except _NoQuorumError as failed:
                in_doubt |= failed.in_doubt
                kind = UnknownOutcomeError if in_doubt else UnavailableError
                if self.nodes.reachable < self._threshold:
                    raise kind(str(failed)) from failed
                if not await pauses.pause(deadline):
                    raise kind(f"time is up: {failed}") from failed

    async def _ask_all(self, args: Sequence[bytes], deadline: float) -> Reply:
        """Send the request to every node once, and return the first answer that enough nodes give."""
        threshold = self._threshold
        answers_: Counter[str] = Counter()
        failures: list[AttemptError] = []
        asking = [asyncio.ensure_future(self._ask(number, args, deadline)) for number in range(self.nodes.count)]
        try:
            for next_done in asyncio.as_completed(asking):
                try:
                    answer = await next_done
                except AttemptError as error:
                    failures.append(error)
                    continue
                answers_[repr(answer)] += 1
                if answers_[repr(answer)] == threshold:
                    if isinstance(answer, CommandError):
                        raise answer
                    return answer
        finally:
            for each in asking:
                each.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        if answers_:
            why = f"{answers_.total()} of {self.nodes.count} nodes answered, and fewer than {threshold} alike"
        else:
            why = str(failures[0])
        in_doubt = bool(answers_) or any(failure.in_doubt for failure in failures)
        raise _NoQuorumError(why, in_doubt=in_doubt)

    async def _ask(self, number: int, args: Sequence[bytes], deadline: float) -> _Answer:
        """Return the answer of a node; an error reply is an answer, too."""
        try:
            return await self.nodes.ask_one(number, args, deadline)
        except CommandError as error:
            return error


def _parsed(args: Sequence[bytes]) -> Write:
    """Return the write in `args`; raises CommandError, with the text of a node, if they are no write."""
    try:
        command = find(list(args))
        operation = command.parse(list(args)) if isinstance(command, Writes) else None
    except answers.CommandError as error:
        raise CommandError(str(error)) from error
    if operation is None or isinstance(operation, InSession | OpenSession):
        raise CommandError(f"ERR '{args[0].decode(errors='replace')}' is no write")
    return operation
