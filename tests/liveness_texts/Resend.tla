------------------------------ MODULE Resend ------------------------------
\* A client asks until it knows the answer. The network loses messages.
EXTENDS Naturals
CONSTANTS CountsLosses, MostLosses
VARIABLES client, flight, losses
vars == <<client, flight, losses>>

Init == client = "asks" /\ flight = {} /\ losses = 0

Ask == client = "asks" /\ flight' = flight \cup {"question"} /\ UNCHANGED <<client, losses>>

TakeQuestion ==
    /\ "question" \in flight
    /\ flight' = (flight \ {"question"}) \cup {"answer"}
    /\ UNCHANGED <<client, losses>>

TakeAnswer ==
    /\ "answer" \in flight
    /\ flight' = flight \ {"answer"}
    /\ client' = "knows"
    /\ UNCHANGED losses

Lose(m) ==
    /\ m \in flight
    /\ CountsLosses => losses < MostLosses
    /\ flight' = flight \ {m}
    /\ losses' = IF CountsLosses THEN losses + 1 ELSE losses
    /\ UNCHANGED client

Next == Ask \/ TakeQuestion \/ TakeAnswer \/ \E m \in flight : Lose(m)
===========================================================================
