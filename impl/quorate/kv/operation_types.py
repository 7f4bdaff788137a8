"""What all operations on the map are made of (quorate.kv.operations)."""

from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**63 - 1
Integer: TypeAlias = Annotated[int, Meta(ge=MIN_INTEGER, le=MAX_INTEGER)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]


class Operation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """On the wire an array: the number of its class, then its fields in order."""
