"""What is proved of Raft is about what is explored: a wrong conjunct or a relation that is too strong is caught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from nightly import by_night

pytest.importorskip("z3", reason="proofs need z3: pip install 'quorate[proofs]'")

from quorate_check.core.verdict import Verdict
from quorate_check.proofs.obligation import Tie
from quorate_check.raft.bounds import RaftBounds
from quorate_check.raft.proofs.accepting import MOVES, CompiledAction
from quorate_check.raft.proofs.actions import APPEND_REPLACE, CHANGE, COUNT, LOSE, VOTE, Action
from quorate_check.raft.proofs.conjunct import Conjunct
from quorate_check.raft.proofs.controls import before_durable
from quorate_check.raft.proofs.invariant import INVARIANT
from quorate_check.raft.proofs.model import EVALUATION, NOTHING, formula
from quorate_check.raft.proofs.record import Domain, Past, tables_of
from quorate_check.raft.proofs.tie import (
    CODE_BOUNDS,
    JOINT,
    LEARNER,
    STALLS,
    STALLS_OF_THREE,
    code_system,
    search,
    spec_system,
    ties,
)
from quorate_check.raft.spec import SpecBounds
from quorate_check.raft.subject import CoreNode
from quorate_spec.raft.messages import Config, Message
from quorate_spec.raft.state import Server, initial

Explanation = tuple[str, Server, frozenset[Message]]
LIMIT_S = 300.0
SPEC = SpecBounds(servers=2, in_flight=1, max_rounds=1)
CODE = RaftBounds(servers=2, in_flight=2, max_log=1, proposals=1, reads=1)
WRONG = Conjunct("NobodyVotesForAnother", "A server votes for itself only.", "voted(n, t, c) -> n = c")


def test_every_state_and_step_of_the_specification_is_one_of_the_model() -> None:
    """Within small bounds, explored whole; it holds only if an entry applied and two terms led were seen there."""
    outcome = search(*spec_system(SPEC), LIMIT_S)
    assert outcome.verdict is Verdict.HOLDS, outcome.text
    assert "exhaustive within bounds" in outcome.text


def test_a_tie_that_explores_too_little_is_unknown() -> None:
    """Within one term nobody sees two leaders, so the search says nothing about what the model allows of them."""
    outcome = search(*spec_system(replace(SPEC, max_term=1)), LIMIT_S)
    assert outcome.verdict is Verdict.UNKNOWN
    assert "never seen: two terms have leaders" in outcome.text


def test_every_state_and_step_of_the_code_is_one_of_the_model() -> None:
    """The same of the code, through the mapping."""
    outcome = search(*code_system(CODE), LIMIT_S)
    assert outcome.verdict is Verdict.HOLDS, outcome.text
    assert "exhaustive within bounds" in outcome.text


@pytest.mark.parametrize("make", [lambda: spec_system(SPEC), lambda: code_system(CODE)], ids=["specification", "code"])
def test_a_wrong_conjunct_is_false_of_a_state_that_is_explored(make) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """A sentence that isn't true of Raft is found out, with the path to a state that shows it."""
    outcome = search(*make(), LIMIT_S, (*INVARIANT, WRONG))
    assert outcome.verdict is Verdict.VIOLATED
    assert outcome.text.startswith("violated: NobodyVotesForAnother")
    assert "1. " in outcome.text


@pytest.mark.parametrize("make", [lambda: spec_system(SPEC), lambda: code_system(CODE)], ids=["specification", "code"])
def test_a_relation_that_is_too_strong_refuses_a_step_that_is_explored(make) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """If voters had to have shorter logs, a first election would be no step of the model."""
    system, following = make()
    strict = replace(VOTE, guard=(*VOTE.guard, "i < j"))
    outcome = search(system, replace(following, moves=MOVES | {"vote": CompiledAction(strict)}), LIMIT_S)
    assert outcome.verdict is Verdict.VIOLATED
    assert "no action of the model allows handle_request_vote here" in outcome.text


def test_an_action_that_changes_too_little_is_refused() -> None:
    """A vote that nobody remembers isn't what the specification does."""
    system, following = spec_system(SPEC)
    forgetful = replace(VOTE, updates={})
    outcome = search(system, replace(following, moves=MOVES | {"vote": CompiledAction(forgetful)}), LIMIT_S)
    assert outcome.verdict is Verdict.VIOLATED
    assert "no action of the model allows handle_request_vote here" in outcome.text


DEMANDING = ("stall", LEARNER, JOINT)


# These take longest: by night. By day the disks of three servers of the code stall, in one term.
LONG = ("specification, disks", "code, disks that stall")


