"""Chapters 6 and 7: Raft, and a protocol that tolerates traitors."""

from quorate_check.core.verdict import Verdict
from quorate_check.learn.exercises import Change, Chapter, Form, Question, Task
from quorate_check.learn.readings import broken_promise, holds, least, steps

PAPER = ("ElectionSafety", "LeaderAppendOnly", "LogMatching", "LeaderCompleteness", "StateMachineSafety")
OF_CHANGES = ("ActiveQuorumsIntersect", "ElectionSafety", "LeaderCompleteness", "OnlyVotersLead")
OF_BFT = ("Agreement", "Validity", "OneVote", "LockSafety", "AllIsOnDisk")

COMPARISON = """\
    granted = state.voted_for in (None, message.source) and _is_up_to_date(
        state, message.last_log_term, message.last_log_index
    )
"""
NO_COMPARISON = "    granted = state.voted_for in (None, message.source)\n"
LENGTH_AND_TERM = "    return (last_log_term, last_log_index) >= (state.log.last_term, state.log.last_index)\n"
LENGTH = "    return last_log_index >= state.log.last_index\n"
OF_OWN_TERM = "    if index > state.commit_index and state.log.term_at(index) == state.current_term:\n"
OF_ANY_TERM = "    if index > state.commit_index:\n"
OF_TERM_OF_LEADER = "    if state.log.term_at(state.commit_index) != state.current_term:\n"
OF_SOME_TERM = "    if state.log.term_at(state.commit_index) is None:\n"
FIRST_PROPOSAL = "    if accepted is not None and accepted.view == state.view:\n"
SAME_PROPOSAL = "    if accepted is not None and accepted.view == state.view and accepted.digest == message.digest:\n"

