"""The two texts of the Byzantine log say the same, have the same states, keep their promises, notice wrong rules."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import quorate_spec
from engine_agreement import explore
from quorate_check.bft.spec import BftSpecBounds
from quorate_check.outside.judgement import NotRunError
from quorate_check.outside.tlc import Tools, find
from quorate_spec.bft import actions, invariants
from quorate_spec.bft.actions import Step, Steps
from quorate_spec.bft.describe import TEXTS
from quorate_spec.bft.messages import NO_CERTIFICATE, Certificate, Certified, Message, Phase, Propose, Vote
from quorate_spec.bft.state import HonestMember, higher, index, leads

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(quorate_spec.__file__).parent / "bft"
ALONE = BftSpecBounds(honest=1, traitors=0, leaders="OneOnly")
BOUNDS = {
    "a traitor leads": BftSpecBounds(),
    "an honest member leads": BftSpecBounds(leaders="HonestFirst"),
    "a traitor leads, then an honest member": BftSpecBounds(leaders="TraitorFirst", max_view=2, wanted=1),
    "two members and all votes": BftSpecBounds(honest=2, traitors=0, leaders="TwoInTurn", certificates=True),
    "two members and timeouts": BftSpecBounds(
        honest=2, traitors=0, leaders="TwoInTurn", max_view=2, wanted=1, timeouts=True
    ),
    "two members, two indices": BftSpecBounds(
        honest=2, traitors=0, leaders="TwoInTurn", max_index=2, wanted=1, timeouts=True, certificates=True
    ),
    "one member that starts again": replace(
        ALONE, max_index=2, wanted=1, timeouts=True, start_again=True, certificates=True
    ),
}


def tools() -> Tools:
    """TLC, or a reason to skip."""
    try:
        return find()
    except NotRunError as error:
        pytest.skip(str(error))


def tlc(bounds: BftSpecBounds, folder: Path) -> str:
    """What TLC prints about MCBft within `bounds`, whose modules are in `folder` if they aren't as they should be."""
    found = tools()
    for module in FOLDER.glob("*.tla"):
        if not (folder / module.name).exists():
            shutil.copy(module, folder)
    (folder / "X.cfg").write_text(bounds.cfg(), encoding="utf-8")
    command = [*found.tlc(folder), "-deadlock", "-workers", "1", "-config", "X.cfg", "MCBft.tla"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("bounds", BOUNDS.values(), ids=BOUNDS)
def test_tlc_counts_what_the_engine_counts(bounds: BftSpecBounds, tmp_path: Path) -> None:
    """The TLA+ text has as many states in as many levels as the Python text, and keeps every promise."""
    text, found = tlc(bounds, tmp_path), explore(bounds.system())
    assert (found.path, found.exhaustive) == (None, True)
    assert "No error has been found" in text, text
    states, depth = re.search(r"(\d+) distinct states found, 0", text), re.search(r"graph search is (\d+)", text)
    assert states is not None
    assert depth is not None
    assert (int(states[1]), int(depth[1])) == (found.states, len(found.levels))


def test_a_wrong_guard_in_the_tla_text_shows(tmp_path: Path) -> None:
    """If a member votes as often as it is asked, TLC breaks a promise that the Python text keeps."""
    text = (FOLDER / "Bft.tla").read_text(encoding="utf-8")
    wrong = text.replace("    /\\ acceptedView[i] < view[i]\n", "")
    assert wrong != text
    (tmp_path / "Bft.tla").write_text(wrong, encoding="utf-8")
    assert re.search(r"Invariant (NoDoubleVote|LockSafety) is violated", tlc(BftSpecBounds(), tmp_path))


def votes_again(server: HonestMember, m: Message) -> Steps:
    """HandlePropose that forgets what it has voted for."""
    yield from actions.handle_propose(replace(server, accepted_view=0), m)


def votes_in_spite_of_its_lock(server: HonestMember, m: Message) -> Steps:
    """HandlePropose without the lock rule."""
    for step in actions.handle_propose(replace(server, lock=NO_CERTIFICATE), m):
        yield replace(step, server=replace(step.server, lock=higher(server.lock, step.server.lock)))


def votes_for_anything(server: HonestMember, m: Message) -> Steps:
    """HandlePropose that doesn't ask what clients want."""
    if isinstance(m, Propose):
        for step in actions.handle_propose(replace(server, known=server.known | {m.digest}), m):
            yield replace(step, server=replace(step.server, known=server.known))


def decides_by_first_votes(server: HonestMember, m: Message) -> Steps:
    """HandleDecide that looks at no phase."""
    if isinstance(m, Certificate):
        yield from actions.handle_decide(server, replace(m, phase=Phase.COMMIT))


def decides_afresh(server: HonestMember, m: Message) -> Steps:
    """HandleDecide that keeps its last decision only."""
    for step in actions.handle_decide(server, m):
        yield replace(step, server=replace(step.server, log=step.server.log[-1:]))


VOTES_AGAIN, DECIDES_EARLY = {"handle_propose": votes_again}, {"handle_decide": decides_by_first_votes}
RULES: dict[str, tuple[dict[str, Callable[[HonestMember, Message], Steps]], BftSpecBounds]] = {
    "NoDoubleVote": (VOTES_AGAIN, BftSpecBounds()),
    "LockSafety": ({"handle_propose": votes_in_spite_of_its_lock}, BftSpecBounds(max_view=2)),
    "Validity": ({"handle_propose": votes_for_anything}, BftSpecBounds()),
    "CertificatesAreCertified": (DECIDES_EARLY, BftSpecBounds()),
    "Agreement": (VOTES_AGAIN | DECIDES_EARLY, BftSpecBounds()),
    "DecisionsStay": ({"handle_decide": decides_afresh}, replace(ALONE, max_index=2, certificates=True)),
}


@pytest.mark.parametrize("name", RULES)
def test_each_promise_is_broken_by_a_wrong_rule(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A promise that nothing can break says nothing: nothing else is judged here."""
    wrong, bounds = RULES[name]
    receiving = tuple(wrong.get(action.__name__, action) for action in actions.RECEIVING)
    assert set(wrong.values()) <= set(receiving)
    monkeypatch.setattr(actions, "RECEIVING", receiving)
    system = bounds.system()
    only = tuple(i for i in system.invariants if i.name == name)
    found = explore(replace(system, invariants=only))
    assert found.path is not None
    assert found.path.broken == name


def test_a_leader_that_proposes_twice_or_certifies_too_early_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only leaders do wrong breaks the promises about leaders."""

    def proposes_again(server: HonestMember, digest: str) -> Steps:
        yield from actions_propose(replace(server, proposed_view=0), digest)

    def certifies_early(server: HonestMember, phase: Phase, digest: str) -> Steps:
        if leads(server) and Vote(server.id, phase, index(server), server.view, digest) in server.votes:
            yield Step(server, (Certificate(phase, index(server), server.view, digest),))

    actions_propose = actions.propose
    leading = BftSpecBounds(leaders="HonestFirst")
    with monkeypatch.context() as patch:
        patch.setattr(actions, "propose", proposes_again)
        found = explore(leading.system())
    assert found.path is not None
    assert found.path.broken == "NoDoubleProposal"
    with monkeypatch.context() as patch:
        patch.setattr(actions, "certify", certifies_early)
        found = explore(replace(leading, wanted=1, certificates=True).system())
    assert found.path is not None
    assert found.path.broken == "CertificatesAreCertified"


def test_a_lock_is_on_what_is_certified() -> None:
    """The state that is locked names the view and the digest that a quorum voted for."""
    [(server, m)] = [
        (step.server, m)
        for server in BftSpecBounds().system().initial[0].servers[:1]
        for m in [Certificate(Phase.PREPARE, 1, 1, "A")]
        for step in actions.handle_prepared(server, m)
    ]
    assert server.lock == Certified(m.view, m.digest)


def test_the_actions_have_the_same_names_in_the_same_order() -> None:
    """Whoever knows one text finds everything in the other."""
    assert TEXTS.action_names() == TEXTS.python_names()
    assert len(TEXTS.action_names()) == 14


def test_the_invariants_have_the_same_names_in_the_same_order() -> None:
    """TypeOK is in Python what mypy checks."""
    assert tuple(n for n in TEXTS.invariant_names() if n != "TypeOK") == TEXTS.python_names("invariants")
    assert set(invariants.INVARIANTS) | set(invariants.STEP_INVARIANTS) == set(TEXTS.invariant_names()) - {"TypeOK"}


def test_the_helpers_have_the_same_names_in_the_same_order() -> None:
    """What the actions share is found as easily."""
    text = (FOLDER / "Bft.tla").read_text(encoding="utf-8")
    defined = re.findall(r"^(\w+)(?:\([^)]*\))? ==", text, re.MULTILINE)
    tla = [name.lower() for name in defined]
    python = [name.lower() for name in TEXTS.python_names("state") if name.lower() not in {"initial", "arriving"}]
    assert python == [name for name in tla if name in python]


@pytest.mark.parametrize("name", [*TEXTS.action_names(), *TEXTS.invariant_names()])
def test_every_definition_begins_with_one_plain_sentence(name: str) -> None:
    """The sentence stands before the formula, and in the docstring."""
    tla, python = TEXTS.describe(name)
    assert tla.startswith("\\* ")
    assert f"\n{name}" in tla
    assert '"""' in python or name == "TypeOK"


@pytest.mark.parametrize("name", sorted(set(TEXTS.action_names()) - {"ViewTimeout", "StartAgain"}))
def test_every_action_begins_with_its_guard(name: str) -> None:
    """In Python the guard is the first statement, and nothing happens outside of it; two actions need none."""
    [function] = ast.parse(TEXTS.describe(name)[1]).body
    assert isinstance(function, ast.FunctionDef)
    [guard] = function.body[1:]
    assert isinstance(guard, ast.If | ast.For)
    assert not guard.orelse


def test_receiving_lists_the_actions_that_take_a_message() -> None:
    """A handler that is written but not listed would never be tried."""
    text = (FOLDER / "Bft.tla").read_text(encoding="utf-8")
    listed = re.findall(r"^    \\/ (\w+)\(i, m\)$", text, re.MULTILINE)
    names = ["".join(part.capitalize() for part in action.__name__.split("_")) for action in actions.RECEIVING]
    assert names == listed == [n for n in TEXTS.action_names() if n in names]


@pytest.mark.parametrize(
    ("file", "bounds"),
    [("MCBft.cfg", BftSpecBounds(max_view=2)), ("MCBftSmall.cfg", BftSpecBounds())],
)
def test_the_configurations_are_the_bounds_they_seem(file: str, bounds: BftSpecBounds) -> None:
    """Each is what BftSpecBounds writes, below a line of comment, and names every invariant."""
    comment, text = (FOLDER / file).read_text(encoding="utf-8").split("\n", 1)
    assert comment.startswith("\\* ")
    assert text == bounds.cfg()
    named = set(re.findall(r"^    (\w+)$", text, re.MULTILINE))
    assert named == {*TEXTS.invariant_names(), "Validity"}


def test_the_small_configuration_has_the_states_that_it_says() -> None:
    """MCBftSmall.cfg."""
    text = (FOLDER / "MCBftSmall.cfg").read_text(encoding="utf-8")
    assert f"{explore(BftSpecBounds().system()).states} states" in text


def test_no_two_specifications_use_one_name() -> None:
    """So `model-check spec --describe NAME` needs nothing but the name."""
    from quorate_spec.raft.describe import TEXTS as RAFT  # noqa: PLC0415 - its names would be taken for Bft's above

    ours, theirs = ({*t.action_names(), *t.invariant_names()} for t in (TEXTS, RAFT))
    assert ours & theirs == {"TypeOK"}
