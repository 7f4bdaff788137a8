"""The kinds of commands in the table of commands, by what they ask of the map or of the front."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

from quorate.store.answers import Caller
from quorate.store.operation_types import Query
from quorate.store.operations import OpenSession, Step
from quorate.store.pipeline import ClusterRequest
from quorate.store.resp import Request, Value


@dataclass(frozen=True, slots=True)
class Keys:
    """The positions of the arguments that are keys, counted from 1 as in COMMAND; negative ones count from the end.

    `count` is the position of the argument that says how many keys follow it.
    """

    first: int
    last: int
    step: int
    count: int | None = None

    def of(self, request: Request) -> list[bytes]:
        """Return the keys in a request, as in COMMAND GETKEYS: none if their count is wrong."""
        if self.count is None:
            last = self.last if self.last >= 0 else len(request) + self.last
            return request[self.first : last + 1 : self.step] if self.first else []
        number = request[self.count]
        if not number.isdigit() or int(number[:9]) > len(request) - self.count - 1:
            return []
        return request[self.count + 1 : self.count + 1 + int(number)]

    @property
    def known(self) -> bool:
        """Whether requests of this kind have keys."""
        return self.first > 0 or self.count is not None


NO_KEYS: Final = Keys(0, 0, 0)
ONE_KEY: Final = Keys(1, 1, 1)
TWO_KEYS: Final = Keys(1, 2, 1)
ALL_KEYS: Final = Keys(1, -1, 1)
PAIRS: Final = Keys(1, -1, 2)
COUNTED_KEYS: Final = Keys(0, 0, 0, count=2)


@dataclass(frozen=True, slots=True)
class Writes:
    """A command that changes the map. An arity counts the name; -n means at least n."""

    arity: int
    keys: Keys
    parse: Callable[[Request], Step | OpenSession]
    summary: str


@dataclass(frozen=True, slots=True)
class Reads:
    """A command that reads the map."""

    arity: int
    keys: Keys
    parse: Callable[[Request], Query]
    summary: str


@dataclass(frozen=True, slots=True)
class Answers:
    """A command that the front answers by itself; with `to_strangers` also before the password was given."""

    arity: int
    answer: Callable[[Caller, Request], Value]
    summary: str
    to_strangers: bool = False
    in_transactions: bool = True
    keys: Keys = NO_KEYS


class Control(Enum):
    """The commands that control a connection and its transaction (quorate.store.transactions)."""

    MULTI = "multi"
    EXEC = "exec"
    DISCARD = "discard"
    WATCH = "watch"
    UNWATCH = "unwatch"
    RESET = "reset"
    QUIT = "quit"


@dataclass(frozen=True, slots=True)
class Controls:
    """A command that controls the connection that it arrives on, or its transaction."""

    arity: int
    control: Control
    summary: str
    keys: Keys = NO_KEYS
    to_strangers: bool = False


@dataclass(frozen=True, slots=True)
class Administers:
    """A command for operators, which can't be part of a transaction; `request` makes the request of one."""

    arity: int
    request: Callable[[Request, Any, Caller], ClusterRequest]
    summary: str
    keys: Keys = NO_KEYS


Command: TypeAlias = Writes | Reads | Answers | Controls | Administers


@dataclass(frozen=True, slots=True)
class Container:
    """A command with subcommands, which its first argument names; `alone` is the command without an argument.

    The arities of the subcommands count both names. HELP is added to the subcommands, and lists them.
    """

    subcommands: Mapping[bytes, Answers]
    summary: str
    alone: Answers | None = None

    @property
    def arity(self) -> int:
        """The number of arguments, as of the other kinds."""
        return -2 if self.alone is None else self.alone.arity


CommandEntry: TypeAlias = Command | Container
