------------------------------ MODULE Ring ------------------------------
\* Three nodes in a ring elect the highest (Chang and Roberts): a node passes on ids higher than its own.
EXTENDS Naturals
VARIABLES state, flight
vars == <<state, flight>>
Nodes == 0 .. 2
After(i) == (i + 1) % 3

Init == state = [i \in Nodes |-> "idle"] /\ flight = {}

Start(i) ==
    /\ state[i] = "idle"
    /\ state' = [state EXCEPT ![i] = "started"]
    /\ flight' = flight \cup {<<i, After(i)>>}

Deliver(id, i) ==
    /\ <<id, i>> \in flight
    /\ flight' = (flight \ {<<id, i>>}) \cup (IF id > i THEN {<<id, After(i)>>} ELSE {})
    /\ state' = IF id = i THEN [state EXCEPT ![i] = "leads"] ELSE state

Next == \E i \in Nodes : Start(i) \/ \E id \in Nodes : Deliver(id, i)

FairStarts == \A i \in Nodes : WF_vars(Start(i))
FairArrivals(at) == \A i \in at, id \in Nodes : WF_vars(Deliver(id, i))
=========================================================================
