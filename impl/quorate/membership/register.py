"""The rules that tell one storage from another, as pure functions without disks or networks.

**Creation.** A created storage gets a random incarnation, and is *new*. When a new member has the claims of all others,
each new and with the same members, the cluster is *formed*: its identity is a digest of its name and all incarnations,
so all members compute the same. A new member that is known to a formed one takes over its identity.
A member takes part (*joined*) only when each other member of the same identity has claimed to remember its incarnation,
which that member claims only when the incarnation is on its disk.

**Why that is safe.** Only who has joined votes or acknowledges. From then on no other member takes another incarnation
for this one, whatever is lost here: a member that forms or takes over an identity anew is not known by this incarnation
to anybody, and stays out. So whoever votes twice in a term, or forgets what it acknowledged, has the incarnation of
another storage, and is refused.

**Replacement.** R's storage is lost, and R gets a new one. Every other member X notes the new incarnation on its disk,
at t_X, drops its connections to R, and steps down if it leads; afterwards X tells R its current term, c_X. With B the
greatest of them, R starts in term B + 1, and neither votes nor stands until its log has an entry of a term after B
(`restraint.py`). Then:

- R votes in no term twice. A vote of the old storage that anybody counted was for a term of at most B, for X counts
  none after t_X. A vote that nobody counted elected nobody. The new storage votes after B + 1 only.
- No entry that was acknowledged is lost. A leader that counts what the old storage acknowledged does so before t_X, in
  a term of at most B: after t_X it doesn't lead that term any more. So such an entry is committed by a majority Q of
  which R may be one. A leader of a term after B was elected after t_X by each of its voters; R was not among them, or
  had an entry of an earlier term after B. The first such leader's voters are others than R, and have a member in
  common with Q that isn't R; so, as in any Raft, it has all that was committed up to B. R's log equals a log of such a
  leader up to its entry of a term after B, so it holds all of that, too, when it votes again: from then on R is as
  good a voter as if nothing had been lost.

**Changes of members.** The founders are in the register. Who joins later is admitted by an entry of the log, which has
its storage's incarnation (`directory.py`), so it waits for nobody, and no other storage takes its place. From the first
change on a member with another id replaces a lost storage: R would ask the founders, who may not be the members now.

**An older copy** of a member's own storage is told by its count of starts, by the term, and by what a leader had seen
acknowledged, as far as others remember; what nobody remembers is not noticed. A log has for ever what was acknowledged
and committed. It has everything that was acknowledged as long as its term is the one in which it was, for a leader
never replaces its own log, and nobody else leads in its term. After a later term it may lack what wasn't committed: a
later leader may have replaced that, by entries of any earlier term, too. A member that is told by another that its
storage isn't what it was takes part with nobody: others may remember less, and what is lost here may be all that they
would have learned it from. It does until the one who said so says so no more, or it is started again.

All this is judged when a connection begins, and at no other time. A storage becomes another only by a start, since a
process that runs answers from its memory, which holds what it has acknowledged whatever becomes of its disk; and after
a start all connections are new. Later messages couldn't tell: an AppendEntriesReply names no request, and may be
repeated and overtaken, so a rejection of what was acknowledged is, as far as a leader can see, one of before that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from quorate.membership.claim import Claim
from quorate.membership.directory import Directory
from quorate.raft.configuration import NodeId


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A follower's acknowledgement to the leader of `term`: its log up to `match_index`; all 0 for nothing.

    `match_term` is the term of the entry at `match_index`, 0 if it isn't known. `index` is the committed part of that.
    """

    term: int = 0
    match_index: int = 0
    match_term: int = 0
    index: int = 0


@dataclass(frozen=True, slots=True)
class PeerRecord:
    """What a member remembers of another member's storage; `former` are incarnations that have been replaced.

    With `remembers` the other has this member's incarnation on its disk. In `term` the other acknowledged a log up to
    `match_index`, with an entry of `match_term` there. `index` is the last committed entry that it acknowledged in any
    term.
    """

    incarnation: bytes
    starts: int = 0
    nonce: bytes = b""
    remembers: bool = False
    term: int = 0
    match_index: int = 0
    match_term: int = 0
    index: int = 0
    former: tuple[bytes, ...] = ()

    def after(self, acknowledged: Acknowledged) -> "PeerRecord":
        """This record with one more acknowledgement: the later term counts, and in one term the greater index."""
        mine, other = ((a.term, a.match_index, a.match_term) for a in (self, acknowledged))
        term, match_index, match_term = max(mine, other)
        index = max(self.index, acknowledged.index)
        return replace(self, term=term, match_index=match_index, match_term=match_term, index=index)


