"""The messages of the explored store: between clients and servers, and of requests that servers pass on."""

from __future__ import annotations

from dataclasses import dataclass

from quorate.runtime.outcomes import Outcome


@dataclass(frozen=True, slots=True, order=True)
class RequestId:
    """A request: that of operation `number` of `client`, both counted from 0. Repeats have the same id.

    A client's request on a later connection has another `connection`, counted from 0, and a write the number `sequence`
    in its session, if there is one.
    """

    client: int
    number: int
    connection: int = 0
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """A client asks server `dest`; `source` is the number of the clients' node."""

    source: int
    dest: int
    request: RequestId


@dataclass(frozen=True, slots=True)
class Answer:
    """Server `source` answers a request with an encoded reply (quorate.store.replies)."""

    source: int
    dest: int
    request: RequestId
    reply: bytes


@dataclass(frozen=True, slots=True)
class NoReply:
    """Server `source` says that a request has no reply: it surely takes no effect, or nothing `is_certain`."""

    source: int
    dest: int
    request: RequestId
    is_certain: bool


@dataclass(frozen=True, slots=True)
class PassedOn:
    """Server `source` passes a request on to the leader, under a number (quorate.raft_server.messages.Forward)."""

    source: int
    dest: int
    number: int
    request: RequestId


@dataclass(frozen=True, slots=True)
class PassedBack:
    """The answer to what was passed on under this number, without a text (quorate.raft_server.messages.Answer)."""

    source: int
    dest: int
    number: int
    outcome: Outcome
