"""Everything that can happen to a member; it has no other inputs."""

from dataclasses import dataclass

from quorate.bft.messages import Message


@dataclass(frozen=True, slots=True)
class Receive:
    """A message arrived, from anywhere."""

    message: Message


@dataclass(frozen=True, slots=True)
class ViewTimeout:
    """The view has lasted too long."""


@dataclass(frozen=True, slots=True)
class WaitOver:
    """A leader has waited long enough (Δ) to have heard every honest member."""


@dataclass(frozen=True, slots=True)
class Submit:
    """A client's request with this digest is genuine, and may be voted for."""

    digest: bytes


Event = Receive | ViewTimeout | WaitOver | Submit
