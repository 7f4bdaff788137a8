"""The settings of a server whatever its protocol, and the check of numbers in settings."""

from dataclasses import Field, fields
from typing import Any, ClassVar, Protocol


class Settings(Protocol):
    """The settings that every protocol has; times in seconds."""

    @property
    def disk_retry_s(self) -> float:
        """The time before a write to a full disk is tried again."""
        ...

    @property
    def request_timeout_s(self) -> float:
        """The time after which a client's request gets an outcome."""
        ...

    @property
    def max_pending(self) -> int:
        """The most requests without an outcome."""
        ...


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def check_positive(settings: _Dataclass) -> None:
    """Raise ValueError, which names the field, if a field isn't a positive number."""
    for field in fields(settings):
        if not getattr(settings, field.name) > 0:
            raise ValueError(f"{field.name}: a positive number is needed, not {getattr(settings, field.name)!r}")
