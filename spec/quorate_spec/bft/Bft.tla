-------------------------------- MODULE Bft --------------------------------
(***************************************************************************)
(* A replicated log that tolerates Byzantine members: two-phase locking    *)
(* by the rules of HotStuff-2 (Malkhi and Nayak, 2023) and Jolteon (Gelashvili *)
(* and others, 2021), with an instance of its own for each index of the    *)
(* log.  actions.py holds the same actions, under the same names and in    *)
(* the same order, in Python.  There are no bounds here: MCBft.tla has     *)
(* them.                                                                   *)
(*                                                                         *)
(* Traitors have no variables.  What an honest member has signed is never  *)
(* withdrawn, so it may reach any member at any later time, or never: that *)
(* covers delay, loss and repetition.  A traitor's signature on anything   *)
(* is always available, and may differ for each receiver.                  *)
(*                                                                         *)
(* Deviations from the papers:                                             *)
(*  - One index is decided after the other; nothing is chained.            *)
(*  - Certificates and timeouts go to everybody, not only to the leader.   *)
(*  - Time is left out: a view may time out, and a leader's wait (the      *)
(*    papers' Delta) be over, whenever its action is enabled.              *)
(*  - A certificate doesn't name its signers: whether the votes of a       *)
(*    quorum exist is a question about messages (Certified).               *)
(***************************************************************************)
EXTENDS Naturals, FiniteSets, Sequences

CONSTANTS
    Honest,   \* The members that follow these actions.
    Traitor,  \* The members that may sign and send anything.
    Leaders,  \* The sequence of members that lead in turn.
    Digest,   \* The digests that may be proposed.
    Nil       \* No digest.

(***************************************************************************)
(* Each variable is a function of the honest members.  The first lines are *)
(* about the current instance, that of index Len(log[i]) + 1.              *)
(*                                                                         *)
(* On disk, durable before a message that depends on it is sent:           *)
(*   log            the decisions, [view, digest] each.                    *)
(*   view           the view that it is in.                                *)
(*   acceptedView   the last view that got its first vote, or 0.           *)
(*   lock           the highest certificate it voted under, [view, digest],*)
(*                  or NoCertificate.                                      *)
(*   committedView  the last view that got its second vote, or 0.          *)
(*   proposedView   the last view in which it proposed, or 0.              *)
(* Lost in a restart:                                                      *)
(*   known          the undecided digests that it knows clients to want.   *)
(*   heard          the latest Timeout of each member.                     *)
(*   waited         whether, as a leader, it has waited long enough.       *)
(*   votes          as a leader, the votes of its view that it counts.     *)
(* History, from which messages to others are taken:                       *)
(*   messages       every message that it ever signed or certified.        *)
(*                                                                         *)
(* A message has mtype, mindex, mview, and by its mtype:                   *)
(*   Propose      msource, mdigest, mjustify (a certificate or none)       *)
(*   Vote         msource, mphase, mdigest                                 *)
(*   Timeout      msource, mhigh (a certificate or none)                   *)
(*   Certificate  mphase, mdigest                                          *)
(***************************************************************************)
VARIABLES log, view, acceptedView, lock, committedView, proposedView, known, heard, waited, votes, messages

\* Short names for the variables that an action leaves unchanged.
rounds   == <<acceptedView, committedView, proposedView>>
leading  == <<heard, waited, votes>>
members  == <<log, view, acceptedView, lock, committedView, proposedView, known, heard, waited, votes>>
vars     == <<members, messages>>

-----------------------------------------------------------------------------
(* Helpers *)

Prepare == "prepare"
Commit  == "commit"

NoCertificate == [view |-> 0, digest |-> Nil]

Member == Honest \cup Traitor

\* The number of traitors that are tolerated: the f of n >= 3f + 1.
Faults == (Cardinality(Member) - 1) \div 3

\* The size of a quorum: any two share more than f members, and so an honest one.
Quorum == (Cardinality(Member) + Faults) \div 2 + 1

\* The leader of a view of index n.
Leader(n, v) == Leaders[((n + v - 2) % Len(Leaders)) + 1]

\* The index that member i is about to decide.
Index(i) == Len(log[i]) + 1

\* Whether member i leads its view.
Leads(i) == Leader(Index(i), view[i]) = i

\* All messages that honest members ever sent.
Messages == UNION {messages[j] : j \in Honest}

\* Whether the honest votes for this and those of all traitors are a quorum: then the certificate exists, and may reach
\* any member.
Certified(phase, n, v, d) ==
    LET voters == {j \in Honest : [mtype |-> "Vote", msource |-> j, mphase |-> phase, mindex |-> n, mview |-> v,
                                   mdigest |-> d] \in messages[j]} IN
    Cardinality(voters \cup Traitor) >= Quorum

\* Whether m may reach any member: it was sent or is a traitor's, and the certificate in it exists.
Believable(m) ==
    LET shown == CASE m.mtype = "Propose" -> m.mjustify [] m.mtype = "Timeout" -> m.mhigh [] OTHER -> NoCertificate IN
    /\ m.msource \in Traitor \/ m \in Messages
    /\ shown # NoCertificate => Certified(Prepare, m.mindex, shown.view, shown.digest)

\* The certificate of the later view.
Higher(c, d) == IF d.view > c.view THEN d ELSE c

\* The highest certificates that leader i knows of.
Best(i) ==
    LET all == {lock[i]} \cup {m.mhigh : m \in heard[i]} IN
    {c \in all : \A d \in all : d.view <= c.view}

\* Whether leader i may propose c: it has the timeouts of a quorum, and has waited for those of all honest members.  The
\* quorum alone may lack the only honest member with a higher lock and have a traitor in its place.
HeardEnough(i, c) ==
    LET late == {m \in heard[i] : m.mview + 1 >= view[i]} IN
    \/ view[i] = 1
    \/ /\ Cardinality(late) >= Quorum
       /\ waited[i] \/ Cardinality(late) = Cardinality(Member) \/ c.view + 1 = view[i]

\* Whether c may justify a proposal of digest d in view v.
Justifies(c, d, v) == c = NoCertificate \/ (c.digest = d /\ c.view < v)

\* Member i sends this message.
Say(i, new) == messages' = [messages EXCEPT ![i] = @ \cup new]

\* Member i enters view v, and sends its lock to the next leader.
Enter(i, v) ==
    /\ view' = [view EXCEPT ![i] = v]
    /\ waited' = [waited EXCEPT ![i] = FALSE]
    /\ votes' = [votes EXCEPT ![i] = {}]
    /\ Say(i, {[mtype |-> "Timeout", msource |-> i, mindex |-> Index(i), mview |-> v - 1, mhigh |-> lock[i]]})
    /\ UNCHANGED <<log, lock, rounds, known, heard>>

-----------------------------------------------------------------------------
(* The beginning *)

Init ==
    /\ log = [i \in Honest |-> << >>]
    /\ view = [i \in Honest |-> 1]
    /\ acceptedView = [i \in Honest |-> 0]
    /\ lock = [i \in Honest |-> NoCertificate]
    /\ committedView = [i \in Honest |-> 0]
    /\ proposedView = [i \in Honest |-> 0]
    /\ known = [i \in Honest |-> {}]
    /\ heard = [i \in Honest |-> {}]
    /\ waited = [i \in Honest |-> FALSE]
    /\ votes = [i \in Honest |-> {}]
    /\ messages = [i \in Honest |-> {}]

-----------------------------------------------------------------------------
(* From view to view *)

\* The timeout of the view elapses at member i, which enters the next one and sends its Timeout.
ViewTimeout(i) == Enter(i, view[i] + 1)

\* Member i stores the latest timeout of each member.
HearTimeout(i, m) ==
    /\ m.mtype = "Timeout"
    /\ m.mindex = Index(i)
    /\ \A t \in heard[i] : t.msource = m.msource => t.mview < m.mview
    /\ heard' = [heard EXCEPT ![i] = {t \in @ : t.msource # m.msource} \cup {m}]
    /\ UNCHANGED <<log, view, rounds, lock, known, waited, votes, messages>>

\* More than f members, so an honest one, have left a view that member i hasn't left, and i leaves it.
FollowTimeouts(i) ==
    \E m \in heard[i] :
        /\ m.mview >= view[i]
        /\ Cardinality({t \in heard[i] : t.mview >= m.mview}) > Faults
        /\ Enter(i, m.mview + 1)

\* A quorum voted in a view that member i hasn't entered yet, and i enters it.
FollowCertificate(i, m) ==
    /\ m.mtype = "Certificate"
    /\ m.mphase = Prepare
    /\ m.mindex = Index(i)
    /\ m.mview > view[i]
    /\ Enter(i, m.mview)

\* Member i sends a decision to a member that hasn't decided that index.
ShowDecision(i, m) ==
    /\ m.mtype = "Timeout"
    /\ m.mindex < Index(i)
    /\ Say(i, {[mtype |-> "Certificate", mphase |-> Commit, mindex |-> m.mindex, mview |-> log[i][m.mindex].view,
                mdigest |-> log[i][m.mindex].digest]})
    /\ UNCHANGED members

-----------------------------------------------------------------------------
(* Leading *)

\* Member i learns that a client wants d.
Submit(i, d) ==
    /\ d \notin known[i]
    /\ known' = [known EXCEPT ![i] = @ \cup {d}]
    /\ UNCHANGED <<log, view, rounds, lock, leading, messages>>

\* Leader i has waited long enough for the timeouts of all honest members.
WaitOver(i) ==
    /\ Leads(i)
    /\ ~waited[i]
    /\ waited' = [waited EXCEPT ![i] = TRUE]
    /\ UNCHANGED <<log, view, rounds, lock, known, heard, votes, messages>>

\* Leader i proposes, once in a view, the digest of the highest certificate that it knows, or without one a client's.
Propose(i, d) ==
    /\ Leads(i)
    /\ proposedView[i] < view[i]
    /\ \E c \in Best(i) :
        /\ HeardEnough(i, c)
        /\ IF c = NoCertificate THEN d \in known[i] ELSE d = c.digest
        /\ Say(i, {[mtype |-> "Propose", msource |-> i, mindex |-> Index(i), mview |-> view[i], mdigest |-> d,
                    mjustify |-> c]})
    /\ proposedView' = [proposedView EXCEPT ![i] = view[i]]
    /\ UNCHANGED <<log, view, acceptedView, lock, committedView, known, leading>>

\* Leader i counts a vote of its view, one of each member in a phase.
HandleVote(i, m) ==
    /\ m.mtype = "Vote"
    /\ Leads(i)
    /\ m.mindex = Index(i)
    /\ m.mview = view[i]
    /\ \A w \in votes[i] : w.msource # m.msource \/ w.mphase # m.mphase
    /\ votes' = [votes EXCEPT ![i] = @ \cup {m}]
    /\ UNCHANGED <<log, view, rounds, lock, known, heard, waited, messages>>

\* Leader i has the votes of a quorum, and sends them to everybody as a certificate.
Certify(i, phase, d) ==
    /\ Leads(i)
    /\ Cardinality({m \in votes[i] : m.mphase = phase /\ m.mdigest = d}) >= Quorum
    /\ Say(i, {[mtype |-> "Certificate", mphase |-> phase, mindex |-> Index(i), mview |-> view[i], mdigest |-> d]})
    /\ UNCHANGED members

-----------------------------------------------------------------------------
(* Voting *)

\* Member i gives its first vote, once in a view, to a proposal that can't contradict a decision.
HandlePropose(i, m) ==
    /\ m.mtype = "Propose"
    /\ m.mindex = Index(i)
    /\ m.mview = view[i]
    /\ m.msource = Leader(m.mindex, m.mview)
    /\ acceptedView[i] < view[i]
    /\ Justifies(m.mjustify, m.mdigest, m.mview)
    /\ m.mjustify = NoCertificate => m.mdigest \in known[i]
    /\ m.mjustify.view >= lock[i].view
    /\ acceptedView' = [acceptedView EXCEPT ![i] = view[i]]
    /\ lock' = [lock EXCEPT ![i] = Higher(@, m.mjustify)]
    /\ Say(i, {[mtype |-> "Vote", msource |-> i, mphase |-> Prepare, mindex |-> m.mindex, mview |-> m.mview,
                mdigest |-> m.mdigest]})
    /\ UNCHANGED <<log, view, committedView, proposedView, known, leading>>

\* Member i gives its second vote, once in a view, to a digest with a quorum of first votes, and is locked on it.
HandlePrepared(i, m) ==
    /\ m.mtype = "Certificate"
    /\ m.mphase = Prepare
    /\ m.mindex = Index(i)
    /\ m.mview = view[i]
    /\ committedView[i] < view[i]
    /\ lock' = [lock EXCEPT ![i] = [view |-> m.mview, digest |-> m.mdigest]]
    /\ committedView' = [committedView EXCEPT ![i] = view[i]]
    /\ Say(i, {[mtype |-> "Vote", msource |-> i, mphase |-> Commit, mindex |-> m.mindex, mview |-> m.mview,
                mdigest |-> m.mdigest]})
    /\ UNCHANGED <<log, view, acceptedView, proposedView, known, leading>>

\* Member i decides a digest with a quorum of second votes, and begins the instance of the next index.
HandleDecide(i, m) ==
    /\ m.mtype = "Certificate"
    /\ m.mphase = Commit
    /\ m.mindex = Index(i)
    /\ log' = [log EXCEPT ![i] = Append(@, [view |-> m.mview, digest |-> m.mdigest])]
    /\ view' = [view EXCEPT ![i] = 1]
    /\ acceptedView' = [acceptedView EXCEPT ![i] = 0]
    /\ lock' = [lock EXCEPT ![i] = NoCertificate]
    /\ committedView' = [committedView EXCEPT ![i] = 0]
    /\ proposedView' = [proposedView EXCEPT ![i] = 0]
    /\ known' = [known EXCEPT ![i] = @ \ {m.mdigest}]
    /\ heard' = [heard EXCEPT ![i] = {}]
    /\ waited' = [waited EXCEPT ![i] = FALSE]
    /\ votes' = [votes EXCEPT ![i] = {}]
    /\ UNCHANGED messages

-----------------------------------------------------------------------------
(* Failures *)

\* Member i crashes and starts again with what is on its disk.
StartAgain(i) ==
    /\ known' = [known EXCEPT ![i] = {}]
    /\ heard' = [heard EXCEPT ![i] = {}]
    /\ waited' = [waited EXCEPT ![i] = FALSE]
    /\ votes' = [votes EXCEPT ![i] = {}]
    /\ UNCHANGED <<log, view, rounds, lock, messages>>

-----------------------------------------------------------------------------
(* All that may happen *)

\* The actions of member i that receive message m.
Receive(i, m) ==
    \/ HearTimeout(i, m)
    \/ FollowCertificate(i, m)
    \/ ShowDecision(i, m)
    \/ HandleVote(i, m)
    \/ HandlePropose(i, m)
    \/ HandlePrepared(i, m)
    \/ HandleDecide(i, m)

\* The message with a certificate.
Shown(phase, n, v, d) == [mtype |-> "Certificate", mphase |-> phase, mindex |-> n, mview |-> v, mdigest |-> d]

\* All messages of the first indices and views that may reach a member.
Arriving(indices, views) ==
    LET certified == {c \in [view : views, digest : Digest] : TRUE} \cup {NoCertificate} IN
    {m \in [mtype : {"Propose"}, msource : Member, mindex : indices, mview : views, mdigest : Digest,
            mjustify : certified] : Believable(m)}
    \cup {m \in [mtype : {"Vote"}, msource : Member, mphase : {Prepare, Commit}, mindex : indices, mview : views,
                 mdigest : Digest] : Believable(m)}
    \cup {m \in [mtype : {"Timeout"}, msource : Member, mindex : indices, mview : views, mhigh : certified] :
              Believable(m) /\ m.mhigh.view <= m.mview}
    \cup {m \in [mtype : {"Certificate"}, mphase : {Prepare, Commit}, mindex : indices, mview : views,
                 mdigest : Digest] : Certified(m.mphase, m.mindex, m.mview, m.mdigest)}

Next ==
    \/ \E i \in Honest : ViewTimeout(i)
    \/ \E i \in Honest : FollowTimeouts(i)
    \/ \E i \in Honest, d \in Digest : Submit(i, d)
    \/ \E i \in Honest : WaitOver(i)
    \/ \E i \in Honest, d \in Digest : Propose(i, d)
    \/ \E i \in Honest, phase \in {Prepare, Commit}, d \in Digest : Certify(i, phase, d)
    \/ \E i \in Honest : StartAgain(i)
    \/ \E n \in Nat \ {0}, v \in Nat \ {0} : \E m \in Arriving({n}, 1..v) : \E i \in Honest : Receive(i, m)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* What it promises, whatever f traitors do *)

\* No two honest members decide different digests at one index.
Agreement ==
    \A i \in Honest, j \in Honest :
        \A n \in 1..Len(log[i]) : n <= Len(log[j]) => log[i][n].digest = log[j][n].digest

\* No decision of a member is lost or replaced.
DecisionsStay ==
    [][\A i \in Honest : Len(log'[i]) >= Len(log[i]) /\ SubSeq(log'[i], 1, Len(log[i])) = log[i]]_vars

-----------------------------------------------------------------------------
(* Lemmas of the proofs of these promises *)

\* An honest member votes for one digest in a phase of a view.
NoDoubleVote ==
    \A i \in Honest : \A m \in messages[i], w \in messages[i] :
        (m.mtype = "Vote" /\ w.mtype = "Vote" /\ m.mphase = w.mphase /\ m.mindex = w.mindex /\ m.mview = w.mview)
            => m = w

\* An honest leader proposes one digest in a view.
NoDoubleProposal ==
    \A i \in Honest : \A m \in messages[i], w \in messages[i] :
        (m.mtype = "Propose" /\ w.mtype = "Propose" /\ m.mindex = w.mindex /\ m.mview = w.mview) => m = w

\* An honest member sends, or is locked on, valid certificates only.
CertificatesAreCertified ==
    \A i \in Honest :
        /\ lock[i] # NoCertificate => Certified(Prepare, Index(i), lock[i].view, lock[i].digest)
        /\ \A m \in messages[i] : m.mtype = "Certificate" => Certified(m.mphase, m.mindex, m.mview, m.mdigest)
        /\ \A n \in 1..Len(log[i]) : Certified(Commit, n, log[i][n].view, log[i][n].digest)

\* Once a digest can be decided in a view, no other can be certified in that view or a later one.
LockSafety ==
    \A m \in Messages :
        (m.mtype = "Vote" /\ m.mphase = Commit /\ Certified(Commit, m.mindex, m.mview, m.mdigest)) =>
            \A w \in Messages :
                (w.mtype = "Vote" /\ w.mindex = m.mindex /\ w.mview >= m.mview
                    /\ Certified(w.mphase, w.mindex, w.mview, w.mdigest)) => w.mdigest = m.mdigest

\* Every variable has a value of its kind; TLC checks it, and a reader may take it as the table of types.
TypeOK ==
    LET certificates == [view : Nat \ {0}, digest : Digest] \cup {NoCertificate} IN
    \A i \in Honest :
        /\ \A n \in 1..Len(log[i]) : log[i][n].view \in Nat \ {0} /\ log[i][n].digest \in Digest
        /\ view[i] \in Nat \ {0}
        /\ acceptedView[i] \in 0..view[i]
        /\ lock[i].view \in 0..view[i] /\ lock[i].digest \in Digest \cup {Nil}
        /\ committedView[i] \in 0..view[i]
        /\ proposedView[i] \in 0..view[i]
        /\ known[i] \subseteq Digest
        /\ \A m \in heard[i] : m.mtype = "Timeout" /\ m.msource \in Member
        /\ waited[i] \in BOOLEAN
        /\ \A m \in votes[i] : m.mtype = "Vote" /\ m.msource \in Member
        /\ \A m \in messages[i] : m.mindex \in 1..Index(i) /\ m.mview \in Nat \ {0}
=============================================================================
