"""The base classes of all operations on the map (quorate.store.operations)."""

from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

from quorate.store.keyspace import Keyspace
from quorate.store.replies import Reply

MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**63 - 1
Integer: TypeAlias = Annotated[int, Meta(ge=MIN_INTEGER, le=MAX_INTEGER)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]


class Operation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """Encoded as an array: the number of the class, then the fields in order."""


class MapOperation(Operation, frozen=True):
    """An operation that changes or reads the map: the log has its fields, and `do` defines its effect.

    The effect depends only on the fields and the map, so that all members get the same map and the same reply.
    """

    def do(self, keys: Keyspace) -> Reply:
        """Execute the operation and return the reply; an operation that fails changes nothing."""
        raise NotImplementedError


class PlainWrite(MapOperation, frozen=True):
    """An operation that changes the map. Every subclass can be in the log (quorate.store.operations)."""


class Query(MapOperation, frozen=True):
    """An operation that changes nothing. Clients can send every subclass."""
