"""Chapters 1 to 5: faults, generals, and what agreement is."""

from quorate_check.core.verdict import Verdict
from quorate_check.learn.exercises import Change, Chapter, Form, Question
from quorate_check.learn.readings import broken_promise, holds, least, runs_that_split, steps

CONDITIONS = ("IC1", "IC2")
OF_ELECTIONS = ("ElectionSafety", "TermNeverDecreases", "OneVotePerTerm")

FAULTS = Chapter(
    1,
    "What can fail",
    "1-what-can-fail.md",
    (
        Question(
            "silent-server",
            "One of three Raft servers is silent for ever. Is an entry still committed?",
            "One of three Raft servers has crashed for good: it sends nothing. Can a client's entry still be committed "
            "and applied? The search looks for a path to such a state.",
            ("raft --traitor silent --max-term 1 --max-log 1 --proposals 1 --witness 'an entry is applied'",),
            Form.YES_NO,
            holds,
            "A majority of three is two. The two servers that run elect one of them and store the entry on both.",
        ),
        Question(
            "forgotten-vote",
            "A server forgets its vote when it restarts. Which promise breaks first?",
            "A server may crash at any moment, and starts again from its disk. In this copy of the code it reads its "
            "term from the disk, but not its vote. Which promise breaks first?",
            ("raft --max-term 1 --max-log 0 --proposals 0 --restarts 1",),
            Form.PROMISE,
            broken_promise,
            "After the restart the server has no vote in this term, so it can vote again, for somebody else. Two "
            "leaders of a term, which break ElectionSafety, need a few steps more.",
            OF_ELECTIONS,
            Change("raft/node.py", "        voted_for=durable.voted_for,", "        voted_for=None,"),
        ),
        Question(
            "lying-voter",
            "One of three Raft servers votes for everybody. After how many steps are there two leaders?",
            "One of three Raft servers is Byzantine: it votes for every candidate. How many steps has a shortest path "
            "to two leaders of one term? A step is an event at one server: a timeout, or the arrival of a message. The "
            "vote of the Byzantine server may arrive without a request.",
            ("raft --traitor vote --max-term 1 --max-log 0 --proposals 0",),
            Form.NUMBER,
            steps,
            "Two servers time out, and each receives the vote of the third: twice two steps. A candidate votes for "
            "itself, so one more vote is a majority.",
        ),
    ),
)

NINE_GENERALS = Chapter(
    2,
    "Nine generals and a split vote",
    "2-nine-generals.md",
    (
        Question(
            "split-army",
            "Nine generals: how many of the ninth's 256 answers split the army?",
            "Four generals want to attack and four to retreat. The ninth is a traitor, who tells each of the eight "
            "what he likes: that is 2 to the power of 8 ways, 256. In how many of them do the eight not all do the "
            "same?",
            ("generals",),
            Form.NUMBER,
            runs_that_split("vote, nine generals, the ninth a traitor: he splits the army"),
            "The votes of the eight are balanced, so each does what the ninth told him. They do the same only if he "
            "tells all of them to attack, or all to retreat.",
        ),
        Question(
            "balanced-vote",
            "Four loyal generals, a balanced vote: do all do the same?",
            "Four generals vote. None is a traitor, and every message arrives. Two want to attack, two to retreat. Do "
            "all four always do the same? The check covers every combination of wishes.",
            ("generals --protocol vote --n 4 --traitors 0",),
            Form.YES_NO,
            holds,
            "All four count the same votes by the same rule, and the rule also says what to do if the vote is "
            "balanced. What they do may be wrong for two of them, but it is the same.",
        ),
        Question(
            "two-tongues",
            "Three generals, one of them a traitor. Which condition does a vote break?",
            "Three generals vote, and one is a traitor. IC1: all loyal generals do the same. IC2: if all loyal "
            "generals want the same, they do it. Which of the two can break?",
            ("generals --protocol vote --n 3 --traitors 1",),
            Form.PROMISE,
            broken_promise,
            "If both loyal generals want the same, they are two of three, so IC2 holds. If they differ, each does what "
            "the traitor told him.",
            CONDITIONS,
        ),
    ),
)

LOSS = Chapter(
    3,
    "Lost and forged messages",
    "3-lost-and-forged.md",
    (
        Question(
            "lost-vote",
            "Three loyal generals, messages may be lost. Does a vote keep both conditions?",
            "Three loyal generals vote. Messengers may lose any message, and nobody knows which. Are IC1 and IC2 kept "
            "in all runs?",
            ("generals --protocol vote --n 3 --traitors 0 --loss",),
            Form.YES_NO,
            holds,
            "One general may miss a vote that the others count. Loss alone splits the army, without any traitor.",
        ),
        Question(
            "three-generals",
            "A commander and two lieutenants, one of the three a traitor. Which condition breaks?",
            "A commander sends an order to two lieutenants, and each lieutenant tells the other what he heard: OM(1). "
            "One of the three is a traitor. IC1: all loyal lieutenants do the same. IC2: if the commander is loyal, "
            "every loyal lieutenant does what he ordered. Which of the two can break?",
            ("generals --protocol om --n 3 --traitors 1",),
            Form.PROMISE,
            broken_promise,
            "A lieutenant that hears one order from the commander and another from his comrade can't know who lies. "
            "This rule retreats in doubt, which disobeys a loyal commander who ordered to attack. With a traitor as "
            "commander both lieutenants see the same two orders. Another rule would break IC1 instead: no rule keeps "
            "both.",
            CONDITIONS,
        ),
        Question(
            "another-round",
            "Does a further round of messages help three generals?",
            "The same three generals exchange messages for another round: OM(2). Are both conditions kept now?",
            ("generals --protocol om --n 3 --traitors 1 --rounds 2",),
            Form.YES_NO,
            holds,
            "Nobody is left to ask: every message of a further round would come from a general who may be the traitor. "
            "The proof in this chapter holds for any number of rounds.",
        ),
    ),
)

