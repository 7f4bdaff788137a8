"""Reading what TLA+ tools print: values, states, a dump, an error trace."""

import pytest

from quorate_check.outside import tla_values, tlc
from quorate_check.outside.judgement import CheckerError, CheckerProgress
from quorate_check.outside.spec_states import global_state, path_along
from quorate_check.outside.tla_values import Function, ModelValue, UnreadableError, Value, parse, parse_state
from quorate_check.raft.spec import SpecBounds
from quorate_spec.raft.messages import AppendEntries, Config, Entry, RequestVote
from quorate_spec.raft.state import Answered, Applied, Disk, Role

SYSTEM = SpecBounds(servers=2, symmetry=False).system()
S1, S2 = ModelValue("s1"), ModelValue("s2")

# What TLC 2.15 wrote with -dump: two of 319 states, and one put together so that every variable has something in it.
DUMP = """State 1:
/\\ messages = {}
/\\ matchIndex = (s1 :> (s1 :> 0 @@ s2 :> 0) @@ s2 :> (s1 :> 0 @@ s2 :> 0))
/\\ log = (s1 :> <<>> @@ s2 :> <<>>)
/\\ applied = (s1 :> <<>> @@ s2 :> <<>>)
/\\ readRound = (s1 :> 0 @@ s2 :> 0)
/\\ readIndex = (s1 :> 0 @@ s2 :> 0)
/\\ confirmedBy = (s1 :> {} @@ s2 :> {})
/\\ answered = (s1 :> {} @@ s2 :> {})
/\\ transferTarget = (s1 :> Nil @@ s2 :> Nil)
/\\ led = (s1 :> {} @@ s2 :> {})
/\\ commitIndex = (s1 :> 0 @@ s2 :> 0)
/\\ currentTerm = (s1 :> 0 @@ s2 :> 0)
/\\ nextIndex = (s1 :> (s1 :> 1 @@ s2 :> 1) @@ s2 :> (s1 :> 1 @@ s2 :> 1))
/\\ disk = (s1 :> Nil @@ s2 :> Nil)
/\\ snapshotIndex = (s1 :> 0 @@ s2 :> 0)
/\\ votesGranted = (s1 :> {} @@ s2 :> {})
/\\ role = (s1 :> "follower" @@ s2 :> "follower")
/\\ votedFor = (s1 :> Nil @@ s2 :> Nil)

State 5:
/\\ messages = { [ mdest |-> s2,
    mlastLogTerm |-> 0,
    mlastLogIndex |-> 0,
    mtype |-> "RequestVote",
    mtransfer |-> FALSE,
    mterm |-> 1,
    msource |-> s1 ] }
/\\ matchIndex = (s1 :> (s1 :> 0 @@ s2 :> 0) @@ s2 :> (s1 :> 0 @@ s2 :> 0))
/\\ log = (s1 :> <<>> @@ s2 :> <<>>)
/\\ applied = (s1 :> <<>> @@ s2 :> <<>>)
/\\ readRound = (s1 :> 0 @@ s2 :> 0)
/\\ readIndex = (s1 :> 0 @@ s2 :> 0)
/\\ confirmedBy = (s1 :> {} @@ s2 :> {})
/\\ answered = (s1 :> {} @@ s2 :> {})
/\\ transferTarget = (s1 :> Nil @@ s2 :> Nil)
/\\ led = (s1 :> {} @@ s2 :> {})
/\\ commitIndex = (s1 :> 0 @@ s2 :> 0)
/\\ currentTerm = (s1 :> 1 @@ s2 :> 0)
/\\ nextIndex = (s1 :> (s1 :> 1 @@ s2 :> 1) @@ s2 :> (s1 :> 1 @@ s2 :> 1))
/\\ disk = (s1 :> Nil @@ s2 :> Nil)
/\\ snapshotIndex = (s1 :> 0 @@ s2 :> 0)
/\\ votesGranted = (s1 :> {s1} @@ s2 :> {})
/\\ role = (s1 :> "candidate" @@ s2 :> "follower")
/\\ votedFor = (s1 :> s1 @@ s2 :> Nil)

State 9:
/\\ messages = { [ mdest |-> s2,
    mtype |-> "AppendEntries",
    mterm |-> 2,
    msource |-> s1,
    mentries |-> <<[term |-> 1, value |-> v1, config |-> Nil],
        [term |-> 2, value |-> NoOpValue, config |->
        [voters |-> {s1}, outgoing |-> {s1, s2}, learners |-> {}]]>>,
    mprevLogIndex |-> 0,
    mprevLogTerm |-> 0,
    mleaderCommit |-> 1 ] }
/\\ matchIndex = (s1 :> (s1 :> 0 @@ s2 :> 1) @@ s2 :> (s1 :> 0 @@ s2 :> 0))
/\\ log = ( s1 :> <<[term |-> 1, value |-> v1, config |-> Nil], [term |-> 2, value |-> NoOpValue, config |->
        [voters |-> {s1}, outgoing |-> {s1, s2}, learners |-> {}]]>> @@
  s2 :> <<>> )
/\\ applied = (s1 :> <<[term |-> 1, value |-> v1, config |-> Nil, by |-> 2]>> @@ s2 :> <<>>)
/\\ readRound = (s1 :> 2 @@ s2 :> 0)
/\\ readIndex = (s1 :> 1 @@ s2 :> 0)
/\\ confirmedBy = (s1 :> {s1} @@ s2 :> {})
/\\ answered = (s1 :> {[term |-> 2, round |-> 1, index |-> 1]} @@ s2 :> {})
/\\ transferTarget = (s1 :> Nil @@ s2 :> Nil)
/\\ led = (s1 :> 1..2 @@ s2 :> {})
/\\ commitIndex = (s1 :> 1 @@ s2 :> 0)
/\\ currentTerm = (s1 :> 2 @@ s2 :> 2)
/\\ nextIndex = (s1 :> (s1 :> 1 @@ s2 :> 2) @@ s2 :> (s1 :> 1 @@ s2 :> 1))
/\\ disk = (s1 :> [currentTerm |-> 2, votedFor |-> s1, log |-> <<[term |-> 1, value |-> v1, config |-> Nil]>>,
    snapshotIndex |-> 0] @@
  s2 :> Nil)
/\\ snapshotIndex = (s1 :> 1 @@ s2 :> 0)
/\\ votesGranted = (s1 :> {} @@ s2 :> {})
/\\ role = (s1 :> "leader" @@ s2 :> "follower")
/\\ votedFor = (s1 :> s1 @@ s2 :> s1)

"""

