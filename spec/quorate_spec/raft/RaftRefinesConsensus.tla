----------------------- MODULE RaftRefinesConsensus -----------------------
(***************************************************************************)
(* Raft refines Consensus: the longest sequence of entries that any server *)
(* has ever known to be committed only grows.                              *)
(* TLC checks the PROPERTY of RaftRefinesConsensus.cfg, step by step.      *)
(***************************************************************************)
EXTENDS MCRaft

\* The server that has known the longest sequence of entries to be committed, any of them if there are several.
BestInformed == CHOOSE i \in Server : \A j \in Server : Len(applied[j]) <= Len(applied[i])

\* Its entries, whenever and by whomever they were learned.
Chosen == [n \in 1..Len(applied[BestInformed]) |->
              [term |-> applied[BestInformed][n].term, value |-> applied[BestInformed][n].value,
               config |-> applied[BestInformed][n].config]]

C == INSTANCE Consensus WITH chosen <- Chosen

RefinesConsensus == C!Spec

THEOREM MCSpec => RefinesConsensus
=============================================================================
