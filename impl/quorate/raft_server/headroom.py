"""No message takes a term or an index near the end of what disks and messages can hold: there is room to count on.

The wire lets in nothing above 2^62, and the disk holds 63 bits; whoever is at such a limit can stand for no election
that others hear of. So a message is believed only if it is not too far ahead of what this server knows:

- A request for votes may be 2^32 terms ahead, as if there had been an election a second for 136 years while this
  server was away. What only members say who know a later term may be twice as far ahead: so a server that was away
  when a false request was believed still hears the others afterwards. To come near 2^62 takes 2^29 such messages, each
  of which costs an fsync.
- A snapshot may be 2^48 entries ahead, 89 years of 100,000 entries a second, and is believed up to index 2^56.

- A hello may name a term as far ahead as other messages, and 2^32 starts: who takes a lost storage's place begins after
  the greatest term that it is told, and a count of starts that is remembered makes every smaller one an older copy.

Whatever else a message says of terms and indices is only compared with a log (quorate.raft.validation). A member that
is really farther behind is brought back by `quorate replace`.
"""

from typing import Final

from quorate.membership.claim import Claim
from quorate.raft.messages import InstallSnapshot, Message, PreVote, RequestVote
from quorate.raft.state import State

FARTHEST_TERM: Final = 1 << 32
FARTHEST_INDEX: Final = 1 << 48
MOST_INDEX: Final = 1 << 56
MOST_STARTS: Final = 1 << 32


def implausible(state: State, message: Message) -> str | None:
    """Why `message` must not be believed, one clause; None if it may be."""
    term = message.term - state.current_term
    if term > (FARTHEST_TERM if isinstance(message, PreVote | RequestVote) else 2 * FARTHEST_TERM):
        return f"term {message.term} is {term} terms ahead"
    if isinstance(message, InstallSnapshot):
        index = message.snapshot.last_included_index
        if index - state.log.last_index > FARTHEST_INDEX or index > MOST_INDEX:
            return f"a snapshot up to index {index} is {index - state.log.last_index} entries ahead"
    return None


def implausible_claim(current_term: int, claim: Claim) -> str | None:
    """Why a peer's `claim` must not be believed by who is in this term, one clause; None if it may be."""
    term = claim.term - current_term
    if term > 2 * FARTHEST_TERM:
        return f"term {claim.term} is {term} terms ahead"
    if claim.starts > MOST_STARTS:
        return f"nothing is started {claim.starts} times"
    return None