PROGRESS = """@!@!@STARTMSG 2200:0 @!@!@
Progress(28) at 2026-11-23 19:05:24: 7,691 states generated (389,417 s/min), 2,869 distinct states found (145,265 ds/min), 0 states left on queue.
@!@!@ENDMSG 2200 @!@!@
@!@!@STARTMSG 2110:1 @!@!@
Invariant NobodyLeads is violated.
@!@!@ENDMSG 2110 @!@!@
@!@!@STARTMSG 2194:0 @!@!@
The depth of the complete state graph search is 29.
@!@!@ENDMSG 2194 @!@!@
"""  # noqa: E501 - TLC's line


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-7", -7),
        ("TRUE", True),
        ("false", False),
        ("Nil", ModelValue("Nil")),
        (r'"a \"b\"\n"', 'a "b"\n'),
        ("{}", frozenset()),
        ("{1, {2}}", frozenset({1, frozenset({2})})),
        ("2..4", frozenset({2, 3, 4})),
        ("<< >>", ()),
        ("<<1, <<s1>>>>", (1, (S1,))),
        ("(s1 :> 1 @@ s2 :> <<>>)", Function(frozenset({(S1, 1), (S2, ())}))),
        ("[a |-> 1,\n  b |-> {}]", Function(frozenset({("a", 1), ("b", frozenset())}))),
        ("(1)", 1),
    ],
)
def test_every_kind_of_value_is_read(text: str, value: Value) -> None:
    """As TLC and tla-checker print them, line breaks included."""
    assert parse(text) == value


@pytest.mark.parametrize("text", ["", "{1", "<<1 2>>", "[a 1]", "(a :> )", "1 2", '"open', "x' = 1", "}", "1.."])
def test_what_is_no_value_is_refused(text: str) -> None:
    """With an error that quotes it, never with a wrong value."""
    with pytest.raises((UnreadableError, ValueError)):
        parse(text)


def test_a_dump_becomes_states_of_the_python_text() -> None:
    """Servers, messages, entries and what nobody voted for, each as the Python text has them."""
    first, second, third = tlc.read_dump(SYSTEM, DUMP)
    assert first.nodes == SYSTEM.initial
    assert second.flight == (RequestVote(1, 2, 1, 0, 0, transfer=False),)
    assert (second.nodes[0].role, second.nodes[0].voted_for) == (Role.CANDIDATE, 1)
    log = (Entry(1, "v1"), Entry(2, None, Config(frozenset({1}), frozenset({1, 2}), frozenset())))
    assert third.flight == (AppendEntries(1, 2, 2, 0, 0, log, 1),)
    leader = third.nodes[0]
    assert (leader.log, leader.applied, leader.led) == (log, (Applied(1, "v1", 2),), frozenset({1, 2}))
    assert (leader.next_index, leader.match_index, leader.snapshot_index) == (((2, 2),), ((2, 1),), 1)
    assert (leader.read_round, leader.read_index, leader.confirmed_by) == (2, 1, frozenset({1}))
    assert leader.answered == {Answered(2, 1, 1)}
    assert leader.disk == Disk(2, 1, (Entry(1, "v1"),), 0)


def test_a_state_that_raft_does_not_have_is_refused() -> None:
    """A variable is missing, or a role is unknown."""
    state = parse_state(DUMP.split("\n", 1)[1].split("\n\n", maxsplit=1)[0])
    for wrong in ({**state, "role": Function(frozenset({(S1, "king"), (S2, "follower")}))}, {"role": state["role"]}):
        with pytest.raises(CheckerError, match=r"a state that Raft\.tla doesn't have"):
            global_state(SYSTEM, wrong)


def test_a_trace_is_walked_or_refused() -> None:
    """Two of the states above lie two moves apart: a timeout is left out."""
    first, second, _ = tlc.read_dump(SYSTEM, DUMP)
    with pytest.raises(CheckerError, match="step 1 of its trace is none of the Python text"):
        path_along(SYSTEM, (first, second), "X")
    with pytest.raises(CheckerError, match="initial state"):
        path_along(SYSTEM, (second,), "X")
    assert path_along(SYSTEM, (first,), "X").steps == ()


def test_messages_of_tlc_are_read_as_they_come() -> None:
    """Counts with commas, the level so far, what is violated."""
    told: list[CheckerProgress] = []
    listener = tlc._Listener(told.append)
    for line in PROGRESS.splitlines():
        listener.line(line)
    assert (told[0].states, told[0].transitions, told[0].depth) == (2869, 7691, 27)
    assert (listener.level, tlc._broken(listener)) == (29, "NobodyLeads")


def test_a_single_variable_is_printed_without_a_conjunction() -> None:
    """As Consensus.tla's would be."""
    assert tla_values.parse_state("chosen = <<1,\n 2>>\n") == {"chosen": (1, 2)}
