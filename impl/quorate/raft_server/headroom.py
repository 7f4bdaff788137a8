"""Limits on jumps of terms and indexes, so that no message takes them near the limits of disks and messages.

The wire accepts no number above 2^62, and the disk has 63 bits; a server at such a limit could not send requests for
votes of a higher term. So a message is accepted only if it is not too far ahead of this server:

- A request for votes may be 2^32 terms ahead, as after an election a second for 136 years while this server was away.
  Messages of members that have entered a later term may be twice as far ahead: so a server that was away when a false
  request was accepted still hears the others afterwards. It takes 2^29 such messages, each of which costs an fsync, to
  come near 2^62.
- A snapshot may be 2^48 entries ahead, 89 years of 100,000 entries a second, and up to index 2^56.
- A hello may have a term as far ahead as other messages, and 2^32 starts: a storage that replaces a lost one begins
  after the greatest term in hellos, and a remembered count of starts makes every smaller one an older copy.

All other terms and indexes in messages are only compared with a log (quorate.raft.validation). A member that is really
farther behind is brought back by `quorate replace`.
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
    """Why `message` must be refused, one clause; None if it mustn't."""
    term = message.term - state.current_term
    if term > (FARTHEST_TERM if isinstance(message, PreVote | RequestVote) else 2 * FARTHEST_TERM):
        return f"term {message.term} is {term} terms ahead"
    if isinstance(message, InstallSnapshot):
        index = message.snapshot.last_included_index
        if index - state.log.last_index > FARTHEST_INDEX or index > MOST_INDEX:
            return f"a snapshot up to index {index} is {index - state.log.last_index} entries ahead"
    return None


def implausible_claim(current_term: int, claim: Claim) -> str | None:
    """Why a peer's `claim` must be refused in this term, one clause; None if it mustn't."""
    term = claim.term - current_term
    if term > 2 * FARTHEST_TERM:
        return f"term {claim.term} is {term} terms ahead"
    if claim.starts > MOST_STARTS:
        return f"nothing is started {claim.starts} times"
    return None