@dataclass(frozen=True, slots=True)
class Register:
    """What a member has on its disk about itself and the others; the module's docstring explains the terms.

    `members` founded the cluster, this one among them; a member that joined it later has none there. `address` is where
    other nodes connect. `after_term` is the B of a storage that replaced a lost one, 0 of any other.
    """

    name: str
    node_id: NodeId
    members: tuple[NodeId, ...]
    incarnation: bytes
    starts: int = 0
    cluster_id: bytes = b""
    joined: bool = False
    replaces: bool = False
    after_term: int = 0
    peers: Mapping[NodeId, PeerRecord] = field(default_factory=dict)
    address: str = ""

    @property
    def others(self) -> tuple[NodeId, ...]:
        """All other founders; a member that joined waits for none of them, since an entry of the log admits it."""
        return tuple(member for member in self.members if member != self.node_id)

    def claim(self, to: NodeId, nonce: bytes, position: tuple[int, int, int]) -> Claim:
        """What this storage says of itself to a member; `position` is its term, and the last entry's index and term."""
        record = self.peers.get(to)
        term, last_index, last_term = position
        return Claim(
            members=self.members,
            cluster_id=self.cluster_id,
            incarnation=self.incarnation,
            starts=self.starts,
            nonce=nonce,
            joined=self.joined,
            replaces=self.replaces,
            remembers=b"" if record is None else record.incarnation,
            term=term,
            last_index=last_index,
            last_term=last_term,
            address=self.address,
        )

    @property
    def lacking(self) -> tuple[NodeId, ...]:
        """The other members that haven't claimed to remember this storage yet."""
        return tuple(m for m in self.others if (record := self.peers.get(m)) is None or not record.remembers)