@pytest.mark.parametrize(
    "tie",
    [
        pytest.param(t, marks=by_night if t.name.startswith(LONG) else ())
        for t in ties()
        if any(each in t.name for each in DEMANDING)
    ],
    ids=lambda t: t.name,
)
def test_every_state_and_step_with_disks_that_stall_or_changes_is_one_of_the_model(tie: Tie) -> None:
    """Explored whole; it holds only if it met what is special: an entry lost in a crash, a joint phase that ended."""
    outcome = tie.run(LIMIT_S)
    assert outcome.verdict is Verdict.HOLDS, outcome.text
    assert "exhaustive within bounds" in outcome.text


FORGOTTEN_BALLOT = replace(LOSE, updates={**LOSE.updates, "ballot(x, y)": "ballot(x, y) & x != n"})


@pytest.mark.parametrize(
    ("wrong", "bounds", "name"),
    [
        pytest.param(before_durable(VOTE, "voted(x, y, z)"), STALLS, "handle_request_vote", id="a vote too early"),
        pytest.param(
            before_durable(APPEND_REPLACE, "acked(x, y, j)"), STALLS, "handle_append_entries", id="an early answer"
        ),
        pytest.param(FORGOTTEN_BALLOT, STALLS, "restart", id="a vote that a crash loses from the disk"),
        pytest.param(
            replace(COUNT, guard=(*COUNT.guard, "!stalled(n)")),
            STALLS_OF_THREE,
            "advance_commit_index",
            id="a leader that never counts while its disk stalls",
        ),
        pytest.param(
            replace(CHANGE, guard=(*CHANGE.guard, "p = zero")),
            JOINT,
            "leave_joint",
            id="a leader that ends no joint phase",
        ),
    ],
)
def test_a_model_of_another_disk_or_change_refuses_an_explored_step(wrong: Action, bounds: str, name: str) -> None:
    """What a server does while its disk stalls, after the crash, and in a joint phase is what the model says."""
    system, following = code_system(CODE_BOUNDS[bounds])
    outcome = search(system, replace(following, moves=MOVES | {wrong.name: CompiledAction(wrong)}), LIMIT_S)
    assert outcome.verdict is Verdict.VIOLATED
    assert f"no action of the model allows {name} here" in outcome.text


def test_an_unexplained_step_is_refused_whatever_it_changes() -> None:
    """Also one that applies an entry, of which then nobody knows who counted it."""
    system, following = code_system(CODE_BOUNDS[STALLS_OF_THREE])

    def explains(before: CoreNode, event: object, after: CoreNode, sent: tuple[object, ...]) -> Sequence[Explanation]:
        applies = after.record.applied != before.record.applied
        return () if applies else following.explains(before, event, after, sent)

    outcome = search(system, replace(following, explains=explains), LIMIT_S)
    assert outcome.verdict is Verdict.VIOLATED
    assert "the specification doesn't explain this step" in outcome.text


def test_a_crash_may_lose_what_a_server_applied() -> None:
    """A quorum has it. So AppliedStays has an exception for such crashes, and the tie sees one."""
    always = Conjunct("AppliedStays", "An applied entry stays.", "applied(n, i, s, v, t) -> entry(n, i, s, v)")
    outcome = search(*code_system(CODE_BOUNDS[STALLS_OF_THREE]), LIMIT_S, (always,))
    assert outcome.verdict is Verdict.VIOLATED, outcome.text
    assert outcome.text.startswith("violated: AppliedStays")


@pytest.mark.parametrize(
    ("text", "true"),
    [
        ("current(n, zero_term)", True),
        ("current(n, t) -> t = zero_term", True),
        ("led(n, t)", False),
        ("exists n. current(n, t)", False),
        ("exists t. current(n, t) & !left(n, t)", True),
        ("entry(n, i, s, v) -> v = nothing", True),
        ("forall q. exists m. member(m, q) & current(m, zero_term)", True),
        ("counted(t) != zero -> led(n, t)", True),
        ("last(n, i) <-> i = zero", True),
        ("current(n, t) & current(m, t) -> n = m", False),
        ("exists m. m = n & !stalled(n)", True),
    ],
)
def test_a_sentence_is_judged_in_a_state(text: str, *, true: bool) -> None:
    """What Python makes of a sentence is what it says, of servers before anything has happened."""
    members = (1, 2, 3)
    founders = Config(frozenset(members), frozenset(), frozenset())
    tables = Domain(members, founders, 2, 1).tables([tables_of(initial(i, members), Past()) for i in members])
    assert NOTHING in tables["value"]
    assert EVALUATION.judge(formula(text))(tables) is true
