"""Introductions: when a connection begins, each member sends a claim about its storage and judges that of the other.

A claim contains only facts that are on the disk already. The register is written when it changes: when members connect
for the first time, start again, or lose a connection; never for a request.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from quorate.membership.claim import Claim
from quorate.membership.directory import Directory
from quorate.membership.register import Acknowledged, Heard, Refused, Register, Verdict, Waiting, hear, waiting_for
from quorate.raft.configuration import NodeId
from quorate.raft_server.headroom import implausible_claim

log = logging.getLogger("quorate.membership")


class IntroducedServer(Protocol):
    """What introductions need of their server."""

    @property
    def position(self) -> tuple[int, int, int]:
        """The current term, and the index and the term of the last entry of the log."""
        ...

    def acknowledged(self, peer: NodeId) -> Acknowledged:
        """What `peer` has acknowledged to this server in the term that it leads; nothing if it isn't leader."""
        ...

    def step_down(self) -> None:
        """Become a follower, if this server is leader."""
        ...


class Introductions:
    """The introductions of one start of one storage; `save` makes a register durable, or raises OSError.

    `on_joined` is called when this member begins to take part, and `on_peer` with each peer that may exchange messages
    with it from now on, and its address. `directory` has the members as they are now, None if they never changed.
    """

    def __init__(
        self, register: Register, nonce: bytes, save: Callable[[Register], None], member: IntroducedServer
    ) -> None:
        self.register = register
        self._nonce = nonce
        self._save = save
        self._member = member
        self._claims: dict[NodeId, Claim] = {}
        self._refused: dict[NodeId, Refused] = {}
        self._waits: str | None = None
        self.on_joined: Callable[[], None] = lambda: None
        self.on_peer: Callable[[NodeId, str], None] = lambda _, __: None
        self.directory: Directory | None = None
        self._on_news: Callable[[], None] = lambda: None
        self._drop: Callable[[NodeId, str], None] = lambda _, __: None

    def connect(self, on_news: Callable[[], None], drop: Callable[[NodeId, str], None]) -> None:
        """Set the callbacks: `on_news` when members should connect again, `drop` when a peer's connections must end."""
        self._on_news, self._drop = on_news, drop
        self._log_waiting()

    def claim(self, peer: NodeId) -> Claim:
        """The current claim to `peer`."""
        refused = self._refused.get(peer)
        why = "" if refused is None or refused.theirs or not refused.blame else refused.why
        claim = self.register.claim(peer, self._nonce, self._member.position)
        return replace(claim, joined=self._takes_part, refusal=why)

    def hear(self, peer: NodeId, claim: Claim) -> Verdict:
        """Judge the claim of `peer`; None if messages may be exchanged with it from now on."""
        if (why := implausible_claim(self._member.position[0], claim)) is not None:
            false = Refused(f"node {peer} says what no node can have come to: {why}", blame=False)
            self._note(peer, false)
            return false
        if not claim.cluster_id and not claim.replaces and self._claims.get(peer) != claim:
            self._claims[peer] = claim
            self._on_news()
        self._remember(peer)
        heard = hear(self.register, peer, claim, self._claims, self.directory)
        verdict = heard.verdict
        if heard.register != self.register:
            try:
                self._save(heard.register)
            except OSError as error:
                verdict = Refused(f"what is known of the members can't be written: {error.strerror}", blame=False)
            else:
                self._follow(peer, heard)
        if verdict is None and claim.refusal:
            verdict = Refused(f"node {peer} refuses this node: {claim.refusal}", theirs=True)
        self._note(peer, verdict)
        if verdict is not None:
            return verdict
        if not self._takes_part:
            return Waiting("this node takes no part, since another refuses it")
        self.on_peer(peer, claim.address)
        return None

    def _follow(self, peer: NodeId, heard: Heard) -> None:
        """Act on a register that is on the disk."""
        begins = heard.register.joined and not self.register.joined
        self.register = heard.register
        self._on_news()
        if begins:
            self.on_joined()
        if heard.replaced:
            log.warning("the storage of a member is replaced by a new one", extra={"peer": peer})
            # Acknowledgements of the old storage must not be counted any more, and its messages must be dropped.
            self._member.step_down()
            self._drop(peer, "its storage was replaced")

    def lost(self, peer: NodeId) -> None:
        """Store how much `peer` has acknowledged so far."""
        before = self.register
        self._remember(peer)
        if self.register != before:
            try:
                self._save(self.register)
            except OSError as error:
                log.warning("what is known of the members can't be written", extra={"reason": error.strerror})

    @property
    def notices(self) -> Mapping[str, str]:
        """The notices for operators: the state of this storage, and what is wrong."""
        me = self.register
        notices = {
            "cluster_id": me.cluster_id.hex() or "none",
            "incarnation": me.incarnation.hex(),
            "starts": str(me.starts),
            "standing": "serves" if self._takes_part else "waits",
        }
        wrong = [refused.why for _, refused in sorted(self._refused.items())]
        if self._waits is not None and not any(refused.own for refused in self._refused.values()):
            wrong.insert(0, self._waits)
        return notices | {f"notice{number}": why for number, why in enumerate(dict.fromkeys(wrong), 1)}

    @property
    def _takes_part(self) -> bool:
        """Whether it is known to all others, and none of them misses anything that it has acknowledged."""
        return self.register.joined and not any(refused.theirs for refused in self._refused.values())

    def _step_aside(self, who: NodeId) -> None:
        """Take part with nobody, since `who` says that this storage isn't what it was."""
        self._member.step_down()
        for peer in self.register.peers:
            if peer != who:
                self._drop(peer, f"node {who} refuses this node")

    def _remember(self, peer: NodeId) -> None:
        record = self.register.peers.get(peer)
        if record is not None and self.register.joined:
            record = record.after(self._member.acknowledged(peer))
            self.register = replace(self.register, peers={**self.register.peers, peer: record})

    def _note(self, peer: NodeId, verdict: Verdict) -> None:
        """Record a verdict, and log a refusal once."""
        took_part = self._takes_part
        if isinstance(verdict, Refused):
            if self._refused.get(peer) != verdict:
                log.warning("peer refused", extra={"peer": peer, "reason": verdict.why})
            self._refused[peer] = verdict
        else:
            self._refused.pop(peer, None)
        if took_part and not self._takes_part:
            self._step_aside(peer)
        elif self._takes_part and not took_part:
            self._on_news()
        self._log_waiting()

    def _log_waiting(self) -> None:
        waits = waiting_for(self.register, self._claims)
        if waits != self._waits:
            self._waits = waits
            if waits is None:
                log.info("this node takes part", extra={"cluster_id": self.register.cluster_id.hex()})
            else:
                log.info("waiting", extra={"reason": waits})
