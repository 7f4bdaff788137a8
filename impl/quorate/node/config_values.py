"""Parsers of single values of a configuration; each raises ValueError with one clause that says what is valid."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TypeVar

from quorate.runtime.addresses import Address, parse_address, show_address
from quorate.runtime.logs import Format, Level


class Protocol(Enum):
    """The protocol by which the nodes agree."""

    RAFT = "raft"  # tolerates crashes
    BFT = "bft"  # tolerates traitors


E = TypeVar("E", Level, Format, Protocol)

HIGHEST_ID = 2**31 - 1
MILLISECONDS = 1000


def text(value: object) -> str:
    """Return a string that isn't empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"a text is needed, not {value!r}")
    return value


def positive(value: object) -> int:
    """Return an integer above 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"a positive whole number is needed, not {value!r}")
    return value


def seconds(value: object) -> float:
    """Return a positive integer of milliseconds as seconds."""
    return positive(value) / MILLISECONDS


def one_of(kind: type[E]) -> Callable[[object], E]:
    """Return a parser of the values of the enum `kind`."""

    def read(value: object) -> E:
        for member in kind:
            if value == member.value:
                return member
        raise ValueError(f"one of {', '.join(member.value for member in kind)} is needed, not {value!r}")

    return read


def address(value: object) -> Address:
    """Return an address to connect to."""
    return parse_address(text(value))


def listening_address(value: object) -> Address:
    """Return an address to listen at; port 0 means any free port."""
    return parse_address(text(value), lowest_port=0)


def peer_addresses(value: object) -> dict[int, Address]:
    """Return addresses by id, in the order of ids; the ids in `value` are strings, as keys in TOML are."""
    if not isinstance(value, Mapping) or not value:
        raise ValueError('a table of ids and addresses is needed, as in 1 = "127.0.0.1:7101"')
    addresses: dict[int, Address] = {}
    for name, address_text in value.items():
        if not (isinstance(name, str) and name.isascii() and name.isdigit() and 0 < int(name) <= HIGHEST_ID):
            raise ValueError(f"an id from 1 to {HIGHEST_ID} is needed, not {name!r}")
        try:
            address = parse_address(text(address_text))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        if address in addresses.values():
            raise ValueError(f"{name}: {show_address(address)} is another node's address, too")
        if int(name) in addresses:
            raise ValueError(f"{name}: this id is given twice")
        addresses[int(name)] = address
    return dict(sorted(addresses.items()))