MESSAGES = Chapter(
    4,
    "Oral and signed messages",
    "4-oral-and-signed.md",
    (
        Question(
            "least-oral",
            "With oral messages, how many generals tolerate one traitor?",
            "How many generals, the commander and the traitor included, are needed at least, so that OM(1) keeps IC1 "
            "and IC2 whoever the one traitor is? The check tries 3, 4 and 5.",
            tuple(f"generals --protocol om --n {n} --traitors 1" for n in (3, 4, 5)),
            Form.NUMBER,
            least(Verdict.HOLDS, 3),
            "More than three times as many generals as traitors. With four, a lieutenant has three statements about "
            "the order, of which a majority is true if the commander is loyal.",
        ),
        Question(
            "least-signed",
            "With signed messages, how many generals tolerate one traitor?",
            "Now every general signs what he says, and nobody can forge a signature: SM(1). How many generals are "
            "needed at least to tolerate one traitor? The check tries 3 and 4.",
            tuple(f"generals --protocol sm --n {n} --traitors 1" for n in (3, 4)),
            Form.NUMBER,
            least(Verdict.HOLDS, 3),
            "A commander that signs two orders is convicted by his own signatures, and a lieutenant can't invent an "
            "order. So two loyal generals and a traitor are enough.",
        ),
        Question(
            "forged-signature",
            "Traitors can forge signatures. Which condition breaks?",
            "Three generals use signed messages, SM(1), and one is a traitor. But now the traitor's messengers can "
            "forge the signatures of others. Which condition can break?",
            ("generals --protocol sm --n 3 --traitors 1 --forge",),
            Form.PROMISE,
            broken_promise,
            "A traitor shows an order that a loyal commander never gave, with the commander's signature. All of SM "
            "rests on signatures that can't be forged.",
            CONDITIONS,
        ),
        Question(
            "signed-rounds",
            "Two traitors among four generals: what is the least m of SM(m)?",
            "Four generals use signed messages, and two of them are traitors. SM(m) has m + 1 rounds of messages. What "
            "is the least m that keeps both conditions? The check tries 1, 2 and 3.",
            tuple(f"generals --protocol sm --n 4 --traitors 2 --rounds {m}" for m in (1, 2, 3)),
            Form.NUMBER,
            least(Verdict.HOLDS, 1),
            "With too few rounds a traitor shows an order to one lieutenant in the last round, who can't pass it on "
            "any more. With m equal to the number of traitors, one of the m + 1 signatures is by a loyal general, who "
            "told everybody.",
        ),
    ),
)

AGREEMENT = Chapter(
    5,
    "Agreement",
    "5-agreement.md",
    (
        Question(
            "half-quorum",
            "Half of four servers are a quorum. Which promise breaks first?",
            "In this copy of the code, half of the members are a majority: two of four. Which promise breaks first?",
            ("raft --servers 4 --max-term 1 --max-log 0 --proposals 0",),
            Form.PROMISE,
            broken_promise,
            "Two pairs of four servers may have nobody in common, so each pair elects its own leader. Of two "
            "majorities one server is in both, and it votes once.",
            OF_ELECTIONS,
            Change("quorum.py", "    return n // 2 + 1\n", "    return max(1, n // 2)\n"),
        ),
        Question(
            "least-broadcast",
            "Bracha's broadcast: how many generals tolerate one traitor?",
            "Bracha's broadcast has no rounds: messages may be late for any time, but arrive. How many generals does "
            "it need at least to tolerate one traitor? The check tries 3 and 4.",
            tuple(f"generals --protocol bracha --n {n} --traitors 1" for n in (3, 4)),
            Form.NUMBER,
            least(Verdict.HOLDS, 3),
            "A quorum is 2f + 1 of 3f + 1 generals: three of four. Two quorums share two generals, of whom one is "
            "loyal; and the three loyal ones are a quorum without the traitor.",
        ),
        Question(
            "least-kings",
            "Five generals, one traitor: how many kings does the phase king need?",
            "In the phase king protocol, every phase has another king, whose word decides where the votes are close. "
            "One of five generals is a traitor. How many phases are needed at least? The check tries 1 and 2.",
            tuple(f"generals --protocol phase-king --n 5 --traitors 1 --rounds {m}" for m in (0, 1)),
            Form.NUMBER,
            least(Verdict.HOLDS, 1),
            "The only king may be the traitor. Among f + 1 kings one is loyal, and what all loyal generals agree on in "
            "his phase stays.",
        ),
    ),
)
