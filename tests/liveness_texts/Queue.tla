------------------------------ MODULE Queue ------------------------------
\* Two messages. A receiver that is asleep defers the first. On an ordered link the second then waits behind it.
EXTENDS Naturals, Sequences
CONSTANT Ordered
VARIABLES sent, receiver, link
vars == <<sent, receiver, link>>

Init == sent = 0 /\ receiver = "asleep" /\ link = <<>>

Send ==
    /\ sent < 2
    /\ sent' = sent + 1
    /\ link' = Append(link, IF sent = 0 THEN "first" ELSE "second")
    /\ UNCHANGED receiver

Wake == receiver = "asleep" /\ receiver' = "awake" /\ UNCHANGED <<sent, link>>

Without(i) == SubSeq(link, 1, i - 1) \o SubSeq(link, i + 1, Len(link))

Take(m) ==
    \E i \in 1 .. Len(link) :
        /\ link[i] = m
        /\ Ordered => i = 1
        /\ m = "first" => receiver # "asleep"
        /\ link' = Without(i)
        /\ receiver' = CASE m = "second" -> "second"
                         [] m = "first" /\ receiver = "awake" -> "first"
                         [] OTHER -> receiver
        /\ UNCHANGED sent

Next == Send \/ Wake \/ Take("first") \/ Take("second")
==========================================================================
