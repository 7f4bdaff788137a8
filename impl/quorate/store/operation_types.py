"""What all operations on the map are made of (quorate.store.operations)."""

from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

from quorate.store.keyspace import Keyspace
from quorate.store.replies import Reply

MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**63 - 1
Integer: TypeAlias = Annotated[int, Meta(ge=MIN_INTEGER, le=MAX_INTEGER)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]


class Operation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """On the wire an array: the number of its class, then its fields in order."""


class MapOperation(Operation, frozen=True):
    """What is done to the map, or looked at in it: the fields stand in the log, and `do` is what they mean.

    That depends on nothing but the fields and the map, so that all members get the same map and the same reply.
    """

    def do(self, keys: Keyspace) -> Reply:
        """Do it and return the reply; what fails changes nothing."""
        raise NotImplementedError


class PlainWrite(MapOperation, frozen=True):
    """What changes the map. Each class below it, wherever it stands, can be in the log (quorate.store.operations)."""


class Query(MapOperation, frozen=True):
    """What changes nothing. Each class below it can be asked."""
