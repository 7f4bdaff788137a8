"""What a server is told whatever its protocol, and what is wrong with a number that somebody has set."""

from dataclasses import Field, fields
from typing import Any, ClassVar, Protocol


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


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def check_positive(settings: _Dataclass) -> None:
    """ValueError names the first field that is no positive number."""
    for field in fields(settings):
        if not getattr(settings, field.name) > 0:
            raise ValueError(f"{field.name}: a positive number is needed, not {getattr(settings, field.name)!r}")
