------------------------------ MODULE MCRaft ------------------------------
(***************************************************************************)
(* Raft within bounds, for a model checker: the size of the cluster, the   *)
(* capacity of the network, and the kinds of failure.  A step that would   *)
(* leave the bounds isn't taken; a kind of failure is off, or may happen   *)
(* any number of times.                                                    *)
(***************************************************************************)
EXTENDS Raft, TLC

CONSTANTS
    MaxTerm,        \* No server becomes a candidate in a later term.
    MaxLog,         \* No leader appends to a log that is this long.
    MaxInFlight,    \* The network holds at most so many messages.
    MaxEntries,     \* An AppendEntries carries at most so many entries.
    WithRestart,    \* Whether servers restart.
    WithStall,      \* Whether disks stall.
    WithStepDown,   \* Whether leaders step down.
    WithDrop,       \* Whether messages are lost.
    WithDuplicate,  \* Whether messages are delivered again.
    WithPreVote,    \* Whether a pre-vote comes before every election.
    WithIgnored,    \* Whether servers that may have a leader ignore requests.
    WithSnapshots,  \* Whether logs are compacted.
    MaxRounds,      \* No leader begins more rounds of reads in a term.
    WithTransfer,   \* Whether leaders transfer their leadership.
    TargetVoters,   \* Leaders change the voters to one of these sets, within MaxLog,
    TargetLearners  \* and the learners to one of these.

\* An election, after a pre-vote if there are any, within the terms.
MCTimeout(i) ==
    /\ currentTerm[i] < MaxTerm
    /\ (WithPreVote => (role[i] = PreCandidate /\ IsQuorum(votesGranted[i], Config(i))))
    /\ Timeout(i)

\* A message is received, and stays in flight only if WithDuplicate is TRUE.  Of a newer term it is one that is ignored.
MCHandle(m) ==
    /\ Handle(m.mdest, m)
    /\ currentTerm'[m.mdest] <= MaxTerm
    /\ WithIgnored \/ ~ShowsNewTerm(m.mdest, m)
    /\ WithDuplicate \/ m \notin messages'

MCNext ==
    /\ \/ \E i \in Server : WithPreVote /\ currentTerm[i] < MaxTerm /\ BecomePreCandidate(i)
       \/ \E i \in Server : MCTimeout(i)
       \/ \E i \in Server : BecomeLeader(i)
       \/ \E i \in Server : WithStepDown /\ StepDown(i)
       \/ \E i \in Server : AdvanceCommitIndex(i)
       \/ \E i \in Server : WithSnapshots /\ Compact(i)
       \/ \E i \in Server : readRound[i] < MaxRounds /\ BeginReads(i)
       \/ \E i \in Server : EndReads(i)
       \/ \E i \in Server : WithStall /\ StallDisk(i)
       \/ \E i \in Server : WithRestart /\ Restart(i)
       \/ \E i \in Server, j \in Server : RequestPreVote(i, j)
       \/ \E i \in Server, j \in Server : RequestVote(i, j)
       \/ \E i \in Server, j \in Server : InstallSnapshot(i, j)
       \/ \E i \in Server, j \in Server : ConfirmLeadership(i, j)
       \/ \E i \in Server, j \in Server : WithTransfer /\ TransferLeadership(i, j)
       \/ \E i \in Server, j \in Server : TimeoutNow(i, j)
       \/ \E i \in Server : GiveUpTransfer(i)
       \/ \E i \in Server, j \in Server : \E k \in 0..MaxEntries : AppendEntries(i, j, k)
       \/ \E i \in Server, v \in Value : Len(log[i]) < MaxLog /\ ClientRequest(i, v)
       \/ \E i \in Server : LeaveJoint(i)
       \/ \E i \in Server, newVoters \in TargetVoters, newLearners \in TargetLearners :
              /\ Len(log[i]) < MaxLog
              /\ ~(Config(i).voters = newVoters /\ Config(i).learners = newLearners)
              /\ ChangeMembers(i, newVoters, newLearners)
       \/ \E m \in messages : UpdateTerm(m.mdest, m)
       \/ \E m \in messages : MCHandle(m)
       \/ \E m \in messages : WithDrop /\ DropMessage(m)
    /\ Cardinality(messages') <= MaxInFlight

MCSpec == Init /\ [][MCNext]_vars

\* A network of any number of messages: a sent message may arrive at any time, any number of times, or never.  No step
\* consumes a message, so WithDuplicate must be TRUE, and MaxInFlight so large that it excludes nothing.
MCAnySpec == Init /\ [][MCNext /\ messages \subseteq messages']_vars

\* Servers differ only in their names, and in their parts at the beginning and in changes.
Parts     == {Voters, Learners} \cup TargetVoters \cup TargetLearners
Symmetric == {p \in Permutations(Server) : \A i \in Server : \A part \in Parts : (p[i] \in part) = (i \in part)}
=============================================================================
