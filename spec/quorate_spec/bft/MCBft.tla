------------------------------- MODULE MCBft -------------------------------
(***************************************************************************)
(* Byzantine agreement within bounds, for a model checker.  At first every *)
(* member knows which digests clients want.                                *)
(***************************************************************************)
EXTENDS Bft, TLC

CONSTANTS
    h1, h2, h3, t1,  \* Members; Honest and Traitor contain those in use.
    Wanted,          \* The digests that clients want.
    MaxIndex,        \* A member that has decided so many indices takes no further step.
    MaxView,         \* No member enters a later view.
    WithTimeouts,    \* Whether members receive timeouts, and leaders wait.
    WithStartAgain,  \* Whether members crash and start again, and clients send their requests again.
    WithCertificates \* Whether honest leaders count votes; any possible certificate arrives in any case.

\* Values of Leaders: all members in turn, or always a traitor.
HonestFirst  == <<h1, h2, h3, t1>>
TraitorFirst == <<t1, h1, h2, h3>>
TraitorOnly  == <<t1>>
OneOnly      == <<h1>>
TwoInTurn    == <<h1, h2>>

MCInit ==
    /\ log = [i \in Honest |-> << >>]
    /\ view = [i \in Honest |-> 1]
    /\ acceptedView = [i \in Honest |-> 0]
    /\ lock = [i \in Honest |-> NoCertificate]
    /\ committedView = [i \in Honest |-> 0]
    /\ proposedView = [i \in Honest |-> 0]
    /\ known = [i \in Honest |-> Wanted]
    /\ heard = [i \in Honest |-> {}]
    /\ waited = [i \in Honest |-> FALSE]
    /\ votes = [i \in Honest |-> {}]
    /\ messages = [i \in Honest |-> {}]

\* Member i has indices left to decide.
Awake(i) == Len(log[i]) < MaxIndex

MCReceive(i, m) ==
    /\ m.mtype = "Timeout" => WithTimeouts
    /\ m.mtype = "Vote" => WithCertificates
    /\ m.mtype = "Certificate" => m.mview <= MaxView
    /\ Receive(i, m)

MCNext ==
    \/ \E i \in Honest : Awake(i) /\ view[i] < MaxView /\ ViewTimeout(i)
    \/ \E i \in Honest : Awake(i) /\ FollowTimeouts(i) /\ view'[i] <= MaxView
    \/ \E i \in Honest, d \in Wanted : Awake(i) /\ WithStartAgain /\ Submit(i, d)
    \/ \E i \in Honest : Awake(i) /\ WithTimeouts /\ WaitOver(i)
    \/ \E i \in Honest, d \in Digest : Awake(i) /\ Propose(i, d)
    \/ \E i \in Honest, phase \in {Prepare, Commit}, d \in Digest :
           Awake(i) /\ WithCertificates /\ Certify(i, phase, d)
    \/ \E i \in Honest : Awake(i) /\ WithStartAgain /\ StartAgain(i)
    \/ \E m \in Arriving(1..MaxIndex, 1..MaxView) : \E i \in Honest : Awake(i) /\ MCReceive(i, m)

MCSpec == MCInit /\ [][MCNext]_vars

\* Every decided digest is one that a client wants.
Validity == \A i \in Honest : \A n \in 1..Len(log[i]) : log[i][n].digest \in Wanted
=============================================================================
