----------------------------- MODULE Consensus -----------------------------
(***************************************************************************)
(* The purpose of every consensus protocol: one sequence of chosen values  *)
(* that only grows.  Raft.tla is a protocol for it, and                    *)
(* RaftRefinesConsensus.tla states that it is one.  After Lamport's        *)
(* Consensus.tla, which chooses a single value.                            *)
(***************************************************************************)
EXTENDS Naturals, Sequences

VARIABLES chosen  \* The values chosen so far, in order.

\* At first nothing is chosen.
Init == chosen = << >>

\* One or more values are chosen and appended; the values chosen before stay.
Choose ==
    /\ Len(chosen') > Len(chosen)
    /\ SubSeq(chosen', 1, Len(chosen)) = chosen

Spec == Init /\ [][Choose]_chosen
=============================================================================
