------------------------------- MODULE Raft -------------------------------
(***************************************************************************)
(* Raft, as in "In Search of an Understandable Consensus Algorithm         *)
(* (Extended Version)" by Ongaro and Ousterhout, 2014; sections are cited  *)
(* as §5.4.  §9.6, §6.4, §4.2.3, §3.10, and §6.2 where it is said, are of   *)
(* Ongaro's dissertation (2014).  actions.py holds the same actions, under *)
(* the same names and in the same order, in Python.  There are no bounds   *)
(* here: MCRaft.tla has them.                                              *)
(*                                                                         *)
(* Deviations from the paper:                                              *)
(*  - A call and its reply are two messages; a reply is distinguished from *)
(*    an older one by its term and its index.                              *)
(*  - Time is left out: a timeout may happen whenever its action is        *)
(*    enabled, and a server may refuse a pre-vote, ignore a request for    *)
(*    its vote or step down for no visible reason.                         *)
(*  - After a mismatch the leader may go back to any earlier index that    *)
(*    isn't acknowledged; the paper decrements, or follows a hint (§5.3).  *)
(*  - A snapshot travels whole, one that is behind the receiver's commit   *)
(*    index changes nothing, and it stands for the entries that it covers: *)
(*    log[i] stays complete, snapshotIndex[i] says how much is compacted.  *)
(*  - Pre-vote (§9.6) is there, but no election depends on it.             *)
(*  - Reads (§8) are those of §6.4, and many share a round.  What clients  *)
(*    read isn't modelled, only the index up to which it is committed.     *)
(*  - Membership changes (§6) are those of the dissertation's chapter 4    *)
(*    with its erratum: a change of at most one voter is direct.  How far  *)
(*    a learner has to catch up is left out, as time is, and where members *)
(*    are reached: if only that changes, the members are the same.         *)
(*  - Transfers of leadership are those of §3.10.  Who may have a leader   *)
(*    may ignore requests, and may ignore a TimeoutNow, since it may not   *)
(*    know that the sender leads.                                          *)
(*                                                                         *)
(* A write may reach the disk late; until then votes, requests for votes   *)
(* and acknowledgements wait, and a leader doesn't count itself.  StallDisk*)
(* says all that this can show.  A message that waits for its write is no  *)
(* different from one that left after a write that was done at once and    *)
(* that the network delays, and no commit index has to advance at once.    *)
(* Only a crash tells: it loses the writes from some point on, with all    *)
(* that waited for them.  StallDisk is that point, chosen before the first *)
(* of them: from there on nothing reaches the disk and what waits never    *)
(* leaves, until Restart begins with what the disk has.  A disk that has   *)
(* stalled and isn't restarted is one that hangs.                          *)
(*                                                                         *)
(* Deviations from Ongaro's raft.tla and its descendants:                  *)
(*  - messages is a set: a duplicated message is one that is received and  *)
(*    stays in the set (Answer).                                           *)
(*  - Appending removes and adds entries in one action, and replaces       *)
(*    nothing unless there is a conflict.                                  *)
(*  - A variable that a role doesn't need has a fixed value, so that       *)
(*    servers with the same behaviour are equal.                           *)
(*  - All history is per server: led, applied and answered.                *)
(***************************************************************************)
EXTENDS Naturals, FiniteSets, Sequences

CONSTANTS
    Server,     \* All servers, also those that are to join the cluster.
    Voters,     \* The servers that found the cluster,
    Learners,   \* and those that receive entries from the beginning and have no vote.
    Value,      \* The values that clients may request.
    NoOpValue,  \* The value of an entry with which a leader may begin its term (§8).
    Nil         \* No server.

(***************************************************************************)
(* messages is the set of messages in flight.  Each other variable is a    *)
(* function of the server, grouped as in Figure 2.                         *)
(*                                                                         *)
(* On disk before a message that depends on it is sent:                    *)
(*   currentTerm    the latest term it has seen.                           *)
(*   votedFor       the server it voted for in that term, or Nil.          *)
(*   log            its entries, from index 1, [term, value, config] each; *)
(*                  config is the configuration that begins there, or Nil. *)
(*   snapshotIndex  the last index that it has compacted (§7), or 0.       *)
(*   disk           if its disk has stalled, what is on it: the values that *)
(*                  these four had, else Nil: the disk has the four.       *)
(* Lost in a restart:                                                      *)
(*   role           its role in its current term.                          *)
(*   commitIndex    the last index that it knows to be committed.          *)
(*   votesGranted   a (pre-)candidate's voters, else the empty set.        *)
(*   nextIndex      a leader's next index to send to each server, else 1.  *)
(*   matchIndex     how far a leader knows each log to be its own, else 0. *)
(*   readRound      the last round of reads of a leader's term, else 0.    *)
(*   readIndex      its commit index when that round began; 0 if it ended. *)
(*   confirmedBy    who has confirmed that round; {} if it has ended.      *)
(*   transferTarget to whom a leader transfers its leadership, or Nil.     *)
(* History, which no guard and no other variable depends on:               *)
(*   led            the terms that it has led.                             *)
(*   applied        the entries it has ever known to be committed, as      *)
(*                  [term, value, config, by], where by is its term when   *)
(*                  it first knew.                                         *)
(*   answered       the rounds of reads that it has ended, as              *)
(*                  [term, round, index]: clients read at index.           *)
(*                                                                         *)
(* A message has mtype, msource, mdest, mterm, and by its mtype:           *)
(*   PreVote, RequestVote            mlastLogIndex, mlastLogTerm           *)
(*   RequestVote           mtransfer: the leader asked the sender to stand *)
(*   PreVoteReply, RequestVoteReply  mvoteGranted                          *)
(*   AppendEntries         mprevLogIndex, mprevLogTerm, mentries,          *)
(*                         mleaderCommit                                   *)
(*   AppendEntriesReply    msuccess; mmatchIndex (up to which the logs     *)
(*                         agree) or mprevLogIndex (where they differ);    *)
(*                         the other is 0                                  *)
(*   InstallSnapshot       msnapshot, the entries that it replaces         *)
(*   InstallSnapshotReply  mmatchIndex                                     *)
(*   ConfirmLeadership, LeadershipConfirmed  mround                        *)
(*   TimeoutNow            nothing else                                    *)
(***************************************************************************)
VARIABLES messages, currentTerm, votedFor, log, snapshotIndex, disk, role, commitIndex, votesGranted, nextIndex,
          matchIndex, readRound, readIndex, confirmedBy, transferTarget, led, applied, answered

\* Short names for the variables that an action leaves unchanged.
lasting  == <<currentTerm, votedFor, log, snapshotIndex, disk>>
progress == <<nextIndex, matchIndex>>
reads    == <<readRound, readIndex, confirmedBy>>
duties   == <<readRound, readIndex, confirmedBy, transferTarget>>
history  == <<led, applied, answered>>
servers  == <<currentTerm, votedFor, log, snapshotIndex, disk, role, commitIndex, votesGranted, nextIndex, matchIndex,
              readRound, readIndex, confirmedBy, transferTarget, led, applied, answered>>
vars     == <<messages, servers>>

-----------------------------------------------------------------------------
(* Helpers *)

Follower     == "follower"
PreCandidate == "pre-candidate"
Candidate    == "candidate"
Leader       == "leader"

Min(a, b) == IF a < b THEN a ELSE b
Max(a, b) == IF a > b THEN a ELSE b

\* The configuration before the log of server i has one; a server that is to join knows no member yet.
FirstConfig(i) ==
    IF i \in Voters \cup Learners THEN [voters |-> Voters, outgoing |-> {}, learners |-> Learners]
    ELSE [voters |-> {}, outgoing |-> {}, learners |-> {}]

\* The indices at which a log has configurations, and the last of them, or 0.
Changes(entries) == {n \in 1..Len(entries) : entries[n].config # Nil}
LastChange(entries) ==
    IF Changes(entries) = {} THEN 0 ELSE CHOOSE n \in Changes(entries) : \A k \in Changes(entries) : k <= n

\* The configuration that is in force on server i: the latest in its log, committed or not (§6).
Config(i) == IF LastChange(log[i]) = 0 THEN FirstConfig(i) ELSE log[i][LastChange(log[i])].config

\* Who has a vote, and who gets the log.
VotersOf(config)  == config.voters \cup config.outgoing
MembersOf(config) == VotersOf(config) \cup config.learners

\* More than half of these servers are in a group; any two such groups have a server in common (§5.2).
IsMajority(group, these) == 2 * Cardinality(group \cap these) > Cardinality(these)

\* A majority of the voters is in a group and, in a joint phase, one of the outgoing voters (§6).
IsQuorum(group, config) ==
    /\ IsMajority(group, config.voters)
    /\ config.outgoing = {} \/ IsMajority(group, config.outgoing)

\* The term of entry n of a log; index 0 is before everything, in term 0.
TermAt(entries, n) == IF n = 0 THEN 0 ELSE entries[n].term

\* Whether the sender's log is at least as complete as that of server i (§5.4.1).
UpToDate(i, m) ==
    LET lastTerm == TermAt(log[i], Len(log[i])) IN
    \/ m.mlastLogTerm > lastTerm
    \/ m.mlastLogTerm = lastTerm /\ m.mlastLogIndex >= Len(log[i])

\* Whether a log has an entry of this term at this index.
Has(entries, n, term) == n <= Len(entries) /\ TermAt(entries, n) = term

\* A log with new entries after index prev: equal ones stay, a conflicting one and all after it are replaced (§5.3).
Merged(entries, prev, new) ==
    IF \A k \in 1..Len(new) : Has(entries, prev + k, new[k].term)
    THEN entries
    ELSE SubSeq(entries, 1, prev) \o new

\* applied[i] after server i learns that the first n of these entries are committed.
Learned(i, entries, n) ==
    LET known == Len(applied[i]) IN
    IF n <= known THEN applied[i]
    ELSE applied[i] \o [k \in 1..(n - known) |->
            [term |-> entries[known + k].term, value |-> entries[known + k].value,
             config |-> entries[known + k].config, by |-> currentTerm[i]]]

\* What server i has in memory of that which it must not forget.
Memory(i) == [currentTerm |-> currentTerm[i], votedFor |-> votedFor[i], log |-> log[i],
              snapshotIndex |-> snapshotIndex[i]]

\* Whether the disk of server i has stalled: nothing reaches it any more.
Stalled(i) == disk[i] # Nil

\* What is on the disk of server i: all of its memory if the disk hasn't stalled.
OnDisk(i) == IF Stalled(i) THEN disk[i] ELSE Memory(i)

\* Those of the messages of server i that leave, if they vouch for its disk.
WhenDurable(i, replies) == IF Stalled(i) THEN {} ELSE replies

\* Whether the disk of candidate i has its own vote; if others voted for it, it has.
VoteIsDurable(i) == OnDisk(i).currentTerm = currentTerm[i]

\* Server i is a follower, and the variables of other roles have their initial values.
BeFollower(i) ==
    /\ role' = [role EXCEPT ![i] = Follower]
    /\ votesGranted' = [votesGranted EXCEPT ![i] = {}]
    /\ nextIndex' = [nextIndex EXCEPT ![i] = [j \in Server |-> 1]]
    /\ matchIndex' = [matchIndex EXCEPT ![i] = [j \in Server |-> 0]]
    /\ readRound' = [readRound EXCEPT ![i] = 0]
    /\ readIndex' = [readIndex EXCEPT ![i] = 0]
    /\ confirmedBy' = [confirmedBy EXCEPT ![i] = {}]
    /\ transferTarget' = [transferTarget EXCEPT ![i] = Nil]

\* Leader i learns that j has its log up to index n; an older reply never lowers the index (§5.3).
Acknowledge(i, j, n) ==
    /\ matchIndex' = [matchIndex EXCEPT ![i][j] = Max(@, n)]
    /\ nextIndex' = [nextIndex EXCEPT ![i][j] = Max(@, n + 1)]

\* Leader i appends a configuration: who stays keeps its progress, who is new has none (§6).
Reconfigure(i, config) ==
    LET old == MembersOf(Config(i))
        new == MembersOf(config)
    IN
    /\ log' = [log EXCEPT ![i] = Append(@, [term |-> currentTerm[i], value |-> NoOpValue, config |-> config])]
    /\ nextIndex' = [nextIndex EXCEPT ![i] = [j \in Server |->
                         IF j \notin new \/ j = i THEN 1 ELSE IF j \in old THEN @[j] ELSE Len(log[i]) + 1]]
    /\ matchIndex' = [matchIndex EXCEPT ![i] = [j \in Server |-> IF j \in old \cap new THEN @[j] ELSE 0]]

\* Whether m asks about a term that its sender hasn't entered (§9.6).
Hypothetical(m) == m.mtype = "PreVote" \/ (m.mtype = "PreVoteReply" /\ m.mvoteGranted)

\* Whether m shows server i a term that it must enter before it does anything else with m (§5.1).
ShowsNewTerm(i, m) == m.mterm > currentTerm[i] /\ ~Hypothetical(m)

\* Whether m is a reply.
IsReply(m) == m.mtype \in {"PreVoteReply", "RequestVoteReply", "AppendEntriesReply", "InstallSnapshotReply",
                          "LeadershipConfirmed"}

\* Whether server i still waits for reply m: it is in the role, the term and the round in which it sent the request.
Awaited(i, m) ==
    CASE m.mtype = "PreVoteReply" ->
            role[i] = PreCandidate /\ m.mterm = (IF m.mvoteGranted THEN currentTerm[i] + 1 ELSE currentTerm[i])
      [] m.mtype = "RequestVoteReply" -> role[i] = Candidate /\ m.mterm = currentTerm[i]
      [] m.mtype \in {"AppendEntriesReply", "InstallSnapshotReply"} ->
            role[i] = Leader /\ m.mterm = currentTerm[i] /\ m.msource \in MembersOf(Config(i))
      [] m.mtype = "LeadershipConfirmed" ->
            m.mterm = currentTerm[i] /\ m.mround = readRound[i] /\ confirmedBy[i] # {}

\* A message enters the network.  It is a set: to send a message that is in flight changes nothing.
Send(m) == messages' = messages \cup {m}

\* Message m is received and answered.  It leaves the network unless the network duplicates it.
Answer(m, replies) ==
    \/ messages' = (messages \ {m}) \cup replies
    \/ messages' = messages \cup replies

-----------------------------------------------------------------------------
(* The beginning *)

Init ==
    /\ messages = {}
    /\ currentTerm = [i \in Server |-> 0]
    /\ votedFor = [i \in Server |-> Nil]
    /\ log = [i \in Server |-> << >>]
    /\ snapshotIndex = [i \in Server |-> 0]
    /\ disk = [i \in Server |-> Nil]
    /\ role = [i \in Server |-> Follower]
    /\ commitIndex = [i \in Server |-> 0]
    /\ votesGranted = [i \in Server |-> {}]
    /\ nextIndex = [i \in Server |-> [j \in Server |-> 1]]
    /\ matchIndex = [i \in Server |-> [j \in Server |-> 0]]
    /\ readRound = [i \in Server |-> 0]
    /\ readIndex = [i \in Server |-> 0]
    /\ confirmedBy = [i \in Server |-> {}]
    /\ transferTarget = [i \in Server |-> Nil]
    /\ led = [i \in Server |-> {}]
    /\ applied = [i \in Server |-> << >>]
    /\ answered = [i \in Server |-> {}]

-----------------------------------------------------------------------------
(* Elections (§5.2, §5.4.1; pre-vote: §9.6) *)

\* The election timeout of voter i elapses, and it asks first whether it could win an election (§9.6).
BecomePreCandidate(i) ==
    /\ role[i] # Leader
    /\ i \in VotersOf(Config(i))
    /\ role' = [role EXCEPT ![i] = PreCandidate]
    /\ votesGranted' = [votesGranted EXCEPT ![i] = {i}]
    /\ UNCHANGED <<messages, lasting, commitIndex, progress, duties, history>>

\* Pre-candidate i asks j whether it would vote for i in the next term, which i doesn't enter yet (§9.6).
RequestPreVote(i, j) ==
    /\ role[i] = PreCandidate
    /\ j \in VotersOf(Config(i))
    /\ j \notin votesGranted[i]
    /\ Send([mtype |-> "PreVote", msource |-> i, mdest |-> j, mterm |-> currentTerm[i] + 1,
             mlastLogIndex |-> Len(log[i]), mlastLogTerm |-> TermAt(log[i], Len(log[i]))])
    /\ UNCHANGED servers

\* Server i answers a pre-vote and changes nothing; it may always refuse, as if it knew a live leader (§9.6).
HandlePreVoteRequest(i, m) ==
    /\ m.mtype = "PreVote"
    /\ \/ /\ m.mterm > currentTerm[i]
          /\ UpToDate(i, m)
          /\ Answer(m, {[mtype |-> "PreVoteReply", msource |-> i, mdest |-> m.msource, mterm |-> m.mterm,
                         mvoteGranted |-> TRUE]})
       \/ Answer(m, {[mtype |-> "PreVoteReply", msource |-> i, mdest |-> m.msource, mterm |-> currentTerm[i],
                      mvoteGranted |-> FALSE]})
    /\ UNCHANGED servers

\* Pre-candidate i counts a pre-vote.
HandlePreVoteReply(i, m) ==
    /\ m.mtype = "PreVoteReply"
    /\ Awaited(i, m)
    /\ votesGranted' = [votesGranted EXCEPT ![i] = IF m.mvoteGranted THEN @ \cup {m.msource} ELSE @]
    /\ Answer(m, {})
    /\ UNCHANGED <<lasting, role, commitIndex, progress, duties, history>>

\* The election timeout of voter i elapses: it becomes a candidate in a new term, and votes for itself (§5.2).
Timeout(i) ==
    /\ role[i] # Leader
    /\ i \in VotersOf(Config(i))
    /\ currentTerm' = [currentTerm EXCEPT ![i] = @ + 1]
    /\ votedFor' = [votedFor EXCEPT ![i] = i]
    /\ role' = [role EXCEPT ![i] = Candidate]
    /\ votesGranted' = [votesGranted EXCEPT ![i] = {i}]
    /\ UNCHANGED <<messages, log, snapshotIndex, disk, commitIndex, progress, duties, history>>

\* Candidate i asks j for its vote, once its disk has its own (§5.2).
RequestVote(i, j) ==
    /\ role[i] = Candidate
    /\ j \in VotersOf(Config(i))
    /\ j \notin votesGranted[i]
    /\ ~Stalled(i)
    /\ Send([mtype |-> "RequestVote", msource |-> i, mdest |-> j, mterm |-> currentTerm[i],
             mlastLogIndex |-> Len(log[i]), mlastLogTerm |-> TermAt(log[i], Len(log[i])), mtransfer |-> FALSE])
    /\ UNCHANGED servers

\* Server i votes once in a term, and only for a log at least as complete as its own (§5.2, §5.4.1).
HandleRequestVote(i, m) ==
    /\ m.mtype = "RequestVote"
    /\ m.mterm = currentTerm[i]
    /\ LET granted == votedFor[i] \in {Nil, m.msource} /\ UpToDate(i, m) IN
       /\ votedFor' = [votedFor EXCEPT ![i] = IF granted THEN m.msource ELSE @]
       /\ Answer(m, WhenDurable(i, {[mtype |-> "RequestVoteReply", msource |-> i, mdest |-> m.msource,
                                     mterm |-> currentTerm[i], mvoteGranted |-> granted]}))
    /\ UNCHANGED <<currentTerm, log, snapshotIndex, disk, role, commitIndex, votesGranted, progress, duties, history>>

\* Server i, which may have a leader, ignores a request of a later term that this leader didn't ask for (§4.2.3).
IgnoreRequestVote(i, m) ==
    /\ m.mtype = "RequestVote"
    /\ ~m.mtransfer
    /\ m.mterm > currentTerm[i]
    /\ role[i] \in {Follower, Leader}
    /\ Answer(m, {})
    /\ UNCHANGED servers

\* Candidate i counts a voter once, however many replies it receives (§5.2).
HandleRequestVoteReply(i, m) ==
    /\ m.mtype = "RequestVoteReply"
    /\ Awaited(i, m)
    /\ votesGranted' = [votesGranted EXCEPT ![i] = IF m.mvoteGranted THEN @ \cup {m.msource} ELSE @]
    /\ Answer(m, {})
    /\ UNCHANGED <<lasting, role, commitIndex, progress, duties, history>>

\* Candidate i has the votes of a quorum: it leads, and doesn't know the others' logs yet (§5.2, §5.3).
BecomeLeader(i) ==
    /\ role[i] = Candidate
    /\ IsQuorum(votesGranted[i], Config(i))
    /\ VoteIsDurable(i)
    /\ role' = [role EXCEPT ![i] = Leader]
    /\ votesGranted' = [votesGranted EXCEPT ![i] = {}]
    /\ nextIndex' = [nextIndex EXCEPT ![i] = [j \in Server |->
                         IF j \in MembersOf(Config(i)) \ {i} THEN Len(log[i]) + 1 ELSE 1]]
    /\ led' = [led EXCEPT ![i] = @ \cup {currentTerm[i]}]
    /\ UNCHANGED <<messages, lasting, commitIndex, matchIndex, duties, applied, answered>>

\* Leader i steps down within its term, for instance because no majority replies (dissertation §6.2).
StepDown(i) ==
    /\ role[i] = Leader
    /\ BeFollower(i)
    /\ UNCHANGED <<messages, lasting, commitIndex, history>>

-----------------------------------------------------------------------------
(* Replication and commitment (§5.3, §5.4.2) *)

\* Leader i appends a client's value, or a no-op, to its own log, unless it transfers its leadership (§5.3, §8).
ClientRequest(i, v) ==
    /\ role[i] = Leader
    /\ transferTarget[i] = Nil
    /\ log' = [log EXCEPT ![i] = Append(@, [term |-> currentTerm[i], value |-> v, config |-> Nil])]
    /\ UNCHANGED <<messages, currentTerm, votedFor, snapshotIndex, disk, role, commitIndex, votesGranted, progress,
                   duties, history>>

\* Leader i sends j the k entries from nextIndex on; with k = 0 it is a heartbeat (§5.3).
AppendEntries(i, j, k) ==
    /\ role[i] = Leader
    /\ j \in MembersOf(Config(i)) \ {i}
    /\ nextIndex[i][j] > snapshotIndex[i]
    /\ nextIndex[i][j] + k <= Len(log[i]) + 1
    /\ LET prev == nextIndex[i][j] - 1 IN
       Send([mtype |-> "AppendEntries", msource |-> i, mdest |-> j, mterm |-> currentTerm[i],
             mprevLogIndex |-> prev, mprevLogTerm |-> TermAt(log[i], prev),
             mentries |-> SubSeq(log[i], prev + 1, prev + k), mleaderCommit |-> commitIndex[i]])
    /\ UNCHANGED servers

\* Server i follows; if the logs agree before the new entries, it appends and acknowledges them (§5.3).
HandleAppendEntries(i, m) ==
    /\ m.mtype = "AppendEntries"
    /\ m.mterm = currentTerm[i]
    /\ role[i] # Leader
    /\ BeFollower(i)
    /\ LET agrees   == Has(log[i], m.mprevLogIndex, m.mprevLogTerm)
           verified == m.mprevLogIndex + Len(m.mentries)
           entries  == IF agrees THEN Merged(log[i], m.mprevLogIndex, m.mentries) ELSE log[i]
           commit   == IF agrees THEN Max(commitIndex[i], Min(m.mleaderCommit, verified)) ELSE commitIndex[i]
       IN
       /\ log' = [log EXCEPT ![i] = entries]
       /\ commitIndex' = [commitIndex EXCEPT ![i] = commit]
       /\ applied' = [applied EXCEPT ![i] = Learned(i, entries, commit)]
       /\ Answer(m, WhenDurable(i, {[mtype |-> "AppendEntriesReply", msource |-> i, mdest |-> m.msource,
                                     mterm |-> currentTerm[i], msuccess |-> agrees,
                                     mmatchIndex |-> IF agrees THEN verified ELSE 0,
                                     mprevLogIndex |-> IF agrees THEN 0 ELSE m.mprevLogIndex]}))
    /\ UNCHANGED <<currentTerm, votedFor, snapshotIndex, disk, led, answered>>

\* Leader i learns how far a log agrees, or tries an earlier index; a stale refusal changes nothing (§5.3).
HandleAppendEntriesReply(i, m) ==
    /\ m.mtype = "AppendEntriesReply"
    /\ Awaited(i, m)
    /\ LET j     == m.msource
           prev  == m.mprevLogIndex
           fresh == prev = nextIndex[i][j] - 1 /\ prev > matchIndex[i][j]
       IN
       IF m.msuccess THEN Acknowledge(i, j, m.mmatchIndex)
       ELSE /\ \E n \in (IF fresh THEN (matchIndex[i][j] + 1)..prev ELSE {nextIndex[i][j]}) :
                   nextIndex' = [nextIndex EXCEPT ![i][j] = n]
            /\ UNCHANGED matchIndex
    /\ Answer(m, {})
    /\ UNCHANGED <<lasting, role, commitIndex, votesGranted, duties, history>>

\* Leader i knows that a majority has an entry of its term on disk: it and all before are committed (§5.3, §5.4.2).
AdvanceCommitIndex(i) ==
    /\ role[i] = Leader
    /\ \E n \in (commitIndex[i] + 1)..Len(log[i]) :
       /\ log[i][n].term = currentTerm[i]
       /\ IsQuorum({j \in Server : IF j = i THEN Has(OnDisk(i).log, n, currentTerm[i]) ELSE matchIndex[i][j] >= n},
                   Config(i))
       /\ commitIndex' = [commitIndex EXCEPT ![i] = n]
       /\ applied' = [applied EXCEPT ![i] = Learned(i, log[i], n)]
    /\ UNCHANGED <<messages, lasting, role, votesGranted, progress, duties, led, answered>>

-----------------------------------------------------------------------------
(* Membership (§6; chapter 4 of the dissertation, and its erratum of 2015) *)

\* Leader i begins a change of the members: directly if at most one voter comes or goes, else jointly (§6).
ChangeMembers(i, newVoters, newLearners) ==
    LET old     == Config(i)
        changed == (newVoters \ old.voters) \cup (old.voters \ newVoters)
        new     == [voters |-> newVoters, outgoing |-> IF Cardinality(changed) <= 1 THEN {} ELSE old.voters,
                    learners |-> newLearners]
    IN
    /\ role[i] = Leader
    /\ transferTarget[i] = Nil
    /\ old.outgoing = {}
    /\ LastChange(log[i]) <= commitIndex[i]
    /\ commitIndex[i] > 0
    /\ log[i][commitIndex[i]].term = currentTerm[i]
    /\ newVoters # {}
    /\ newVoters \cap newLearners = {}
    /\ newVoters \ old.voters \subseteq old.learners
    /\ Reconfigure(i, new)
    /\ UNCHANGED <<messages, currentTerm, votedFor, snapshotIndex, disk, role, commitIndex, votesGranted, duties,
                   history>>

\* Leader i knows that the joint configuration is committed: it appends that of the new voters alone (§6).
LeaveJoint(i) ==
    /\ role[i] = Leader
    /\ Config(i).outgoing # {}
    /\ LastChange(log[i]) <= commitIndex[i]
    /\ Reconfigure(i, [Config(i) EXCEPT !.outgoing = {}])
    /\ UNCHANGED <<messages, currentTerm, votedFor, snapshotIndex, disk, role, commitIndex, votesGranted, duties,
                   history>>

-----------------------------------------------------------------------------
(* Transfers of leadership (§3.10) *)

\* Leader i begins to transfer its leadership to voter j; no change of the members is under way (§3.10).
TransferLeadership(i, j) ==
    /\ role[i] = Leader
    /\ transferTarget[i] = Nil
    /\ j \in VotersOf(Config(i)) \ {i}
    /\ Config(i).outgoing = {}
    /\ LastChange(log[i]) <= commitIndex[i]
    /\ transferTarget' = [transferTarget EXCEPT ![i] = j]
    /\ UNCHANGED <<messages, lasting, role, commitIndex, votesGranted, progress, reads, history>>

\* Leader i asks j, which has its whole log, to stand for election at once (§3.10).
TimeoutNow(i, j) ==
    /\ transferTarget[i] = j
    /\ matchIndex[i][j] = Len(log[i])
    /\ Send([mtype |-> "TimeoutNow", msource |-> i, mdest |-> j, mterm |-> currentTerm[i]])
    /\ UNCHANGED servers

\* Voter i stands because the leader of its term asked it to, and says so to all whom it asks for votes (§3.10).
HandleTimeoutNow(i, m) ==
    /\ m.mtype = "TimeoutNow"
    /\ m.mterm = currentTerm[i]
    /\ role[i] = Follower
    /\ i \in VotersOf(Config(i))
    /\ currentTerm' = [currentTerm EXCEPT ![i] = @ + 1]
    /\ votedFor' = [votedFor EXCEPT ![i] = i]
    /\ role' = [role EXCEPT ![i] = Candidate]
    /\ votesGranted' = [votesGranted EXCEPT ![i] = {i}]
    /\ Answer(m, WhenDurable(i, {
           [mtype |-> "RequestVote", msource |-> i, mdest |-> j, mterm |-> currentTerm[i] + 1,
            mlastLogIndex |-> Len(log[i]), mlastLogTerm |-> TermAt(log[i], Len(log[i])), mtransfer |-> TRUE] :
           j \in VotersOf(Config(i)) \ {i}}))
    /\ UNCHANGED <<log, snapshotIndex, disk, commitIndex, progress, duties, history>>

\* Server i doesn't follow the leader that asks it to stand, or not any more, or has no vote (§3.10).
IgnoreTimeoutNow(i, m) ==
    /\ m.mtype = "TimeoutNow"
    /\ m.mterm <= currentTerm[i]
    /\ Answer(m, {})
    /\ UNCHANGED servers

\* Leader i still leads after an election timeout: it gives up the transfer, and serves again (§3.10).
GiveUpTransfer(i) ==
    /\ transferTarget[i] # Nil
    /\ transferTarget' = [transferTarget EXCEPT ![i] = Nil]
    /\ UNCHANGED <<messages, lasting, role, commitIndex, votesGranted, progress, reads, history>>

-----------------------------------------------------------------------------
(* Terms (§5.1) *)

\* Server i sees a newer term and enters it as a follower; the message stays, to be handled in that term (§5.1).
UpdateTerm(i, m) ==
    /\ ShowsNewTerm(i, m)
    /\ currentTerm' = [currentTerm EXCEPT ![i] = m.mterm]
    /\ votedFor' = [votedFor EXCEPT ![i] = Nil]
    /\ BeFollower(i)
    /\ UNCHANGED <<messages, log, snapshotIndex, disk, commitIndex, history>>

\* Server i refuses a request of an old term, and replies with its own term (§5.1).
RefuseOldRequest(i, m) ==
    /\ m.mtype \in {"RequestVote", "AppendEntries", "InstallSnapshot"}
    /\ m.mterm < currentTerm[i]
    /\ Answer(m, WhenDurable(i, {
           CASE m.mtype = "RequestVote" ->
                  [mtype |-> "RequestVoteReply", msource |-> i, mdest |-> m.msource, mterm |-> currentTerm[i],
                   mvoteGranted |-> FALSE]
             [] m.mtype = "AppendEntries" ->
                  [mtype |-> "AppendEntriesReply", msource |-> i, mdest |-> m.msource, mterm |-> currentTerm[i],
                   msuccess |-> FALSE, mmatchIndex |-> 0, mprevLogIndex |-> 0]
             [] m.mtype = "InstallSnapshot" ->
                  [mtype |-> "InstallSnapshotReply", msource |-> i, mdest |-> m.msource, mterm |-> currentTerm[i],
                   mmatchIndex |-> 0]}))
    /\ UNCHANGED servers

\* Server i ignores a reply that it no longer waits for: of an old term, or for a role that it has left (§5.1).
DropStaleReply(i, m) ==
    /\ IsReply(m)
    /\ ~Awaited(i, m)
    /\ ~ShowsNewTerm(i, m)
    /\ Answer(m, {})
    /\ UNCHANGED servers

-----------------------------------------------------------------------------
(* Snapshots (§7) *)

\* Server i replaces entries that it knows to be committed by a snapshot (§7).
Compact(i) ==
    /\ snapshotIndex[i] < commitIndex[i]
    /\ \E n \in (snapshotIndex[i] + 1)..commitIndex[i] : snapshotIndex' = [snapshotIndex EXCEPT ![i] = n]
    /\ UNCHANGED <<messages, currentTerm, votedFor, log, disk, role, commitIndex, votesGranted, progress, duties,
                   history>>

\* Leader i has compacted the entry that j needs next, and sends its snapshot instead (§7).
InstallSnapshot(i, j) ==
    /\ role[i] = Leader
    /\ j \in MembersOf(Config(i)) \ {i}
    /\ nextIndex[i][j] <= snapshotIndex[i]
    /\ Send([mtype |-> "InstallSnapshot", msource |-> i, mdest |-> j, mterm |-> currentTerm[i],
             msnapshot |-> SubSeq(log[i], 1, snapshotIndex[i])])
    /\ UNCHANGED servers

\* Server i installs a snapshot beyond its commit index, and keeps later entries of an agreeing log (§7).
HandleInstallSnapshot(i, m) ==
    /\ m.mtype = "InstallSnapshot"
    /\ m.mterm = currentTerm[i]
    /\ role[i] # Leader
    /\ BeFollower(i)
    /\ LET last    == Len(m.msnapshot)
           ahead   == last > commitIndex[i]
           entries == IF ahead /\ ~Has(log[i], last, m.msnapshot[last].term) THEN m.msnapshot ELSE log[i]
       IN
       /\ log' = [log EXCEPT ![i] = entries]
       /\ snapshotIndex' = [snapshotIndex EXCEPT ![i] = IF ahead THEN last ELSE @]
       /\ commitIndex' = [commitIndex EXCEPT ![i] = Max(@, last)]
       /\ applied' = [applied EXCEPT ![i] = Learned(i, entries, Max(commitIndex[i], last))]
       /\ Answer(m, WhenDurable(i, {[mtype |-> "InstallSnapshotReply", msource |-> i, mdest |-> m.msource,
                                     mterm |-> currentTerm[i], mmatchIndex |-> last]}))
    /\ UNCHANGED <<currentTerm, votedFor, disk, led, answered>>

\* Leader i learns that j has the entries of the snapshot (§7).
HandleInstallSnapshotReply(i, m) ==
    /\ m.mtype = "InstallSnapshotReply"
    /\ Awaited(i, m)
    /\ Acknowledge(i, m.msource, m.mmatchIndex)
    /\ Answer(m, {})
    /\ UNCHANGED <<lasting, role, commitIndex, votesGranted, duties, history>>

-----------------------------------------------------------------------------
(* Reads (§6.4) *)

\* Leader i begins a round of reads, giving up one that hasn't ended; its term has a committed entry (§6.4).
BeginReads(i) ==
    /\ role[i] = Leader
    /\ commitIndex[i] > 0
    /\ log[i][commitIndex[i]].term = currentTerm[i]
    /\ readRound' = [readRound EXCEPT ![i] = @ + 1]
    /\ readIndex' = [readIndex EXCEPT ![i] = commitIndex[i]]
    /\ confirmedBy' = [confirmedBy EXCEPT ![i] = {i}]
    /\ UNCHANGED <<messages, lasting, role, commitIndex, votesGranted, progress, transferTarget, history>>

\* Leader i asks j whether it is still in the term of i (§6.4).
ConfirmLeadership(i, j) ==
    /\ confirmedBy[i] # {}
    /\ j \in MembersOf(Config(i))
    /\ j \notin confirmedBy[i]
    /\ Send([mtype |-> "ConfirmLeadership", msource |-> i, mdest |-> j, mterm |-> currentTerm[i],
             mround |-> readRound[i]])
    /\ UNCHANGED servers

\* Server i confirms the leader of its term, so it has voted in no later one; a question of an old term gets no answer.
HandleConfirmLeadership(i, m) ==
    /\ m.mtype = "ConfirmLeadership"
    /\ m.mterm <= currentTerm[i]
    /\ Answer(m, IF m.mterm < currentTerm[i] THEN {}
                 ELSE {[mtype |-> "LeadershipConfirmed", msource |-> i, mdest |-> m.msource, mterm |-> currentTerm[i],
                        mround |-> m.mround]})
    /\ UNCHANGED servers

\* Leader i counts a server that confirms the present round; earlier answers may be older than the reads (§6.4).
HandleLeadershipConfirmed(i, m) ==
    /\ m.mtype = "LeadershipConfirmed"
    /\ Awaited(i, m)
    /\ confirmedBy' = [confirmedBy EXCEPT ![i] = @ \cup {m.msource}]
    /\ Answer(m, {})
    /\ UNCHANGED <<lasting, role, commitIndex, votesGranted, progress, readRound, readIndex, transferTarget, history>>

\* A majority has confirmed the round of leader i: clients may read what is committed up to the read index (§6.4).
EndReads(i) ==
    /\ IsQuorum(confirmedBy[i], Config(i))
    /\ readIndex' = [readIndex EXCEPT ![i] = 0]
    /\ confirmedBy' = [confirmedBy EXCEPT ![i] = {}]
    /\ answered' = [answered EXCEPT ![i] =
                       @ \cup {[term |-> currentTerm[i], round |-> readRound[i], index |-> readIndex[i]]}]
    /\ UNCHANGED <<messages, lasting, role, commitIndex, votesGranted, progress, readRound, transferTarget, led,
                   applied>>

-----------------------------------------------------------------------------
(* Failures (§5.5) *)

\* From now on nothing reaches the disk of server i: the crash that follows loses all later writes.
StallDisk(i) ==
    /\ ~Stalled(i)
    /\ disk' = [disk EXCEPT ![i] = Memory(i)]
    /\ UNCHANGED <<messages, currentTerm, votedFor, log, snapshotIndex, role, commitIndex, votesGranted, progress,
                   duties, history>>

\* Server i crashes and starts again with what is on its disk, which no longer stalls (§5.5).
Restart(i) ==
    /\ BeFollower(i)
    /\ currentTerm' = [currentTerm EXCEPT ![i] = OnDisk(i).currentTerm]
    /\ votedFor' = [votedFor EXCEPT ![i] = OnDisk(i).votedFor]
    /\ log' = [log EXCEPT ![i] = OnDisk(i).log]
    /\ snapshotIndex' = [snapshotIndex EXCEPT ![i] = OnDisk(i).snapshotIndex]
    /\ disk' = [disk EXCEPT ![i] = Nil]
    /\ commitIndex' = [commitIndex EXCEPT ![i] = OnDisk(i).snapshotIndex]
    /\ UNCHANGED <<messages, history>>

\* The network loses a message.  Answer has duplicates.
DropMessage(m) ==
    /\ messages' = messages \ {m}
    /\ UNCHANGED servers

-----------------------------------------------------------------------------
(* All that may happen *)

\* The actions of server i that receive message m and consume it.
Handle(i, m) ==
    \/ HandlePreVoteRequest(i, m)
    \/ HandlePreVoteReply(i, m)
    \/ HandleRequestVote(i, m)
    \/ IgnoreRequestVote(i, m)
    \/ HandleRequestVoteReply(i, m)
    \/ HandleAppendEntries(i, m)
    \/ HandleAppendEntriesReply(i, m)
    \/ HandleTimeoutNow(i, m)
    \/ IgnoreTimeoutNow(i, m)
    \/ RefuseOldRequest(i, m)
    \/ DropStaleReply(i, m)
    \/ HandleInstallSnapshot(i, m)
    \/ HandleInstallSnapshotReply(i, m)
    \/ HandleConfirmLeadership(i, m)
    \/ HandleLeadershipConfirmed(i, m)

\* A message may arrive at any time, in any order.
Receive(m) == UpdateTerm(m.mdest, m) \/ Handle(m.mdest, m)

Next ==
    \/ \E i \in Server : BecomePreCandidate(i)
    \/ \E i \in Server : Timeout(i)
    \/ \E i \in Server : BecomeLeader(i)
    \/ \E i \in Server : StepDown(i)
    \/ \E i \in Server : AdvanceCommitIndex(i)
    \/ \E i \in Server : LeaveJoint(i)
    \/ \E i \in Server : GiveUpTransfer(i)
    \/ \E i \in Server : Compact(i)
    \/ \E i \in Server : BeginReads(i)
    \/ \E i \in Server : EndReads(i)
    \/ \E i \in Server : StallDisk(i)
    \/ \E i \in Server : Restart(i)
    \/ \E i \in Server, j \in Server : RequestPreVote(i, j)
    \/ \E i \in Server, j \in Server : RequestVote(i, j)
    \/ \E i \in Server, j \in Server : InstallSnapshot(i, j)
    \/ \E i \in Server, j \in Server : ConfirmLeadership(i, j)
    \/ \E i \in Server, j \in Server : TransferLeadership(i, j)
    \/ \E i \in Server, j \in Server : TimeoutNow(i, j)
    \/ \E i \in Server, j \in Server : \E k \in 0..Len(log[i]) : AppendEntries(i, j, k)
    \/ \E i \in Server, v \in Value \cup {NoOpValue} : ClientRequest(i, v)
    \/ \E i \in Server : \E newVoters \in SUBSET Server, newLearners \in SUBSET Server :
           ChangeMembers(i, newVoters, newLearners)
    \/ \E m \in messages : Receive(m)
    \/ \E m \in messages : DropMessage(m)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* What Raft promises (Figure 3) *)

\* Whether two entries are the same.
Same(e, f) == e.term = f.term /\ e.value = f.value /\ e.config = f.config

\* At most one server leads a term (§5.2).
ElectionSafety == \A i \in Server, j \in Server : (i # j) => (led[i] \cap led[j] = {})

\* A leader never changes or removes an entry of its log (§5.3).
LeaderAppendOnly ==
    [][\A i \in Server :
        (role[i] = Leader /\ role'[i] = Leader /\ currentTerm'[i] = currentTerm[i]) =>
            (Len(log'[i]) >= Len(log[i]) /\ SubSeq(log'[i], 1, Len(log[i])) = log[i])]_vars

\* Logs that have an entry of the same term at an index are the same up to there (§5.3).
LogMatching ==
    \A i \in Server, j \in Server :
        \A n \in 1..Min(Len(log[i]), Len(log[j])) :
            (log[i][n].term = log[j][n].term) => (SubSeq(log[i], 1, n) = SubSeq(log[j], 1, n))

\* The leader of a term has every entry that was known to be committed in it or before (§5.4).
LeaderCompleteness ==
    \A i \in Server, j \in Server :
        (role[i] = Leader) =>
            \A n \in 1..Len(applied[j]) :
                (applied[j][n].by <= currentTerm[i]) => (n <= Len(log[i]) /\ Same(log[i][n], applied[j][n]))

\* No two servers apply different entries at one index (§5.4.3).
StateMachineSafety ==
    \A i \in Server, j \in Server :
        \A n \in 1..Min(Len(applied[i]), Len(applied[j])) : Same(applied[i][n], applied[j][n])

-----------------------------------------------------------------------------
(* Lemmas of the proofs of these promises *)

\* What server j goes on with: its memory, and after a crash what is on its disk.
Copies(j) == {Memory(j), OnDisk(j)}

\* No server is counted as a voter by two candidates of one term (§5.2).
VotesAreUnique ==
    \A i \in Server, j \in Server :
        (i # j /\ role[i] = Candidate /\ role[j] = Candidate /\ currentTerm[i] = currentTerm[j]) =>
            (votesGranted[i] \cap votesGranted[j] = {})

\* A voter that a candidate counts, itself not, has entered its term, and remembers its vote there on its disk (§5.2).
VotesAreRemembered ==
    \A i \in Server, j \in Server :
        (i # j /\ role[i] = Candidate /\ j \in votesGranted[i]) =>
            \A own \in Copies(j) :
                \/ own.currentTerm > currentTerm[i]
                \/ own.currentTerm = currentTerm[i] /\ own.votedFor = i

\* A leader's nextIndex is above the matchIndex of the same follower.
MatchBelowNext == \A i \in Server, j \in Server : matchIndex[i][j] < nextIndex[i][j]

\* A follower has the entries that its leader counts as acknowledged on its disk, until it enters a newer term (§5.3).
AcknowledgedIsThere ==
    \A i \in Server, j \in Server : \A own \in Copies(j) :
        (role[i] = Leader /\ own.currentTerm = currentTerm[i]) =>
            /\ matchIndex[i][j] <= Min(Len(log[i]), Len(own.log))
            /\ SubSeq(own.log, 1, matchIndex[i][j]) = SubSeq(log[i], 1, matchIndex[i][j])

\* A server compacts only committed entries; those that it knows to be committed stay in its log, unchanged.
CommittedIsKept ==
    \A i \in Server :
        /\ commitIndex[i] <= Min(Len(log[i]), Len(applied[i]))
        /\ \A n \in 1..commitIndex[i] : Same(log[i][n], applied[i][n])
        /\ \A own \in Copies(i) :
            /\ own.snapshotIndex <= commitIndex[i]
            /\ \A n \in 1..own.snapshotIndex : Same(own.log[n], applied[i][n])

\* Every entry that a server ever knew to be committed is on the disks of a quorum, if no log has changes (§5.4).
CommittedIsOnQuorum ==
    \/ \E j \in Server : \E own \in Copies(j) : Changes(own.log) # {}
    \/ \A i \in Voters \cup Learners : \A n \in 1..Len(applied[i]) :
           IsQuorum({j \in Server : \A own \in Copies(j) : n <= Len(own.log) /\ Same(own.log[n], applied[i][n])},
                    FirstConfig(i))

\* Each log has at most one configuration that nobody knows to be committed, and one that ends each joint phase (§6).
OneChangeAtATime ==
    \A i \in Server : \A n \in Changes(log[i]), k \in Changes(log[i]) : (n < k) =>
        /\ \E j \in Server : n <= Len(applied[j])
        /\ (log[i][n].config.outgoing # {} /\ \A l \in Changes(log[i]) : l <= n \/ l >= k)
               => log[i][k].config.outgoing = {}

\* Whether server i can decide anything under its configuration: it leads, or a quorum would vote for it.
MayBeActive(i) ==
    LET lastTerm == TermAt(log[i], Len(log[i])) IN
    \/ role[i] = Leader /\ IsQuorum({j \in Server : currentTerm[j] <= currentTerm[i]}, Config(i))
    \/ IsQuorum({j \in Server : \/ lastTerm > TermAt(log[j], Len(log[j]))
                                \/ lastTerm = TermAt(log[j], Len(log[j])) /\ Len(log[i]) >= Len(log[j])}, Config(i))

\* Quorums of any two configurations that may decide something have a server in common (§6).
ActiveQuorumsIntersect ==
    \A i \in Server, j \in Server : (MayBeActive(i) /\ MayBeActive(j)) =>
        \A group \in SUBSET Server : ~(IsQuorum(group, Config(i)) /\ IsQuorum(Server \ group, Config(j)))

\* Every variable has a value of its kind; TLC checks it, and a reader may take it as the table of types.
TypeOK ==
    /\ \A m \in messages : m.msource \in Server /\ m.mdest \in Server \ {m.msource} /\ m.mterm \in Nat
    /\ \A i \in Server :
        /\ currentTerm[i] \in Nat
        /\ votedFor[i] \in Server \cup {Nil}
        /\ \A n \in 1..Len(log[i]) : log[i][n].term \in 1..currentTerm[i] /\ log[i][n].value \in Value \cup {NoOpValue}
        /\ \A n \in Changes(log[i]) : MembersOf(log[i][n].config) \subseteq Server /\ log[i][n].config.voters # {}
        /\ snapshotIndex[i] \in 0..Len(log[i])
        /\ OnDisk(i).currentTerm \in 0..currentTerm[i]
        /\ OnDisk(i).votedFor \in Server \cup {Nil}
        /\ OnDisk(i).snapshotIndex \in 0..Len(OnDisk(i).log)
        /\ role[i] \in {Follower, PreCandidate, Candidate, Leader}
        /\ commitIndex[i] \in 0..Len(log[i])
        /\ votesGranted[i] \subseteq Server
        /\ \A j \in Server : nextIndex[i][j] \in Nat \ {0} /\ matchIndex[i][j] \in Nat
        /\ readRound[i] \in Nat
        /\ readIndex[i] \in 0..commitIndex[i]
        /\ confirmedBy[i] \subseteq Server
        /\ transferTarget[i] \in (VotersOf(Config(i)) \ {i}) \cup {Nil}
        /\ led[i] \subseteq Nat \ {0}
        /\ \A n \in 1..Len(applied[i]) : applied[i][n].by \in Nat \ {0}
        /\ \A r \in answered[i] : r.term \in led[i] /\ r.round \in Nat \ {0} /\ r.index \in 1..Len(applied[i])
=============================================================================
