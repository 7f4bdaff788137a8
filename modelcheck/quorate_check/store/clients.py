"""The clients of the explored store, all in one node: what they ask, and the history that they see.

Each client does its operations one after another. It asks all servers at once, and on a network of any number of
messages each of these requests arrives whenever it likes, any number of times, or never. So that covers a client that
asks one server after another, and repeats what got no answer. Writes are in sessions (§8 of the paper, §6.3 of the
dissertation), one for each client, which are open from the beginning.

One node has all clients, so its record has all invocations and replies in the order of real time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from quorate.store import replies
from quorate.store.operations import InSession, encode
from quorate.store.queries import Get
from quorate.store.replies import Failure as ErrorReply
from quorate.store.replies import SimpleString
from quorate.store.writes import Append, Delete, Increment, Set
from quorate_check.core.system import Deliver, Outcome, UnusableSystemError
from quorate_check.core.verdict import Verdict
from quorate_check.history.check import check
from quorate_check.history.operations import Error, History, Operation, OperationOutcome, Reply
from quorate_check.store.messages import Answer, Ask, NoReply, RequestId

KEY = "x"
QUERIES = ("get",)
WRITES = {
    "incr": Increment(KEY.encode(), 1),
    "append": Append(KEY.encode(), b"a"),
    "set": Set(KEY.encode(), b"v"),
    "del": Delete((KEY.encode(),)),
}
WORDS = {"get": (KEY,), "incr": (KEY,), "append": (KEY, "a"), "set": (KEY, "v"), "del": (KEY,)}
ENDED_SESSION = "NOSESSION"

T = TypeVar("T")
Script = tuple[str, ...]
Scripts = tuple[Script, ...]


@dataclass(frozen=True, slots=True)
class Begin:
    """A client begins its next operation."""

    client: int


@dataclass(frozen=True, slots=True)
class Invocation:
    """A client asked."""

    request: RequestId


@dataclass(frozen=True, slots=True)
class Return:
    """A client got a reply, which is encoded (quorate.store.replies)."""

    request: RequestId
    reply: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """A client learnt that it gets no reply: its request surely takes no effect, or nothing `is_certain`."""

    request: RequestId
    is_certain: bool


HistoryRecord = tuple[Invocation | Return | Failure, ...]


@dataclass(frozen=True, slots=True)
class Clients:
    """The state of all clients: for each its position in its script, and whether it waits; and the history of all."""

    positions: tuple[int, ...]
    waiting: tuple[bool, ...]
    record: HistoryRecord = ()


def parse_scripts(text: str) -> Scripts:
    """Return the operations of each client: names separated by blanks, clients by semicolons.

    Raises UnusableSystemError for a name that isn't one of `WORDS`, and for a client without operations.
    """
    scripts = tuple(tuple(part.split()) for part in text.split(";"))
    for name in (name for script in scripts for name in script):
        if name not in WORDS:
            raise UnusableSystemError(f"--clients {text!r}: {name!r} isn't one of {', '.join(WORDS)}")
    if not all(scripts):
        raise UnusableSystemError(f"--clients {text!r}: each client has one or more of {', '.join(WORDS)}")
    return scripts


@dataclass(frozen=True, slots=True)
class ClientAdapter:
    """The step function of the clients' node, which has the number `node` in messages; `servers` are numbered, too.

    With `asks_one` a client asks one server, any of them, instead of all.
    """

    scripts: Scripts
    servers: tuple[int, ...]
    node: int
    asks_one: bool = False

    def initial(self) -> Clients:
        """Return clients that have asked nothing."""
        return Clients((0,) * len(self.scripts), (False,) * len(self.scripts))

    def step(self, clients: Clients, event: object) -> tuple[Outcome, ...]:
        """Return the outcomes of `event`."""
        match event:
            case Begin(client):
                return self._begin(clients, client)
            case Deliver(Answer(request=request, reply=reply)):
                return self._end(clients, Return(request, reply))
            case Deliver(NoReply(request=request, is_certain=is_certain)):
                return self._end(clients, Failure(request, is_certain))
            case _:
                return ()

    def _begin(self, clients: Clients, client: int) -> tuple[Outcome, ...]:
        number = clients.positions[client]
        if clients.waiting[client] or number == len(self.scripts[client]):
            return ()
        request = RequestId(client, number)
        asking = replace(
            clients,
            waiting=_with(clients.waiting, client, value=True),
            record=(*clients.record, Invocation(request)),
        )
        questions = tuple(Ask(self.node, server, request) for server in self.servers)
        if self.asks_one:
            return tuple(Outcome(asking, (question,)) for question in questions)
        return (Outcome(asking, questions),)

    def _end(self, clients: Clients, end: Return | Failure) -> tuple[Outcome, ...]:
        request, client = end.request, end.request.client
        if not clients.waiting[client] or clients.positions[client] != request.number:
            return ()
        next_state = Clients(
            _with(clients.positions, client, request.number + 1),
            _with(clients.waiting, client, value=False),
            (*clients.record, end),
        )
        return (Outcome(next_state),)


def _with(values: tuple[T, ...], position: int, value: T) -> tuple[T, ...]:
    return (*values[:position], value, *values[position + 1 :])


def is_write(scripts: Scripts, request: RequestId) -> bool:
    """Whether a request changes the map."""
    return scripts[request.client][request.number] in WRITES


def payload(scripts: Scripts, request: RequestId, session: int | None) -> bytes:
    """Return what a client sends for a request; a write has the next number of its `session`, if there is one."""
    name = scripts[request.client][request.number]
    if name in QUERIES:
        return encode(Get(KEY.encode()))
    if session is None:
        return encode(WRITES[name])
    sequence = sum(each in WRITES for each in scripts[request.client][: request.number + 1])
    return encode(InSession(session, sequence, WRITES[name]))


def history_of(scripts: Scripts, record: HistoryRecord, *, expires: bool) -> History:
    """Return a record as a history for the checker; with `expires` the key may go once, at any time.

    The end of a session says that this request changed nothing, but an earlier repeat may have: nothing is known.
    """
    operations: dict[RequestId, Operation] = {}
    for time, event in enumerate(record):
        request = event.request
        name = scripts[request.client][request.number]
        match event:
            case Invocation():
                operations[request] = Operation(
                    time + 1, f"c{request.client}", name, WORDS[name], time, None, None, OperationOutcome.UNKNOWN
                )
            case Return(reply=reply):
                value = _reply(reply)
                if not (isinstance(value, Error) and value.text.startswith(ENDED_SESSION)):
                    operations[request] = replace(
                        operations[request], returned=time, reply=value, outcome=OperationOutcome.DONE
                    )
            case Failure(is_certain=True):
                operations[request] = replace(operations[request], outcome=OperationOutcome.NOT_DONE)
            case Failure():
                pass  # of such an operation nothing is known
    deletion = Operation(0, "clock", "del", (KEY,), -1, None, None, OperationOutcome.UNKNOWN)
    return History((*((deletion,) if expires else ()), *operations.values()), initial={KEY: "0"} if expires else {})


def _reply(encoded: bytes) -> Reply:
    match replies.decode(encoded):
        case ErrorReply(text):
            return Error(text)
        case SimpleString(text):
            return text
        case bytes() as value:
            return value.decode()
        case int() | None as value:
            return value
        case other:
            raise AssertionError(f"no operation here has the reply {other!r}")


def is_linearizable(history: History) -> bool:
    """Whether the history checker finds an order of the operations that explains every reply."""
    return check(history).verdict is not Verdict.VIOLATED