@dataclass(frozen=True, slots=True)
class Waiting:
    """No messages may be exchanged with the peer yet, and nothing is wrong."""

    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The peer, or this member (`own`), has a wrong storage; `why` is one line that says what to do.

    With `theirs` only the peer refuses. Such a refusal isn't sent back, or two members would refuse each other for
    ever. Nor is a reason sent that is no `blame` of the peer's storage, for which the peer shouldn't stop.
    """

    why: str
    own: bool = False
    theirs: bool = False
    blame: bool = True


Verdict = Waiting | Refused | None


@dataclass(frozen=True, slots=True)
class Heard:
    """The register after one claim, and the verdict; with `replaced` the peer has a new storage."""

    register: Register
    verdict: Verdict
    replaced: bool = False


def hear(
    me: Register, peer: NodeId, claim: Claim, claims: Mapping[NodeId, Claim], directory: Directory | None = None
) -> Heard:
    """The effect of a claim of `peer` on this member; `claims` are the latest of new members, this one included.

    `directory` has who is a member now, if the members have ever changed.
    """
    me = _with_directory(me, peer, claim, directory)
    wrong = _wrong(me, peer, claim) or (None if directory is None else _wrong_by(directory, peer, claim))
    if wrong is not None:
        return Heard(me, wrong)
    if claim.replaces:
        return _hear_replacement(me, peer, claim)
    if not claim.cluster_id:
        return _hear_new(me, peer, claim, claims)
    if not me.cluster_id:
        if claim.remembers != me.incarnation:
            return Heard(me, Waiting(f"node {peer} doesn't know this node's storage yet"))
        me = replace(me, cluster_id=claim.cluster_id)
    return _hear_formed(me, peer, claim)


def cluster_id_of(name: str, incarnations: Mapping[NodeId, bytes]) -> bytes:
    """The identity of the cluster of this name that these storages form."""
    digest = sha256(f"{len(name)} {name} ".encode())
    for member, incarnation in sorted(incarnations.items()):
        digest.update(b"%d %s " % (member, incarnation.hex().encode()))
    return digest.digest()[:16]


def form(me: Register, incarnations: Mapping[NodeId, bytes]) -> Register:
    """The register of this member after these storages, including its own, have formed a cluster."""
    peers = {member: PeerRecord(incarnations[member]) for member in me.others}
    return replace(me, cluster_id=cluster_id_of(me.name, incarnations), peers=peers, joined=not me.others)


def show_members(members: tuple[NodeId, ...]) -> str:
    """A list of members as text."""
    return ", ".join(str(member) for member in members)


def _wrong(me: Register, peer: NodeId, claim: Claim) -> Refused | None:
    """The reason to refuse a claim, None if there is none."""
    if claim.members != me.members and not (me.cluster_id and claim.cluster_id):
        return Refused(
            f"node {peer} was started with the members {show_members(claim.members)}, this node with "
            f"{show_members(me.members)}: give all nodes the same list; `quorate members` changes the members of a "
            "cluster that serves"
        )
    if me.cluster_id and claim.cluster_id and me.cluster_id != claim.cluster_id:
        return Refused(
            f"node {peer} has a folder of the cluster {claim.cluster_id.hex()[:8]}, this node one of "
            f"{me.cluster_id.hex()[:8]}: one of the two is of an earlier cluster; give each node its folder of this one"
        )
    if claim.remembers and claim.remembers != me.incarnation and claim.cluster_id and not me.replaces:
        return Refused(
            f"node {peer} remembers another storage of this node than the one here, which was emptied or replaced: it "
            "neither votes nor acknowledges; start the node with its former folder, or, if that is lost, run "
            "`quorate replace`",
            own=True,
        )
    return _wrong_storage(peer, None if me.replaces else me.peers.get(peer), claim)


def _with_directory(me: Register, peer: NodeId, claim: Claim, directory: Directory | None) -> Register:
    """The register without another storage that posed as `peer` before this member had the entry that admits it."""
    contact = None if directory is None else directory.contacts.get(peer)
    record = me.peers.get(peer)
    if contact is None or record is None or contact.incarnation != claim.incarnation != record.incarnation:
        return me
    return _with(me, peer, PeerRecord(claim.incarnation))


def _wrong_by(directory: Directory, peer: NodeId, claim: Claim) -> Refused | None:
    """The reason to refuse a claim since the members have changed, None if there is none."""
    if claim.replaces:
        return Refused(
            "the members have changed since the cluster began, so a new storage needs a new id: join another node, and "
            f"replace node {peer} by it (`quorate members replace`)",
            blame=False,
        )
    contact = directory.contacts.get(peer)
    if contact is None:
        if peer >= directory.next_id:
            return None  # it may have joined by an entry that this member hasn't received
        return Refused(f"node {peer} was removed from the cluster: stop it; it may join again as a new node")
    if contact.incarnation and contact.incarnation != claim.incarnation:
        return Refused(
            f"the storage of node {peer} isn't the one that joined: start it with its former folder, or, if that is "
            "lost, join another node and replace this one by it (`quorate members replace`)"
        )
    return None


def _wrong_storage(peer: NodeId, record: PeerRecord | None, claim: Claim) -> Refused | None:
    if record is None:
        return None
    if claim.incarnation in record.former:
        return Refused(f"the storage of node {peer} was replaced by another, and counts no more: stop that node")
    if claim.incarnation != record.incarnation:
        if claim.replaces:
            return None
        return Refused(
            f"the storage of node {peer} isn't the one that it had, and may lack what it has acknowledged: start it "
            "with its former folder, or, if that is lost, run `quorate replace` there"
        )
    if (why := _why_older(record, claim)) is None:
        return None
    return Refused(
        f"the storage of node {peer} is an older copy ({why}): start it with its latest folder, or, if that is lost, "
        "empty the folder and run `quorate replace` there"
    )


def _why_older(record: PeerRecord, claim: Claim) -> str | None:
    """What a restarted storage lacks, as far as this member remembers; None if nothing."""
    is_older = claim.starts < record.starts or (claim.starts == record.starts and claim.nonce != record.nonce)
    if is_older and record.starts:
        return f"start {claim.starts} after start {record.starts}"
    if claim.nonce == record.nonce:
        # A running process lacks nothing, though its claim may arrive after an acknowledgement that it sent later.
        return None
    if claim.term < record.term:
        return f"term {claim.term} after term {record.term}"
    if claim.last_index < record.index:
        return f"a log up to {claim.last_index}, which had been acknowledged up to {record.index}"
    # Entries that were acknowledged in this term can't have been replaced, committed or not.
    if claim.term == record.term and (claim.last_index < record.match_index or claim.last_term < record.match_term):
        return (
            f"a log up to {claim.last_index} of term {claim.last_term}, which had been acknowledged up to "
            f"{record.match_index} of term {record.match_term}"
        )
    return None


def _hear_new(me: Register, peer: NodeId, claim: Claim, claims: Mapping[NodeId, Claim]) -> Heard:
    """The effect of a new member's claim: the cluster is formed, or the member must take over its identity first."""
    record = me.peers.get(peer)
    if me.cluster_id:
        # An unknown peer: this member took over the identity from another member, and takes part only if all remember
        # it.
        me = _with(me, peer, record or PeerRecord(claim.incarnation))
        return Heard(me, Waiting(f"node {peer} has yet to take over the cluster's identity"))
    if me.replaces:
        return Heard(me, Waiting(f"node {peer} is new: a storage is replaced in a cluster that was formed"))
    absent = tuple(member for member in me.others if member not in claims)
    if absent:
        return Heard(me, Waiting(_forming(absent)))
    storages = {member: claims[member].incarnation for member in me.others} | {me.node_id: me.incarnation}
    return Heard(form(me, storages), Waiting("the cluster has just been formed"))


