"""How one value of a configuration is read: ValueError says in one clause what is right."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TypeVar

from quorate.runtime.addresses import Address, parse_address, show_address
from quorate.runtime.logs import Format, Level


class Protocol(Enum):
    """How the nodes agree."""

    RAFT = "raft"  # some may crash
    BFT = "bft"  # some may lie


E = TypeVar("E", Level, Format, Protocol)

HIGHEST_ID = 2**31 - 1
MILLISECONDS = 1000


def text(value: object) -> str:
    """Return a text that isn't empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"a text is needed, not {value!r}")
    return value


def positive(value: object) -> int:
    """Return a whole number above 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"a positive whole number is needed, not {value!r}")
    return value


def seconds(value: object) -> float:
    """Return a positive whole number of milliseconds, in seconds."""
    return positive(value) / MILLISECONDS


def one_of(kind: type[E]) -> Callable[[object], E]:
    """Return what reads the value of a member of `kind`."""

    def read(value: object) -> E:
        for member in kind:
            if value == member.value:
                return member
        raise ValueError(f"one of {', '.join(member.value for member in kind)} is needed, not {value!r}")

    return read


def listening_address(value: object) -> Address:
    """Return where to listen; port 0 is any that is free."""
    return parse_address(text(value), lowest_port=0)


def peer_addresses(value: object) -> dict[int, Address]:
    """Return addresses by id, in the order of ids; ids are texts, as keys of TOML are."""
    if not isinstance(value, Mapping) or not value:
        raise ValueError('a table of ids and addresses is needed, as in 1 = "127.0.0.1:7101"')
    found: dict[int, Address] = {}
    for name, address_text in value.items():
        if not (isinstance(name, str) and name.isascii() and name.isdigit() and 0 < int(name) <= HIGHEST_ID):
            raise ValueError(f"an id from 1 to {HIGHEST_ID} is needed, not {name!r}")
        try:
            address = parse_address(text(address_text))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        if address in found.values():
            raise ValueError(f"{name}: {show_address(address)} is another node's address, too")
        if int(name) in found:
            raise ValueError(f"{name}: this id is given twice")
        found[int(name)] = address
    return dict(sorted(found.items()))
