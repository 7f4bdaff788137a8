"""MULTI, EXEC and WATCH of one connection; a transaction is one command of the log.

Requests between MULTI and EXEC are parsed when they arrive and kept here; none reaches the cluster before EXEC. EXEC
sends all of them as one write, with the versions that the watched keys had when WATCH was answered. The state machine
executes the transaction as a whole or, if a version has changed, not at all, whichever node the client talks to.

As in Redis, a request that can't be queued (an unknown command, too few arguments) makes EXEC fail; a request that is
queued but invalid (no integer) fails by itself, and the others are executed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, assert_never

from quorate.store import operations, replies
from quorate.store.answers import OK, Caller, CommandError
from quorate.store.entries import Answers, Control, Controls, Reads, Writes
from quorate.store.operation_types import PlainWrite, Query
from quorate.store.operations import InSession, OpenSession, Transaction
from quorate.store.pipeline import ClusterRequest, Ready
from quorate.store.queries import Versions
from quorate.store.replies import NOTHING, Failure, SimpleString
from quorate.store.resp import Request, encode, encode_array

MOST_STEPS: Final = 20_000
MOST_WATCHED: Final = 20_000
NEVER_SEEN: Final = -1  # no key has this version

QUEUED: Final = SimpleString("QUEUED")
# These two, as in Redis, don't make EXEC fail.
NESTED: Final = Failure("ERR MULTI calls can not be nested")
WATCH_INSIDE: Final = Failure("ERR WATCH inside MULTI is not allowed")
ABORTED: Final = "EXECABORT Transaction discarded because of previous errors."
NOT_INSIDE: Final = "ERR Command not allowed inside a transaction"


@dataclass(slots=True)
class Watched:
    """The watched keys and their versions; NEVER_SEEN until WATCH is answered, so that EXEC fails if WATCH failed."""

    versions: dict[bytes, int] = field(default_factory=dict)

    def note(self, keys: list[bytes], versions: tuple[object, ...]) -> None:
        """Record the versions of keys whose versions weren't known."""
        for key, version in zip(keys, versions, strict=True):
            if self.versions.get(key) == NEVER_SEEN and isinstance(version, int):
                self.versions[key] = version


# An operation on the map, or a function that returns a reply of the front itself, which may be an error.
_Queued: TypeAlias = "PlainWrite | Query | Callable[[], bytes]"


@dataclass(slots=True)
class Block:
    """The requests since MULTI; a block that is `spoilt` is not executed."""

    items: list[_Queued] = field(default_factory=list)
    size: int = 0
    spoilt: bool = False


