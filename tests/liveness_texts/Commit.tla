------------------------------ MODULE Commit ------------------------------
\* Two-phase commit with one participant (docs/liveness.md). The coordinator crashes; if AsksAgain, it repeats its
\* question when it comes back, and who is prepared votes again.
EXTENDS Naturals
CONSTANTS AsksAgain, CountsCrashes, MostCrashes
VARIABLES coordinator, down, participant, flight, crashes
vars == <<coordinator, down, participant, flight, crashes>>

Init == coordinator = "idle" /\ down = FALSE /\ participant = "idle" /\ flight = {} /\ crashes = 0

Begin ==
    /\ coordinator = "idle" /\ ~down
    /\ coordinator' = "waiting"
    /\ flight' = flight \cup {"prepare"}
    /\ UNCHANGED <<down, participant, crashes>>

Crash ==
    /\ ~down
    /\ CountsCrashes => crashes < MostCrashes
    /\ down' = TRUE
    /\ crashes' = IF CountsCrashes THEN crashes + 1 ELSE crashes
    /\ UNCHANGED <<coordinator, participant, flight>>

Restart ==
    /\ down
    /\ down' = FALSE
    /\ flight' = flight \cup CASE coordinator = "committed" -> {"commit"}
                               [] coordinator = "waiting" /\ AsksAgain -> {"prepare"}
                               [] OTHER -> {}
    /\ UNCHANGED <<coordinator, participant, crashes>>

TakePrepare ==
    /\ "prepare" \in flight
    /\ IF participant = "idle" \/ (AsksAgain /\ participant = "prepared")
       THEN participant' = "prepared" /\ flight' = (flight \ {"prepare"}) \cup {"yes"}
       ELSE flight' = flight \ {"prepare"} /\ UNCHANGED participant
    /\ UNCHANGED <<coordinator, down, crashes>>

TakeYes ==
    /\ "yes" \in flight
    /\ IF down
       THEN flight' = flight \ {"yes"} /\ UNCHANGED coordinator
       ELSE coordinator' = "committed" /\ flight' = (flight \ {"yes"}) \cup {"commit"}
    /\ UNCHANGED <<down, participant, crashes>>

TakeCommit ==
    /\ "commit" \in flight
    /\ participant' = "committed"
    /\ flight' = flight \ {"commit"}
    /\ UNCHANGED <<coordinator, down, crashes>>

Next == Begin \/ Crash \/ Restart \/ TakePrepare \/ TakeYes \/ TakeCommit

FairArrivals == WF_vars(TakePrepare) /\ WF_vars(TakeYes) /\ WF_vars(TakeCommit)
===========================================================================
