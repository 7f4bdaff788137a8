------------------------------ MODULE Election ------------------------------
(* Raft's elections without logs: the same model as in election.py and      *)
(* election.pml. Servers are numbered from 1; 0 is nobody.                  *)
EXTENDS Naturals, FiniteSets

CONSTANTS Servers, Terms, Capacity, Quorum

Server == 1..Servers

VARIABLES
    term,      \* of each server, from 0
    role,      \* "follower", "candidate" or "leader"
    vote,      \* for whom it voted in its term
    votes,     \* who voted for it in its term
    messages   \* in flight

vars == <<term, role, vote, votes, messages>>

Request(t, i, j) == [kind |-> "request", term |-> t, source |-> i, destination |-> j]
Vote(t, i, j) == [kind |-> "vote", term |-> t, source |-> i, destination |-> j]

Init ==
    /\ term = [i \in Server |-> 0]
    /\ role = [i \in Server |-> "follower"]
    /\ vote = [i \in Server |-> 0]
    /\ votes = [i \in Server |-> {}]
    /\ messages = {}

(* A server becomes a candidate, and votes for itself. *)
Timeout(i) ==
    /\ role[i] # "leader"
    /\ term[i] < Terms
    /\ Cardinality(messages) + Servers - 1 <= Capacity
    /\ term' = [term EXCEPT ![i] = @ + 1]
    /\ role' = [role EXCEPT ![i] = "candidate"]
    /\ vote' = [vote EXCEPT ![i] = i]
    /\ votes' = [votes EXCEPT ![i] = {i}]
    /\ messages' = messages \cup {Request(term[i] + 1, i, j) : j \in Server \ {i}}

(* A newer term makes a follower, and a vote is given once in a term. *)
HandleRequest(m) ==
    LET i == m.destination
        newer == m.term > term[i]
        grants == newer \/ (m.term = term[i] /\ vote[i] = 0)
        rest == messages \ {m}
    IN  /\ m.kind = "request"
        /\ term' = IF newer THEN [term EXCEPT ![i] = m.term] ELSE term
        /\ role' = IF newer THEN [role EXCEPT ![i] = "follower"] ELSE role
        /\ votes' = IF newer THEN [votes EXCEPT ![i] = {}] ELSE votes
        /\ vote' = IF grants THEN [vote EXCEPT ![i] = m.source] ELSE vote
        /\ messages' = IF grants THEN rest \cup {Vote(m.term, i, m.source)} ELSE rest

(* A candidate with enough votes leads. *)
HandleVote(m) ==
    LET i == m.destination
        counts == role[i] = "candidate" /\ m.term = term[i]
        more == votes[i] \cup {m.source}
    IN  /\ m.kind = "vote"
        /\ votes' = IF counts THEN [votes EXCEPT ![i] = more] ELSE votes
        /\ role' = IF counts /\ Cardinality(more) >= Quorum THEN [role EXCEPT ![i] = "leader"] ELSE role
        /\ messages' = messages \ {m}
        /\ UNCHANGED <<term, vote>>

Next ==
    \/ \E i \in Server : Timeout(i)
    \/ \E m \in messages : HandleRequest(m) \/ HandleVote(m)

Spec == Init /\ [][Next]_vars

ElectionSafety ==
    \A i, j \in Server :
        (i # j /\ role[i] = "leader" /\ role[j] = "leader") => term[i] # term[j]
=============================================================================
