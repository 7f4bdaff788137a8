------------------------------ MODULE Sharing ------------------------------
\* Who has the token may work, and hands it on when the other has asked for it (docs/liveness.md). If Repaired, nobody
\* works who owes it.
EXTENDS Naturals
CONSTANT Repaired
VARIABLES token, phase, owes, flight
vars == <<token, phase, owes, flight>>
Nodes == {0, 1}

Init ==
    /\ token = [i \in Nodes |-> i = 0]
    /\ phase = [i \in Nodes |-> "rests"]
    /\ owes = [i \in Nodes |-> FALSE]
    /\ flight = {}

Ask(i) ==
    /\ phase[i] = "rests" /\ ~token[i]
    /\ phase' = [phase EXCEPT ![i] = "asks"]
    /\ flight' = flight \cup {<<"may I?", 1 - i>>}
    /\ UNCHANGED <<token, owes>>

Work(i) ==
    /\ phase[i] = "rests" /\ token[i]
    /\ Repaired => ~owes[i]
    /\ phase' = [phase EXCEPT ![i] = "works"]
    /\ UNCHANGED <<token, owes, flight>>

End(i) ==
    /\ phase[i] = "works"
    /\ phase' = [phase EXCEPT ![i] = "rests"]
    /\ UNCHANGED <<token, owes, flight>>

HandOn(i) ==
    /\ phase[i] = "rests" /\ owes[i]
    /\ token' = [token EXCEPT ![i] = FALSE]
    /\ owes' = [owes EXCEPT ![i] = FALSE]
    /\ flight' = flight \cup {<<"token", 1 - i>>}
    /\ UNCHANGED phase

Deliver(kind, i) ==
    /\ <<kind, i>> \in flight
    /\ flight' = flight \ {<<kind, i>>}
    /\ IF kind = "token"
       THEN /\ token' = [token EXCEPT ![i] = TRUE]
            /\ phase' = [phase EXCEPT ![i] = "works"]
            /\ UNCHANGED owes
       ELSE /\ owes' = [owes EXCEPT ![i] = TRUE]
            /\ UNCHANGED <<token, phase>>

Next ==
    \E i \in Nodes : Ask(i) \/ Work(i) \/ End(i) \/ HandOn(i) \/ Deliver("may I?", i) \/ Deliver("token", i)

FairArrivals == \A i \in Nodes : WF_vars(Deliver("may I?", i)) /\ WF_vars(Deliver("token", i))
============================================================================
