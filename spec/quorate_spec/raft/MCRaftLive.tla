----------------------------- MODULE MCRaftLive -----------------------------
(***************************************************************************)
(* Raft within bounds, in behaviours that go on: one server alone stands   *)
(* for election, and what stays enabled happens some day.  So a leader is  *)
(* elected, and the voters have its log and know that it is committed.     *)
(* MaxInFlight must exclude nothing: a step that it forbids never happens. *)
(***************************************************************************)
EXTENDS MCRaft

CONSTANT First  \* The only server whose election timeout passes.

LiveNext == MCNext /\ \A i \in Server \ {First} : role'[i] \notin {PreCandidate, Candidate}

\* A message of this type is received by server i, an AppendEntries of so many entries, or a reply that confirms so many.
Received(i, type, k) ==
    \E m \in messages :
        /\ m.mdest = i
        /\ m.mtype = type
        /\ (type = "AppendEntries" => Len(m.mentries) = k)
        /\ (type = "AppendEntriesReply" => m.mmatchIndex = k)
        /\ (UpdateTerm(i, m) \/ MCHandle(m))

Fairness ==
    /\ WF_vars(MCTimeout(First))
    /\ \A i \in Server : WF_vars(BecomeLeader(i)) /\ WF_vars(AdvanceCommitIndex(i))
    /\ \A i \in Server : WF_vars(\E j \in Server : RequestVote(i, j))
    /\ \A i \in Server, k \in 0..MaxEntries : WF_vars(\E j \in Server : AppendEntries(i, j, k))
    /\ \A i \in Server, k \in 0..MaxEntries,
          type \in {"RequestVote", "RequestVoteReply", "AppendEntries", "AppendEntriesReply"} :
              WF_vars(Received(i, type, k))

LiveSpec == Init /\ [][LiveNext]_vars /\ Fairness

\* From some time on there is a leader.
LeaderInTheEnd == <>[](\E i \in Server : role[i] = Leader)

\* From some time on all voters have the log of a leader, and know that all of it is committed.
LogInTheEnd ==
    <>[](\E i \in Server :
            /\ role[i] = Leader
            /\ \A j \in Config(i).voters : log[j] = log[i] /\ commitIndex[j] = Len(log[i]))
=============================================================================
