"""The clients of the explored store, all in one node: what they ask, and the history that they see.

Each client does its operations one after another. It asks all servers at once, and on a network of any number of
messages each of these requests arrives whenever it likes, any number of times, or never. So that covers a client that
asks one server after another, and repeats what got no answer. Writes are in sessions (§8 of the paper, §6.3 of the
dissertation), one for each client, which are open from the beginning.

If servers pass requests on, a client asks one server on one connection. When that ends, the answer is lost, and the
client repeats a read or a write in a session at any server, as `quorate.client.retries` does: the write is in doubt
from then on, whatever a server says later. It uses the number of a write again if that surely took no effect, and gives
the session up after a write in doubt. A write without a session isn't repeated, and nothing is known of it.

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
class ConnectionEnd:
    """The connection on which a client waits for an answer ends."""

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
    """The state of all clients: for each its position in its script, and what it waits for; and the history of all."""

    positions: tuple[int, ...]
    waiting: tuple[RequestId | None, ...]
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

    With `asks_one` a client asks one server, any of them, instead of all, on up to so many `connections`.
    """

    scripts: Scripts
    servers: tuple[int, ...]
    node: int
    has_sessions: bool
    asks_one: bool = False
    connections: int = 1

    def initial(self) -> Clients:
        """Return clients that have asked nothing."""
        return Clients((0,) * len(self.scripts), (None,) * len(self.scripts))

    def step(self, clients: Clients, event: object) -> tuple[Outcome, ...]:
        """Return the outcomes of `event`."""
        match event:
            case Begin(client):
                return self._begin(clients, client)
            case ConnectionEnd(client):
                return self._disconnect(clients, client)
            case Deliver(Answer(request=request, reply=reply)):
                return self._end(clients, Return(request, reply))
            case Deliver(NoReply(request=request, is_certain=is_certain)):
                return self._end(clients, Failure(request, is_certain))
            case _:
                return ()

    def _begin(self, clients: Clients, client: int) -> tuple[Outcome, ...]:
        number = clients.positions[client]
        if clients.waiting[client] is not None or number == len(self.scripts[client]):
            return ()
        request = RequestId(client, number)
        if self.has_sessions and is_write(self.scripts, request):
            sequence = self._next_sequence(clients, client)
            if sequence is None:
                return ()
            request = replace(request, sequence=sequence)
        return self._ask(replace(clients, record=(*clients.record, Invocation(request))), request)

    def _ask(self, clients: Clients, request: RequestId) -> tuple[Outcome, ...]:
        asking = replace(clients, waiting=_with(clients.waiting, request.client, request))
        questions = tuple(Ask(self.node, server, request) for server in self.servers)
        if self.asks_one:
            return tuple(Outcome(asking, (question,)) for question in questions)
        return (Outcome(asking, questions),)

    def _next_sequence(self, clients: Clients, client: int) -> int | None:
        """Return the number of a client's next write in its session; None after a write in doubt."""
        sequence = 1
        for event in clients.record:
            if event.request.client == client and is_write(self.scripts, event.request):
                match event:
                    case Return():
                        sequence += 1
                    case Failure(is_certain=False):
                        return None
                    case _:
                        pass
        return sequence

    def _disconnect(self, clients: Clients, client: int) -> tuple[Outcome, ...]:
        request = clients.waiting[client]
        if request is None or request.connection + 1 == self.connections:
            return ()
        if is_write(self.scripts, request) and not self.has_sessions:
            return self._end(clients, Failure(request, is_certain=False))
        return self._ask(clients, replace(request, connection=request.connection + 1))

    def _end(self, clients: Clients, end: Return | Failure) -> tuple[Outcome, ...]:
        request, client = end.request, end.request.client
        if clients.waiting[client] != request:
            return ()
        if isinstance(end, Failure) and request.connection and is_write(self.scripts, request):
            end = replace(end, is_certain=False)
        next_state = Clients(
            _with(clients.positions, client, request.number + 1),
            _with(clients.waiting, client, None),
            (*clients.record, end),
        )
        return (Outcome(next_state),)


def _with(values: tuple[T, ...], position: int, value: T) -> tuple[T, ...]:
    return (*values[:position], value, *values[position + 1 :])


def is_write(scripts: Scripts, request: RequestId) -> bool:
    """Whether a request changes the map."""
    return scripts[request.client][request.number] in WRITES


def payload(scripts: Scripts, request: RequestId, session: int | None) -> bytes:
    """Return what a client sends for a request; a write is in its `session`, if there is one."""
    name = scripts[request.client][request.number]
    if name in QUERIES:
        return encode(Get(KEY.encode()))
    if session is None:
        return encode(WRITES[name])
    return encode(InSession(session, request.sequence, WRITES[name]))


def history_of(scripts: Scripts, record: HistoryRecord, *, expires: bool) -> History:
    """Return a record as a history for the checker; with `expires` the key may go once, at any time.

    The end of a session says that this request changed nothing, but an earlier repeat may have: nothing is known.
    """
    operations: dict[tuple[int, int], Operation] = {}
    for time, event in enumerate(record):
        client, number = request = event.request.client, event.request.number
        name = scripts[client][number]
        match event:
            case Invocation():
                operations[request] = Operation(
                    time + 1, f"c{client}", name, WORDS[name], time, None, None, OperationOutcome.UNKNOWN
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
