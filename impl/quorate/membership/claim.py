"""What a member says of its storage when it meets another, in the hello of each connection."""

from dataclasses import dataclass

INCARNATION_BYTES = 16


@dataclass(frozen=True, slots=True)
class Claim:
    """The sender's storage as it is now; empty bytes stand for nothing.

    `cluster_id` is what its storage belongs to. `starts` counts the starts of this storage and `nonce` tells two starts
    apart. `joined` says that it takes part. `replaces` says that it shall take the place of a storage that is lost.
    `remembers` is the incarnation that it knows of the receiver, `refusal` why it refuses the receiver. `term` is
    its current term, `last_index` and `last_term` are the index and the term of the last entry of its log, or more than
    that if it is not on disk yet.
    """

    members: tuple[int, ...] = ()
    cluster_id: bytes = b""
    incarnation: bytes = b""
    starts: int = 0
    nonce: bytes = b""
    joined: bool = False
    replaces: bool = False
    remembers: bytes = b""
    refusal: str = ""
    term: int = 0
    last_index: int = 0
    last_term: int = 0
