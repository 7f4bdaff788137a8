------------------------------ MODULE Noise ------------------------------
\* One word, and noise on the same link.
VARIABLES speaker, listener, flight
vars == <<speaker, listener, flight>>

Init == speaker = "quiet" /\ listener = "waits" /\ flight = {}

Speak ==
    /\ speaker = "quiet"
    /\ speaker' = "spoke"
    /\ flight' = flight \cup {"word"}
    /\ UNCHANGED listener

Hum == flight' = flight \cup {"noise"} /\ UNCHANGED <<speaker, listener>>

Deliver(m) ==
    /\ m \in flight
    /\ flight' = flight \ {m}
    /\ listener' = IF m = "word" THEN "heard" ELSE listener
    /\ UNCHANGED speaker

Arrive == \E m \in {"word", "noise"} : Deliver(m)

Next == Speak \/ Hum \/ Arrive
==========================================================================
