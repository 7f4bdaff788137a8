"""What a server is told whatever its protocol, and what is wrong with a number that somebody has set."""

from dataclasses import fields
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Settings(Protocol):
    """How long a server waits, in seconds, and how many requests it holds, whatever its protocol."""

    @property
    def disk_retry_s(self) -> float:
        """After a write that found no room."""
        ...

    @property
    def request_timeout_s(self) -> float:
        """For what a client has asked."""
        ...

    @property
    def max_pending(self) -> int:
        """Requests without an outcome."""
        ...


def check_positive(settings: "DataclassInstance") -> None:
    """ValueError names the first field that is no positive number."""
    for field in fields(settings):
        if not getattr(settings, field.name) > 0:
            raise ValueError(f"{field.name}: a positive number is needed, not {getattr(settings, field.name)!r}")