def _forming(absent: tuple[NodeId, ...]) -> str:
    return (
        f"a new cluster starts once all its members have been heard; not yet: {show_members(absent)} "
        "(`quorate create` makes folders for a cluster that may start with fewer)"
    )


def waiting_for(me: Register, claims: Mapping[NodeId, Claim]) -> str | None:
    """Why this member doesn't take part yet, None if it does."""
    if me.joined:
        return None
    if not me.cluster_id:
        return _forming(tuple(member for member in me.others if member not in claims) or me.others)
    return f"the cluster is formed, and starts here once all members have noted so; not yet: {show_members(me.lacking)}"


def _hear_replacement(me: Register, peer: NodeId, claim: Claim) -> Heard:
    record = me.peers.get(peer)
    if not me.joined or record is None:
        return Heard(me, Waiting("this node takes no part yet, so that it can't vouch for a replacement"))
    if claim.incarnation == record.incarnation:
        return Heard(me, Waiting(f"the new storage of node {peer} is noted"))
    former = (*record.former, record.incarnation)
    me = _with(me, peer, PeerRecord(claim.incarnation, former=former))
    return Heard(me, Waiting(f"the new storage of node {peer} is noted"), replaced=True)


def _hear_formed(me: Register, peer: NodeId, claim: Claim) -> Heard:
    record = me.peers.get(peer) or PeerRecord(claim.incarnation)
    remembers = claim.remembers == me.incarnation and (claim.joined or not me.replaces)
    record = replace(
        record,
        starts=claim.starts,
        nonce=claim.nonce,
        remembers=record.remembers or remembers,
        term=max(record.term, claim.term) if me.replaces else record.term,
    )
    me = _with(me, peer, record)
    if not me.joined and not me.lacking:
        greatest = max((record.term for record in me.peers.values()), default=0) if me.replaces else 0
        peers = {member: replace(record, term=0) for member, record in me.peers.items()}
        me = replace(me, joined=True, replaces=False, after_term=greatest, peers=peers)
    if not me.joined:
        return Heard(me, Waiting(f"not all members have noted this storage yet: {show_members(me.lacking)}"))
    if not claim.joined:
        return Heard(me, Waiting(f"node {peer} takes no part yet"))
    return Heard(me, None)


def _with(me: Register, peer: NodeId, record: PeerRecord) -> Register:
    return replace(me, peers={**me.peers, peer: record})
