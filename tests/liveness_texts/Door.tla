------------------------------ MODULE Door ------------------------------
\* A knock waits while the door is shut. The door is opened and shut until somebody has entered.
VARIABLES visitor, door, flight
vars == <<visitor, door, flight>>

Init == visitor = "away" /\ door = "shut" /\ flight = {}

Knock ==
    /\ visitor = "away"
    /\ visitor' = "knocked"
    /\ flight' = flight \cup {"knock"}
    /\ UNCHANGED door

Open == door = "shut" /\ door' = "open" /\ UNCHANGED <<visitor, flight>>

Shut == door = "open" /\ door' = "shut" /\ UNCHANGED <<visitor, flight>>

Enter ==
    /\ "knock" \in flight
    /\ door # "shut"
    /\ flight' = flight \ {"knock"}
    /\ door' = "entered"
    /\ UNCHANGED visitor

Next == Knock \/ Open \/ Shut \/ Enter
=========================================================================
