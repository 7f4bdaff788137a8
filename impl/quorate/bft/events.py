"""The events of a member, its only inputs."""

from dataclasses import dataclass

from quorate.bft.messages import Message


@dataclass(frozen=True, slots=True)
class Receive:
    """A message arrived; who sent it is decided by its signature."""

    message: Message


@dataclass(frozen=True, slots=True)
class ViewTimeout:
    """The view has lasted too long."""


@dataclass(frozen=True, slots=True)
class WaitOver:
    """A new leader has waited for Δ, so it has heard every honest member if the network is good."""


@dataclass(frozen=True, slots=True)
class Submit:
    """A client's request with this digest has arrived, so the digest may be proposed and voted for."""

    digest: bytes


Event = Receive | ViewTimeout | WaitOver | Submit
