------------------------------ MODULE Clocks ------------------------------
\* Two clocks count to two. Together they tick at most MostTicks times; one more tick leads beyond the bounds.
EXTENDS Naturals
CONSTANT MostTicks
VARIABLES time, ticks, beyond
vars == <<time, ticks, beyond>>

Init == time = <<0, 0>> /\ ticks = 0 /\ beyond = FALSE

Tick(i) ==
    /\ ~beyond
    /\ time[i] < 2
    /\ IF ticks < MostTicks
       THEN time' = [time EXCEPT ![i] = @ + 1] /\ ticks' = ticks + 1 /\ beyond' = FALSE
       ELSE time' = <<0, 0>> /\ ticks' = 0 /\ beyond' = TRUE

Next == Tick(1) \/ Tick(2)
===========================================================================
