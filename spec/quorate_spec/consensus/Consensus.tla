----------------------------- MODULE Consensus -----------------------------
(***************************************************************************)
(* What every consensus protocol is for: one sequence of chosen values,    *)
(* which only ever grows.  Nothing here says how; Raft.tla says how, and   *)
(* RaftRefinesConsensus.tla says that it does.  After Lamport's            *)
(* Consensus.tla, which chooses a single value.                            *)
(***************************************************************************)
EXTENDS Naturals, Sequences

VARIABLES chosen  \* The values chosen so far, in order.

\* At first nothing is chosen.
Init == chosen = << >>

\* One or more values are chosen, after all that were; what was chosen stays.
Choose ==
    /\ Len(chosen') > Len(chosen)
    /\ SubSeq(chosen', 1, Len(chosen)) = chosen

Spec == Init /\ [][Choose]_chosen
=============================================================================
