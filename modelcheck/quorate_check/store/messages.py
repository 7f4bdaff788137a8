"""The messages between clients and servers of the explored store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class RequestId:
    """A request: that of operation `number` of `client`, both counted from 0. Repeats have the same id."""

    client: int
    number: int


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
