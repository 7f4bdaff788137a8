"""The Byzantine core is held to its specification; every rule that is wrong is rejected where it is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mutants_support import command_on_mutated, corpus
from nightly import NIGHTLY, all_by_day_but
from quorate.bft import Certificate, Decide, Durable, Phase, Prepared, Propose, Receive, Vote, restart
from quorate_check.bft.conformance.check import DEFAULT_RUNS, Conformance, action_functions, local_step
from quorate_check.bft.conformance.explain import explain
from quorate_check.bft.conformance.mapping import NoMessage, map_cluster, map_message, map_server
from quorate_check.bft.conformance.nearest import nearest
from quorate_check.bft.member import WANTED, Member, MemberBounds
from quorate_check.cli import main
from quorate_check.conformance.runs import NamedBounds
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits, explore
from quorate_spec.bft import messages as spec
from quorate_spec.bft.state import initial, quorum

if TYPE_CHECKING:
    from pathlib import Path

WRONG: dict[str, dict[str, Any]] = corpus()["byzantine"]
BOUNDS = MemberBounds()
SIGNED = tuple((i, b"signed by %d" % i) for i in (0, 1, 2))


# The default check has the others; by night they are here, too.
QUICK_RUNS = (DEFAULT_RUNS[0],)


@pytest.mark.parametrize("run", DEFAULT_RUNS if NIGHTLY else QUICK_RUNS, ids=lambda run: run.name)
def test_every_step_of_a_member_is_explained(run: NamedBounds[MemberBounds]) -> None:
    """Among everything that it can be sent, it does nothing that the specification doesn't allow."""
    conformance = Conformance()
    found = explore(conformance.system(run.bounds), Limits(memory=1 << 28))
    assert (found.verdict, found.exhaustive) == (Verdict.HOLDS, True)
    assert None not in conformance.explained.values()
    assert conformance.steps == sum(conformance.sequences.values()) > 1000


def test_together_small_bounds_use_every_action_of_the_specification() -> None:
    """What is never used would be specified in vain."""
    conformance = Conformance()
    bounds = (
        MemberBounds(member=3, max_view=2, digests=1, wanted=1),
        MemberBounds(servers=1, max_index=2, max_view=2, digests=1, wanted=1, timeouts=True),
        MemberBounds(servers=1, digests=1, wanted=1, votes=True),
    )
    for each in bounds:
        explore(conformance.system(each), Limits(memory=1 << 28))
    assert conformance.unused(bounds) == {}
    assert None not in conformance.explained.values()
    assert len(action_functions()) == 14


@pytest.mark.parametrize("bug", all_by_day_but(WRONG, "BFT-follows-one", "BFT-proposes-own-choice", "BFT-no-wait"))
def test_a_wrong_rule_is_rejected_at_its_action(bug: str, tmp_path: Path) -> None:
    """`model-check bft --conform` fails, and names the action and the condition that the core doesn't keep."""
    done = command_on_mutated(tmp_path, bug, "bft", "--conform", "--memory=1", "--workers=1")
    assert done.returncode == 1, done.stderr
    (line,) = (text for text in done.stdout.splitlines() if text.startswith("Next would be"))
    condition = WRONG[bug].get("condition")
    why = "holds" if condition is None else f"fails at: {condition}"
    assert line.startswith(f"Next would be {WRONG[bug]['action']}, whose guard {why}"), line


@pytest.mark.parametrize("bug", [bug for bug, wrong in WRONG.items() if "caught_by" in wrong])
def test_traitors_make_use_of_a_wrong_rule(bug: str, tmp_path: Path) -> None:
    """`model-check bft` finds the promise broken that the corpus names, after exactly so many moves."""
    report = tmp_path / "report.json"
    done = command_on_mutated(tmp_path, bug, "bft", "--max-view=2", f"--json={report}", "--memory=1", "--workers=1")
    assert done.returncode == 1, done.stderr
    path = json.loads(report.read_text())["path"]
    assert (path["broken"], len(path["steps"])) == (WRONG[bug]["caught_by"], WRONG[bug]["depth"])


def test_a_rejected_step_can_be_saved_and_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the code as it is, the last step of a bug that isn't in it isn't possible any more."""
    saved = tmp_path / "path.json"
    options = ("--conform", "--save", str(saved), "--memory=1", "--workers=1")
    assert command_on_mutated(tmp_path, "BFT-no-lock", "bft", *options).returncode == 1
    assert json.loads(saved.read_text())["broken"] == "ConformsToSpecification"
    assert main(["replay", str(saved)]) == 3
    assert "receives Pre" in capsys.readouterr().out


def test_a_new_member_is_mapped_to_the_specifications_first() -> None:
    """Both begin with nothing, and agree on what a quorum is."""
    for servers in range(1, 14):
        config = MemberBounds(servers=servers).config
        cluster = map_cluster(config)
        assert map_server(restart(config, 0, Durable())) == initial(0, cluster)
        assert quorum(cluster) == config.quorum


@pytest.mark.parametrize(
    "signatures",
    [SIGNED[:2], (*SIGNED[:2], SIGNED[1]), (*SIGNED[:2], (9, b"signed by 9")), (*SIGNED[:2], (2, b"signed by 1"))],
    ids=["too few", "one twice", "a stranger", "a forgery"],
)
def test_what_no_quorum_signed_is_no_message(signatures: tuple[tuple[int, bytes], ...]) -> None:
    """Whatever carries such a certificate, nothing that a member makes of it is explained."""
    config = BOUNDS.config
    weak = Certificate(Phase.PREPARE, 1, 1, WANTED[0], signatures)
    assert isinstance(map_message(config, Prepared(0, 0, weak)), NoMessage)
    assert isinstance(map_message(config, Propose(1, 0, 1, 2, WANTED[0], weak, b"signed by 1")), NoMessage)
    assert isinstance(map_message(config, Decide(0, 0, replace(weak, signatures=SIGNED))), NoMessage)
    assert isinstance(map_message(config, Vote(0, 0, Phase.PREPARE, 1, 1, WANTED[0], b"signed by 1")), NoMessage)
    sound = map_message(config, Prepared(0, 0, replace(weak, signatures=SIGNED)))
    assert sound == spec.Certificate(spec.Phase.PREPARE, 1, 1, WANTED[0])


def test_a_step_that_says_more_than_its_action_is_not_explained() -> None:
    """A vote is for what was proposed; one for something else is said by no action."""
    config = BOUNDS.config
    state = replace(restart(config, 0, Durable()), known=WANTED)
    step = local_step(BOUNDS, Member(state, Durable()), Receive(Propose(0, 0, 1, 1, WANTED[0], None, b"signed by 0")))
    assert explain(step) == ("handle_propose",)
    lies = frozenset({spec.Vote(0, spec.Phase.PREPARE, 1, 1, WANTED[1])})
    assert explain(replace(step, sent=lies)) is None
    assert explain(replace(step, sent=step.sent | lies)) is None
    assert nearest(replace(step, sent=step.sent | lies)).unsent == tuple(lies)
    assert explain(replace(step, received=None)) is None
