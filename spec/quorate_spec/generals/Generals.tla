----------------------------- MODULE Generals -----------------------------
(***************************************************************************)
(* Interactive consistency among traitors: the oral messages OM(M) and the *)
(* signed messages SM(M) of Lamport, Shostak and Pease (1982).  General 0  *)
(* is the commander.  A step is a whole round: all messages of loyal       *)
(* generals arrive, and traitors send each loyal general any messages that *)
(* he accepts.  generals.py has the same definitions in Python.            *)
(*                                                                         *)
(* Here a loyal general relays every chain that brings him a new order,    *)
(* where the paper relays one: traitors may use more signatures, not less. *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
    N,        \* The number of generals.
    F,        \* The number of traitors.
    M,        \* There are M + 1 rounds.
    IsSigned  \* Whether messages are signed: SM(M), otherwise OM(M).

VARIABLES
    traitors,  \* The set of traitors.
    order,     \* The order of a loyal commander.
    round,     \* The number of finished rounds.
    messages,  \* The messages sent: <<path, receiver, order>>, the sender is the last of the path.
    decision   \* The decision of each general, "none" before the end.

vars == <<traitors, order, round, messages, decision>>

General == 0..(N - 1)
Lieutenant == 1..(N - 1)
Order == {"ATTACK", "RETREAT"}
Loyal == General \ traitors

----------------------------------------------------------------------------
(* Helpers *)

Last(p) == p[Len(p)]
Front(p) == SubSeq(p, 1, Len(p) - 1)
On(i, p) == \E k \in 1..Len(p) : p[k] = i

\* The paths of k different generals, from the commander.
Paths(k) ==
    {p \in [1..k -> General] : p[1] = 0 /\ \A a, b \in 1..k : p[a] = p[b] => a = b}

\* The order that general i received along a path; silence is RETREAT.
Heard(i, p) == IF <<p, i, "ATTACK">> \in messages THEN "ATTACK" ELSE "RETREAT"

\* The signed orders that general i received within k rounds.
Received(i, k) == {m[3] : m \in {x \in messages : x[2] = i /\ Len(x[1]) <= k}}

----------------------------------------------------------------------------
(* The messages of round k *)

\* OM: each loyal general relays the order that he received to all others; the commander sends his own.
OralTruth(k) ==
    {<<p, i, IF k = 1 THEN order ELSE Heard(Last(p), Front(p))>> :
        <<p, i>> \in {x \in Paths(k) \X General : Last(x[1]) \in Loyal /\ ~On(x[2], x[1])}}

\* OM: any orders of traitors to loyal generals, along the paths that end with a traitor.
OralLies(k) ==
    LET slots == {x \in Paths(k) \X Loyal : Last(x[1]) \in traitors /\ ~On(x[2], x[1])}
    IN  {{<<s[1], s[2], lie[s]>> : s \in slots} : lie \in [slots -> Order]}

\* SM: each loyal general signs and relays the chains that brought him a new order; the commander sends his own.
SignedTruth(k) ==
    {<<p, i, o>> \in Paths(k) \X General \X Order :
        /\ Last(p) \in Loyal
        /\ ~On(i, p)
        /\ IF k = 1
           THEN o = order
           ELSE <<Front(p), Last(p), o>> \in messages /\ o \notin Received(Last(p), k - 2)}

\* SM: any chains of signatures from traitors to loyal generals, if the loyal generals in them did sign.
SignedLies(k) ==
    SUBSET {<<p, i, o>> \in Paths(k) \X Loyal \X Order :
        /\ Last(p) \in traitors
        /\ ~On(i, p)
        /\ \A j \in 1..k : p[j] \in Loyal => \E x \in General : <<SubSeq(p, 1, j), x, o>> \in messages}

----------------------------------------------------------------------------
(* Decisions *)

\* OM: ATTACK if more than half of the values are ATTACK.
Majority(attack, all) == IF 2 * attack > all THEN "ATTACK" ELSE "RETREAT"

RECURSIVE Value(_, _)
\* OM: the value that general i gives to the message of the last general of a path.
Value(i, p) ==
    LET others == {j \in General : j # i /\ ~On(j, p)}
        attack == {j \in others : Value(i, Append(p, j)) = "ATTACK"}
        direct == IF Heard(i, p) = "ATTACK" THEN 1 ELSE 0
    IN  IF Len(p) > M THEN Heard(i, p)
        ELSE Majority(Cardinality(attack) + direct, Cardinality(others) + 1)

\* SM: ATTACK if it is the only order received, otherwise RETREAT.
Choice(i) ==
    IF Received(i, M + 1) = {"ATTACK"} THEN "ATTACK" ELSE "RETREAT"

----------------------------------------------------------------------------
(* Steps *)

Init ==
    /\ traitors \in {t \in SUBSET General : Cardinality(t) = F}
    /\ order \in (IF 0 \in traitors THEN {"ATTACK"} ELSE Order)
    /\ round = 0
    /\ messages = {}
    /\ decision = [i \in General |-> "none"]

\* The messages of the next round are sent and arrive.
Speak ==
    /\ round <= M
    /\ \E lies \in (IF IsSigned THEN SignedLies(round + 1) ELSE OralLies(round + 1)) :
           messages' = messages \cup lies \cup (IF IsSigned THEN SignedTruth(round + 1) ELSE OralTruth(round + 1))
    /\ round' = round + 1
    /\ UNCHANGED <<traitors, order, decision>>

\* All loyal generals decide.
Decide ==
    /\ round = M + 1
    /\ decision = [i \in General |-> "none"]
    /\ decision' = [i \in General |->
           IF i \in traitors THEN "none"
           ELSE IF i = 0 THEN order
           ELSE IF IsSigned THEN Choice(i) ELSE Value(i, <<0>>)]
    /\ UNCHANGED <<traitors, order, round, messages>>

Next == Speak \/ Decide

Spec == Init /\ [][Next]_vars

----------------------------------------------------------------------------
(* Promises *)

\* All loyal lieutenants obey the same order.
IC1 == \A i, j \in Loyal \cap Lieutenant : decision[i] = decision[j]

\* If the commander is loyal, every loyal lieutenant obeys the order that he sent.
IC2 == 0 \in Loyal => \A i \in Loyal \cap Lieutenant : decision[i] \in {"none", order}
=============================================================================
