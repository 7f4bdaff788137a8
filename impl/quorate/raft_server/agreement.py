"""Members compare digests of their applied states; a member that differs from a majority stops and says so.

Equal logs give equal states, so all members have the same digest at each multiple of `interval` entries, unless memory,
a disk or a program is damaged. Each member sends its digests to all others at its ticks, and repeats the latest, since
messages may be lost; a member that is behind keeps the digests of others until it gets there.

Each member judges only itself: it stops only if a majority of all members has another digest. So a single wrong digest
stops nobody else; and if no digest can get a majority, nobody stops, for nobody knows who is right.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from quorate.quorum import majority
from quorate.raft import NodeId
from quorate.raft_server.messages import StateDigest
from quorate.runtime.interfaces import DIGEST_BYTES, DamagedStateError

log = logging.getLogger("quorate.server")

MOST_KEPT: Final = 64  # digests, of each member
REPEATED_AFTER: Final = 20  # ticks


class Verdict(Enum):
    """The conclusion of one member from the digests at one index."""

    EQUAL = "nobody is known to differ"
    OTHERS = "a majority has what this member has, and others differ"
    ALONE = "a majority has something else"
    OPEN = "members differ, and those that have said nothing yet will decide"
    TIED = "members differ, and no digest can get a majority any more"


def judge(me: NodeId, members: Iterable[NodeId], digests: Mapping[NodeId, bytes]) -> Verdict:
    """Return the verdict of `me` on the members' `digests` at one index, its own among them."""
    size = len(frozenset(members))
    counts = Counter(digests.values())
    if len(counts) == 1:
        return Verdict.EQUAL
    (most, votes), *_ = counts.most_common(1)
    if votes >= majority(size):
        return Verdict.OTHERS if digests[me] == most else Verdict.ALONE
    return Verdict.OPEN if votes + size - len(digests) >= majority(size) else Verdict.TIED


@dataclass
class Agreement:
    """The digests of all `members` that member `me` knows, at multiples of `interval` entries.

    `notice` is one line for operators if members differ, else nothing.
    """

    me: NodeId
    members: tuple[NodeId, ...]
    interval: int
    notice: str = ""
    _digests: dict[NodeId, dict[int, bytes]] = field(init=False)
    _untold: list[StateDigest] = field(default_factory=list, init=False)
    _ticks: int = field(default=0, init=False)
    _noticed: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._digests = {member: {} for member in (*self.members, self.me)}

    def follow(self, members: tuple[NodeId, ...]) -> None:
        """Compare with these members from now on."""
        self.members = members
        self._digests = {member: self._digests.get(member, {}) for member in (*members, self.me)}

    def reached(self, index: int, digest: bytes) -> DamagedStateError | None:
        """Record this member's digest; return why it must stop, None if it needn't."""
        self._untold = [*self._untold, StateDigest(index, digest)][-MOST_KEPT:]
        return self._note(self.me, index, digest)

    def heard(self, peer: NodeId, message: StateDigest) -> DamagedStateError | None:
        """Record a peer's digest; return why this member must stop, None if it needn't."""
        is_member = peer != self.me and peer in self._digests
        if not is_member or message.index % self.interval or len(message.digest) != DIGEST_BYTES:
            return None
        return self._note(peer, message.index, message.digest)

    def due(self) -> list[StateDigest]:
        """Return the digests to send to all peers at this tick: new ones, or now and then the latest again."""
        self._ticks += 1
        due, self._untold = self._untold, []
        if not due and self._ticks % REPEATED_AFTER == 0 and (mine := self._digests[self.me]):
            index = next(reversed(mine))
            due = [StateDigest(index, mine[index])]
        return due

    def _note(self, member: NodeId, index: int, digest: bytes) -> DamagedStateError | None:
        noted = self._digests[member]
        is_repeated = noted.pop(index, None) == digest
        noted[index] = digest
        if len(noted) > MOST_KEPT:
            del noted[next(iter(noted))]
        return None if is_repeated or index not in self._digests[self.me] else self._judge(index)

    def _judge(self, index: int) -> DamagedStateError | None:
        digests = {member: noted[index] for member, noted in self._digests.items() if index in noted}
        verdict, mine = judge(self.me, self.members, digests), digests[self.me]
        others = ", ".join(str(member) for member, digest in digests.items() if digest != mine)
        where = f"the applied state at entry {index}"
        match verdict:
            case Verdict.ALONE:
                return DamagedStateError(
                    f"{where} is another here than at a majority (it differs from nodes {others}): this node's memory, "
                    "disk or program is damaged; start it again, and if this comes back give it an empty folder with "
                    "`quorate replace`"
                )
            case Verdict.OTHERS:
                self._notice(index, f"{where} is another at nodes {others} than at a majority; they should stop")
            case Verdict.OPEN:
                self._notice(index, f"{where} is another at nodes {others} than here; others will decide who is right")
            case Verdict.TIED:
                self._notice(
                    index,
                    f"{where} is another at nodes {others} than here, and no majority has the same, so nobody stops: "
                    "stop all, keep their folders, and find out which is right",
                )
            case Verdict.EQUAL:
                if len(digests) == len(self.members):
                    self._notice(index, "")
        return None

    def _notice(self, index: int, text: str) -> None:
        if text and index >= self._noticed and text != self.notice:
            log.error("members differ", extra={"reason": text})
        if index >= self._noticed:
            self._noticed, self.notice = index, text
