"""One client's connection: whatever the client sends or leaves unread, its memory stays bounded.

The connection is read from only while it has fewer than MOST_PENDING unanswered requests, these have together fewer
bytes than the largest request may have, and the client takes its replies. One turn of the event loop takes at most
MOST_PENDING requests.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final, Protocol, cast

from quorate.backup.export import Exports
from quorate.runtime.addresses import show_address
from quorate.runtime.network_writes import write
from quorate.runtime.outcomes import Outcome
from quorate.store import operations
from quorate.store.answers import Caller, CommandError
from quorate.store.budget import Budget
from quorate.store.commands import find, session_of_exec
from quorate.store.entries import Administers, Answers, Controls, Writes
from quorate.store.operations import OpenSession
from quorate.store.pipeline import ClusterRequest, Pipeline, Ready
from quorate.store.replies import Failure
from quorate.store.resp import ProtocolError, Request, RequestReader, TooLongError, encode, quoted
from quorate.store.transactions import Transactions

MOST_PENDING: Final = 1_000

log = logging.getLogger("quorate.front")

TOO_MANY: Final = "ERR max number of clients reached"
NEEDS_PASSWORD: Final = "NOAUTH Authentication required."  # noqa: S105  # not a password
# A web page can make its reader's browser talk to this port. The first words of browsers therefore end a connection.
BROWSER_WORDS: Final = {b"post", b"host:"}


class Host(Protocol):
    """What a connection needs of the front that it belongs to.

    `commands` counts the requests of all connections, `exports` provides backups, `members_change` says whether members
    can, `budget` limits the bytes of all.
    """

    commands: int
    exports: Exports | None
    members_change: bool
    budget: Budget

    def admit(self, connection: "ClientConnection") -> bool:
        """Count a connection, or return False if there are too many: then requests to the cluster are refused."""
        ...

    def leave(self, connection: "ClientConnection") -> None:
        """Stop counting a connection, if it was counted."""
        ...

    def submit(self, write: bool, payload: bytes, done: Callable[[Outcome], None]) -> None:  # noqa: FBT001
        """Pass a request to the cluster (quorate.store.front.Backend)."""
        ...


class ClientConnection(asyncio.Protocol):
    """Reads requests from one client's socket, sends them to the cluster and writes the replies."""

    def __init__(self, caller: Caller, host: Host, most_request_bytes: int, most_value_bytes: int) -> None:
        """`caller` describes this connection, and no other."""
        self.caller = caller
        self._host = host
        self._most_bytes = most_request_bytes
        self._reader = RequestReader(
            most_request_bytes, trusted=caller.authenticated, most_string_bytes=most_value_bytes
        )
        self._pipeline = Pipeline(host.submit, self._go_on)
        self._transactions = Transactions(caller, most_request_bytes)
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._at_end = False  # the client will send nothing more
        self._all_taken = True  # no whole request is left in the reader
        self._writable = True
        self._reading = True
        self._turn_due = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket, and ask the host whether there is room for one more client."""
        # Not all event loops derive their transports from asyncio's class.
        self.transport = cast("asyncio.Transport", transport)
        caller = self.caller
        caller.address = _address(self.transport.get_extra_info("peername"))
        caller.local_address = _address(self.transport.get_extra_info("sockname"))
        caller.since = caller.heard = self._loop.time()
        caller.now, caller.close = self._loop.time, self.transport.close
        self._admitted = self._host.admit(self)
        # Keep-alive notices clients that vanished without closing.
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forget the client; its requests under way go on, and their replies are dropped."""
        self._closed = True
        self._host.leave(self)
        self._host.budget.leave(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        self.caller.heard = self._loop.time()
        self._reader.feed(data)
        self._all_taken = False
        self._go_on()

    def turn_away(self) -> None:
        """Reply that there are too many clients, and close."""
        if not self._closed:
            self._closed = True
            write(self.transport, encode(Failure(TOO_MANY), self.caller.protocol))
            self.transport.close()
            self._host.leave(self)

    def leave_if_idle(self, since: float) -> None:
        """Close if the client has sent nothing since the time `since`, unless it waits for replies and reads them."""
        if self.caller.heard < since and not (self._pipeline.count and self._writable):
            self.transport.abort()

    def eof_received(self) -> bool:
        """Note that the client sends nothing more; it may still wait for replies."""
        self._at_end = True
        self._go_on()
        # A TLS connection can't stay half open.
        return self.transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        """Hold replies back: the client reads them more slowly than it sends requests."""
        self._writable = False

    def resume_writing(self) -> None:
        """Write replies again."""
        self._writable = True
        self.caller.heard = self._loop.time()
        self._go_on()

    @property
    def _has_room(self) -> bool:
        return self._writable and self._pipeline.count < MOST_PENDING and self._pipeline.size < self._most_bytes

    def _go_on(self) -> None:
        """Take requests, write replies, and close or read on, as far as each is possible now."""
        if self._closed:
            return
        if not self._all_taken:
            self._take_requests()
        if self._writable and (replies := self._pipeline.advance()):
            write(self.transport, replies)
        room, leaving = self._has_room, self.caller.leaving
        if not self._pipeline.count and (leaving or (self._at_end and self._all_taken)):
            self.transport.close()
        elif room and not leaving and not self._all_taken:
            self.go_on()  # others have their turns in between
        may_read = self._host.budget.may_read(self, self._reader.size + self._pipeline.size)
        if self._reading != (room and self._all_taken and may_read):
            self._turn_reading()

    def go_on(self) -> None:
        """Go on in another turn (quorate.store.budget.Holder)."""
        if not self._turn_due:
            self._turn_due = True
            self._loop.call_soon(self._next_turn)

    def leave_if_stalled(self, since: float) -> None:
        """Close if a request is incomplete and nothing has arrived since `since` (quorate.store.budget.Holder)."""
        if self.caller.heard < since and not self._pipeline.count:
            log.warning("a client holds up others by an unfinished request", extra={"client": self.caller.address})
            self.transport.abort()

    def _next_turn(self) -> None:
        self._turn_due = False
        self._go_on()

    def _take_requests(self) -> None:
        """Queue the requests for which there is room, at most MOST_PENDING."""
        for _ in range(MOST_PENDING):
            if self.caller.leaving or not self._has_room:
                return
            try:
                request = self._reader.next()
            except ProtocolError as error:
                self.caller.leaving = True
                self._refuse(f"ERR {error}")
                return
            except TooLongError as error:
                self._refuse(self._transactions.refused([b""], f"ERR {error}"))
                continue
            if request is None:
                self._all_taken = True
                return
            self._take(request)

    def _take(self, request: Request) -> None:
        self._host.commands += 1
        self.caller.command = request[0]
        try:
            self._pipeline.add(self._understand(request))
        except CommandError as error:
            self.caller.leaving = self.caller.leaving or request[0].lower() in BROWSER_WORDS
            self._refuse(self._transactions.refused(request, str(error)))

    def _understand(self, request: Request) -> ClusterRequest | Ready:
        """Return the reply to a request, or the request to the cluster; raises CommandError if it is refused."""
        caller, transactions = self.caller, self._transactions
        command = find(request)
        if not caller.authenticated and not (isinstance(command, Answers | Controls) and command.to_strangers):
            raise CommandError(NEEDS_PASSWORD)
        if isinstance(command, Controls):
            answer = transactions.control(command, request)
            self._reader.trusted = caller.authenticated
            return answer
        if not self._admitted and (transactions.is_open or not isinstance(command, Answers)):
            self._admitted = self._host.admit(self)
            if not self._admitted:
                caller.leaving = True
                raise CommandError(TOO_MANY)
        if isinstance(command, Administers):
            if transactions.is_open:
                raise CommandError(f"ERR {quoted(request[0].upper())} can't be part of a transaction")
            return command.request(request, self._host, caller)
        if transactions.is_open:
            session = session_of_exec(request)
            return transactions.queue(command, request) if session is None else transactions.execute(session)
        if isinstance(command, Answers):
            value = command.answer(caller, request)
            self._reader.trusted = caller.authenticated
            return Ready(encode(value, caller.protocol))
        operation = command.parse(request)
        alone = isinstance(operation, OpenSession)
        return ClusterRequest(isinstance(command, Writes), operations.encode(operation), caller.protocol, alone)

    def _refuse(self, text: str) -> None:
        self._pipeline.add(Ready(encode(Failure(text), self.caller.protocol)))

    def _turn_reading(self) -> None:
        """Stop reading from the client, or begin again."""
        if self._at_end or self.transport.is_closing():
            return
        self._reading = not self._reading
        if self._reading:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()


def _address(name: object) -> str:
    """Return an address of the socket module as text, `host:port`."""
    match name:
        case (str(host), int(port), *_):
            return show_address((host, port))
        case _:
            return ""