class Transactions:
    """The transaction of one connection, and its watched keys."""

    def __init__(self, caller: Caller, most_bytes: int) -> None:
        """`most_bytes` limits the requests of a transaction."""
        self._caller = caller
        self._most_bytes = most_bytes
        self._watched = Watched()
        self._block: Block | None = None

    @property
    def is_open(self) -> bool:
        """Whether a transaction has begun, so that requests are queued."""
        return self._block is not None

    def refused(self, request: Request, why: str) -> str:
        """Make EXEC fail because of a request that can't be queued, and return the text of its error."""
        if request[0].lower() == b"exec" and why.startswith("ERR wrong number"):
            self.forget()
            return f"EXECABORT Transaction discarded because of: {why.removeprefix('ERR ')}"
        if self._block is not None:
            self._block.spoilt = True
        return why

    def queue(self, command: Writes | Reads | Answers, request: Request) -> Ready:
        """Queue a request; raises CommandError if it can't be queued."""
        block = self._block
        assert block is not None
        if isinstance(command, Answers) and not command.in_transactions:
            raise CommandError(NOT_INSIDE)
        size = sum(map(len, request)) + 16 * len(request)
        if block.size + size > self._most_bytes or len(block.items) == MOST_STEPS:
            raise CommandError(f"ERR a transaction may have at most {MOST_STEPS} commands and {self._most_bytes} bytes")
        block.items.append(self._item(command, request))
        block.size += size
        self._caller.queued = len(block.items)
        return self._ready(QUEUED)

    def _item(self, command: Writes | Reads | Answers, request: Request) -> _Queued:
        try:
            if isinstance(command, Answers):
                return lambda: self._answer(command, request)
            operation = command.parse(request)
        except CommandError as error:
            failure = Failure(str(error))
            return lambda: encode(failure, self._caller.protocol)
        if isinstance(operation, InSession | OpenSession | Transaction):
            raise CommandError(NOT_INSIDE)
        return operation

    def _answer(self, command: Answers, request: Request) -> bytes:
        try:
            value = command.answer(self._caller, request)
        except CommandError as error:
            value = Failure(str(error))
        return encode(value, self._caller.protocol)

    def control(self, command: Controls, request: Request) -> ClusterRequest | Ready:
        """Execute a command about transactions; raises CommandError if it isn't allowed now."""
        match command.control:
            case Control.MULTI:
                return self._begin()
            case Control.EXEC:
                return self.execute()
            case Control.WATCH:
                return self._watch(request[1:])
            case Control.QUIT:
                self.forget()
                self._caller.leaving = True
                return self._ready(OK)
            case Control.DISCARD | Control.UNWATCH | Control.RESET:
                return self._give_up(command.control)
            case _:
                assert_never(command.control)

    def _give_up(self, control: Literal[Control.DISCARD, Control.UNWATCH, Control.RESET]) -> Ready:
        if control is Control.UNWATCH and self._block is not None:
            # EXEC forgets the watched keys in any case.
            self._block.items.append(lambda: encode(OK, self._caller.protocol))
            return self._ready(QUEUED)
        if control is Control.DISCARD and self._block is None:
            raise CommandError("ERR DISCARD without MULTI")
        self.forget()
        if control is Control.RESET:
            self._caller.reset()
            return self._ready(SimpleString("RESET"))
        return self._ready(OK)

    def forget(self) -> None:
        """Discard the transaction and the watched keys."""
        self._block, self._watched = None, Watched()
        self._caller.queued = -1

    def _begin(self) -> Ready:
        if self._block is not None:
            return self._ready(NESTED)
        self._block = Block()
        self._caller.queued = 0
        return self._ready(OK)

    def _watch(self, keys: list[bytes]) -> ClusterRequest | Ready:
        if self._block is not None:
            return self._ready(WATCH_INSIDE)
        watched, protocol = self._watched, self._caller.protocol
        for key in keys:
            watched.versions.setdefault(key, NEVER_SEEN)
        if len(watched.versions) > MOST_WATCHED:
            raise CommandError(f"ERR at most {MOST_WATCHED} keys can be watched")

        def render(reply: bytes, protocol: int) -> bytes:
            versions = replies.decode(reply)
            if not isinstance(versions, tuple):
                raise ValueError("versions are a list")  # noqa: TRY004  # the reply is invalid, no argument is
            watched.note(keys, versions)
            return encode(OK, protocol)

        return ClusterRequest(
            write=False, payload=operations.encode(Versions(tuple(keys))), protocol=protocol, render=render
        )

    def execute(self, session: Callable[[Transaction], InSession] | None = None) -> ClusterRequest | Ready:
        """Execute the transaction, in a session if given; raises CommandError if there is none or it is spoilt."""
        block, watched = self._block, self._watched
        if block is None:
            raise CommandError("ERR EXEC without MULTI")
        self.forget()
        if block.spoilt:
            raise CommandError(ABORTED)
        steps = tuple(item for item in block.items if not callable(item))

        def prepare() -> bytes:
            transaction = Transaction(tuple(watched.versions.items()), steps)
            return operations.encode(transaction if session is None else session(transaction))

        def render(reply: bytes, protocol: int) -> bytes:
            return _render(block.items, reply, protocol)

        if not steps and not watched.versions and session is None:
            return Ready(_render(block.items, replies.encode_batch(()), self._caller.protocol))
        return ClusterRequest(
            write=True, payload=prepare(), protocol=self._caller.protocol, render=render, prepare=prepare
        )

    def _ready(self, value: SimpleString | Failure) -> Ready:
        return Ready(encode(value, self._caller.protocol))


def _render(items: list[_Queued], reply: bytes, protocol: int) -> bytes:
    """Return the reply to EXEC: the replies of the map and of the front, in order."""
    if reply == NOTHING:
        return b"_\r\n" if protocol == 3 else b"*-1\r\n"
    try:
        answers = iter(replies.decode_batch(reply))
    except ValueError:
        return encode(replies.decode(reply), protocol)
    return encode_array(
        [item() if callable(item) else encode(replies.decode(next(answers)), protocol) for item in items]
    )
