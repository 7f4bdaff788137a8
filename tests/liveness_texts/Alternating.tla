------------------------------ MODULE Alternating ------------------------------
\* The alternating bit protocol on queues that lose messages, and may repeat the oldest. What would exceed the capacity
\* leads beyond the bounds, to one state in which nothing happens any more.
EXTENDS Naturals, Sequences
CONSTANTS Capacity, MostRepeats
VARIABLES sender, receiver, data, acks, repeats, beyond
vars == <<sender, receiver, data, acks, repeats, beyond>>

Is(s, r, d, a, n) == sender' = s /\ receiver' = r /\ data' = d /\ acks' = a /\ repeats' = n

Init == sender = 0 /\ receiver = 0 /\ data = <<>> /\ acks = <<>> /\ repeats = 0 /\ beyond = FALSE

To(s, r, d, a, n) ==
    /\ ~beyond
    /\ IF Len(d) + Len(a) <= Capacity
       THEN Is(s, r, d, a, n) /\ beyond' = FALSE
       ELSE Is(0, 0, <<>>, <<>>, 0) /\ beyond' = TRUE

Received(bit) == IF bit = receiver THEN 1 - receiver ELSE receiver
Acknowledged(bit) == IF bit = sender THEN 1 - sender ELSE sender

Send == To(sender, receiver, Append(data, sender), acks, repeats)

TakeData(bit) ==
    /\ data # <<>> /\ Head(data) = bit
    /\ To(sender, Received(bit), Tail(data), Append(acks, bit), repeats)

TakeAck(bit) ==
    /\ acks # <<>> /\ Head(acks) = bit
    /\ To(Acknowledged(bit), receiver, data, Tail(acks), repeats)

Repeat ==
    /\ repeats < MostRepeats
    /\ \/ /\ data # <<>>
          /\ To(sender, Received(Head(data)), data, Append(acks, Head(data)), repeats + 1)
       \/ /\ acks # <<>>
          /\ To(Acknowledged(Head(acks)), receiver, data, acks, repeats + 1)

Lose ==
    \/ data # <<>> /\ To(sender, receiver, Tail(data), acks, repeats)
    \/ acks # <<>> /\ To(sender, receiver, data, Tail(acks), repeats)

TakeAnyData == \E bit \in {0, 1} : TakeData(bit)
TakeAnyAck == \E bit \in {0, 1} : TakeAck(bit)

Next == Send \/ TakeAnyData \/ TakeAnyAck \/ Repeat \/ Lose
================================================================================
