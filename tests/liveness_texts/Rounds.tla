------------------------------ MODULE Rounds ------------------------------
\* Rounds in lockstep: at the end of each round node 0 pings node 1, which the ping switches on or off in the next.
EXTENDS Naturals, Sequences
CONSTANTS CountsLosses, MostLosses
VARIABLES current, following, on, losses
vars == <<current, following, on, losses>>

Init == current = <<>> /\ following = <<>> /\ on = FALSE /\ losses = 0

Begin ==
    /\ current = <<>>
    /\ current' = following \o <<"end 0", "end 1">>
    /\ following' = <<>>
    /\ UNCHANGED <<on, losses>>

First(what) == current # <<>> /\ Head(current) = what /\ current' = Tail(current)

Ping == First("ping") /\ on' = ~on /\ UNCHANGED <<following, losses>>
End0 == First("end 0") /\ following' = Append(following, "ping") /\ UNCHANGED <<on, losses>>
End1 == First("end 1") /\ UNCHANGED <<following, on, losses>>

Lose ==
    /\ First("ping")
    /\ CountsLosses => losses < MostLosses
    /\ losses' = IF CountsLosses THEN losses + 1 ELSE losses
    /\ UNCHANGED <<following, on>>

Next == Begin \/ Ping \/ End0 \/ End1 \/ Lose

FairRounds == WF_vars(Begin) /\ WF_vars(End0) /\ WF_vars(End1)
===========================================================================