RAFT = Chapter(
    6,
    "Raft, step by step",
    "6-raft.md",
    (
        Question(
            "election-steps",
            "After how many steps can there be a leader?",
            "Three servers have just started. How many steps has a shortest path to a leader? A step is an event at "
            "one server: a timeout, or the arrival of a message.",
            ("raft --max-term 1 --max-log 0 --proposals 0 --witness 'a leader is elected'",),
            Form.NUMBER,
            steps,
            "A timeout at the candidate, its request at a second server, and the vote at the candidate. The third "
            "server isn't needed.",
        ),
        Question(
            "blind-vote",
            "Servers vote without comparing logs. Which promise breaks first?",
            "In this copy of the code a server votes for any candidate that asks first, whatever is in the candidate's "
            "log. Which promise breaks first?",
            ("raft --max-log 1 --proposals 1",),
            Form.PROMISE,
            broken_promise,
            "A majority has the entry, so it is committed. The third server never got it, and is elected all the same. "
            "A term still has one leader, for each server votes once.",
            PAPER,
            Change("raft/election.py", COMPARISON, NO_COMPARISON),
        ),
        Question(
            "longer-log",
            "Servers compare only the lengths of logs. How many terms must a search have to find the mistake?",
            "In this copy of the code a candidate's log is good enough if it isn't shorter than that of the voter, "
            "whatever the terms in it. How many terms must a search have, at least, to find a broken promise? The "
            "check tries 2 and 3, with logs of one entry.",
            tuple(f"raft --max-term {term} --max-log 1 --proposals 2 --network ordered" for term in (2, 3)),
            Form.NUMBER,
            least(Verdict.VIOLATED, 2),
            "Two leaders must each write an entry at the same index, in two terms. A third election then lets the "
            "older entry win. Within two terms the check holds, and the code is wrong: a bounded check says nothing "
            "beyond its bounds.",
            change=Change("raft/election.py", LENGTH_AND_TERM, LENGTH),
        ),
        Question(
            "older-entry",
            "A leader commits entries of earlier terms by counting. Does each step conform within two terms?",
            "This copy of the code has the mistake of Figure 8. No promise breaks before the fourth term. `model-check "
            "conform` asks something else: is every step of the code allowed by the specification? Is it, within two "
            "terms?",
            ("conform --max-log 1 --proposals 1 --in-flight 3",),
            Form.YES_NO,
            holds,
            "The leader of the second term commits an entry of the first, which AdvanceCommitIndex doesn't allow. The "
            "specification objects to the step itself, long before it does harm.",
            change=Change("raft/commitment.py", OF_OWN_TERM, OF_ANY_TERM),
        ),
        Question(
            "early-change",
            "A leader changes the members before it has committed anything. Which promise breaks first?",
            "Four servers, and a change of one member each: a leader may remove server 3, or server 1. In this copy of "
            "the code it may do so before an entry of its own term is committed. Which promise breaks first, on a "
            "network that loses and repeats any message?",
            ("raft --servers 4 --network any --changes 124,234 --max-term 2 --max-log 1 --proposals 0",),
            Form.PROMISE,
            broken_promise,
            "Two leaders change one member each, and neither knows of the other's change. The majorities of {1,2,4} "
            "and {2,3,4} needn't intersect. Had the second leader committed an entry of its term first, the change of "
            "the first could not be committed any more.",
            OF_CHANGES,
            Change("raft/reconfiguration.py", OF_TERM_OF_LEADER, OF_SOME_TERM),
        ),
        Question(
            "lying-follower",
            "One of three servers acknowledges what it doesn't hold. Which promise breaks first?",
            "One of three servers votes once in a term, as it must, but acknowledges entries that it doesn't hold. It "
            "is the fourth rung of `model-check ladder`. Which promise breaks first?",
            ("ladder --rung 4",),
            Form.PROMISE,
            broken_promise,
            "The leader counts the liar, and commits an entry that only itself holds. Another server leads a later "
            "term, with the vote of the liar, and has never heard of the entry.",
            PAPER,
        ),
        Task(
            "break-elections",
            "Change one rule, so that ElectionSafety breaks first.",
            "The copy is the code as it is. Change one rule in it, such that a term can have two leaders, and that no "
            "other promise breaks before. Look at raft/election.py and quorum.py.",
            "raft --max-term 1 --max-log 0 --proposals 0",
            "ElectionSafety",
            "One way: a candidate leads with one vote, its own. If you let servers vote twice instead, OneVotePerTerm "
            "breaks first.",
        ),
        Task(
            "repair-vote",
            "Repair a server that votes without comparing logs.",
            "The copy has the mistake of blind-vote. Repair on_request_vote in raft/election.py, such that no promise "
            "breaks.",
            "raft --max-log 1 --proposals 1",
            None,
            "A server votes only for a candidate whose log is at least as up-to-date as its own: the later last term "
            "wins, and of equal ones the longer log (§5.4.1). These bounds are too narrow for some wrong repairs: see "
            "longer-log.",
            Change("raft/election.py", COMPARISON, NO_COMPARISON),
        ),
    ),
)

BYZANTINE = Chapter(
    7,
    "A protocol that survives lies",
    "7-surviving-lies.md",
    (
        Question(
            "three-members",
            "Three members, one of them a traitor, a quorum of two. Which promise breaks first?",
            "The BFT core among three members, of whom one is a traitor. A quorum is two. Which promise breaks first?",
            ("bft --servers 3 --max-view 2",),
            Form.PROMISE,
            broken_promise,
            "Two quorums of two members may share only the traitor, who signs for both. So two digests are certified "
            "in a view; members that decide differently, which breaks Agreement, are the consequence.",
            OF_BFT,
        ),
        Question(
            "no-lock",
            "Members accept any proposal, whatever they are locked on. Which promise breaks first?",
            "Four members, one of them a traitor who leads every view. A member accepts the leader's proposal even if "
            "it is locked on something else. Which promise breaks first?",
            ("bft --no-lock --max-view 2",),
            Form.PROMISE,
            broken_promise,
            "A quorum has locked one digest, which can now be decided. In the next view the leader proposes another, "
            "and gets a certificate for it.",
            OF_BFT,
        ),
        Task(
            "repair-votes",
            "Repair a member that votes twice in a view.",
            "In this copy a member gives its first vote to each proposal of a view, not only to the first. Repair "
            "on_propose in bft/voting.py, such that no promise breaks.",
            "bft --max-view 2",
            None,
            "A member votes once in a phase of a view. Else the traitor proposes two digests, and gets a certificate "
            "for each.",
            Change("bft/voting.py", FIRST_PROPOSAL, SAME_PROPOSAL),
        ),
    ),
)
