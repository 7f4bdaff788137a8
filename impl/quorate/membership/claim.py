"""Claims: the description of a member's storage in the hello of each connection."""

from dataclasses import dataclass

INCARNATION_BYTES = 16


@dataclass(frozen=True, slots=True)
class Claim:
    """The sender's storage as it is now; empty bytes mean none.

    `cluster_id` is the identity of its cluster. `starts` counts the starts of this storage, and `nonce` identifies a
    start. With `joined` the sender takes part; with `replaces` it is to replace a lost storage. `remembers` is the
    incarnation that the sender knows of the receiver, `refusal` the reason why it refuses the receiver. `term` is its
    current term, `last_index` and `last_term` are those of the last entry of its log, which may not be on disk yet.
    `members` founded the cluster, none if the sender joined it; `address` is where the sender is reached.
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
    address: str = ""
