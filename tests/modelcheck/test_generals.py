"""The table of claims among traitors: its counts, and that its methods agree with each other."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import comb
from pathlib import Path

import pytest

from documented import ROOT
from junit_reading import read_junit
from quorate.generals import Order, Protocol, Rules
from quorate_check.api.extras import MISSING
from quorate_check.cli.app import main
from quorate_check.core.verdict import Verdict
from quorate_check.generals.claims import CLAIMS, STORY, Claim
from quorate_check.generals.examine import examine, runs_of_om
from quorate_check.generals.projection import majority, project, variable
from quorate_check.generals.result import Method
from quorate_check.generals.rounds import TooLargeError
from quorate_check.generals.subject import IC1, IC2, Instance, enumerate_runs
from quorate_check.generals.watch import Watch, WorkProgress

A, R = Order.ATTACK, Order.RETREAT
ORAL, SIGNED = Protocol.ORAL, Protocol.SIGNED


@pytest.mark.parametrize(
    ("instance", "counts"),
    [
        (Instance(Rules(ORAL, 3, 1, 0)), (4, 4, 2, 0)),
        (Instance(Rules(ORAL, 3, 1, 1)), (8, 4, 0, 2)),
        (Instance(Rules(ORAL, 4, 1, 1)), (24, 8, 0, 0)),
        (Instance(Rules(ORAL, 7, 2, 2)), (30 << 40, 6 << 30, 0, 0)),
        (Instance(Rules(SIGNED, 3, 1, 1)), (8, 16, 0, 0)),
        (Instance(Rules(SIGNED, 3, 1, 1), forge=True), (16, 16, 0, 4)),
        (Instance(Rules(SIGNED, 4, 2, 2)), (96, 3888, 0, 0)),
        (STORY, (256, None, 254, 0)),
        (Instance(Rules(Protocol.VOTE, 3, 0, 0), loss=True), (512, None, 180, 37)),
        (Instance(Rules(Protocol.PHASE_KING, 5, 1, 1)), (143_360, None, 0, 0)),
    ],
    ids=["OM(0)", "OM(1) n=3", "OM(1) n=4", "OM(2) n=7", "SM(1)", "SM(1) forged", "SM(2)", "story", "loss", "king"],
)
def test_an_instance_has_its_counts(instance: Instance, counts: tuple[int, int | None, int, int]) -> None:
    """Runs with a loyal commander and with a traitor, violations of IC1 and of IC2."""
    found = examine(instance)
    runs = (found.runs_loyal_commander, found.runs_traitor_commander)
    assert (*runs, found.ic1_violations, found.ic2_violations) == counts


def test_om_2_of_seven_is_evaluated_in_every_view() -> None:
    """16 choices in each of 120 cases for IC2, 18 in each of 60 pairs for IC1."""
    found = project(7, 2, 2)
    assert (found.evaluations_ic2, found.evaluations_ic1) == (120 << 16, 60 << 18)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.sentence)
def test_every_claim_is_as_it_says(claim: Claim) -> None:
    """And what is violated has a story that ends with what is broken."""
    found = examine(claim.instance)
    assert found.verdict is claim.verdict
    broken = {name for name, n in ((IC1, found.ic1_violations), (IC2, found.ic2_violations)) if n}
    assert {story.broken for story in found.stories} == broken
    assert all(story.lines[-1].startswith(f"{story.broken} is broken") for story in found.stories)


@pytest.mark.parametrize(("n", "f", "m"), [(3, 1, 0), (3, 1, 1), (4, 1, 1), (5, 1, 1), (5, 2, 1), (4, 2, 1), (6, 2, 1)])
def test_view_projection_finds_what_enumeration_finds(n: int, f: int, m: int) -> None:
    """The formula breaks a promise exactly where the generals that exchange messages break it."""
    instance = Instance(Rules(ORAL, n, f, m))
    played, projected = enumerate_runs(instance), project(n, f, m)
    assert (played.loyal_commander.runs, played.traitor_commander.runs) == runs_of_om(instance.rules)
    assert bool(played.violations(IC2)) == bool(projected.ic2_violations)
    assert bool(played.traitor_commander.violations.get(IC1)) == bool(projected.ic1_violations)


def test_tables_of_choices_are_those_of_single_choices() -> None:
    """A table's bit c is what choice c gives."""
    tables = [variable(k, 4) for k in range(4)]
    voted = majority(tables, (1 << 16) - 1)
    for choice in range(16):
        assert [table >> choice & 1 for table in tables] == [choice >> k & 1 for k in range(4)]
        assert voted >> choice & 1 == (choice.bit_count() > 2)


def test_an_instance_that_is_too_large_is_refused_with_an_estimate() -> None:
    """Nobody waits for what will not end."""
    with pytest.raises(TooLargeError, match=r"\d+ cases of 2\^\d+ choices"):
        examine(Instance(Rules(ORAL, 10, 3, 3)), method=Method.VIEW_PROJECTION)
    with pytest.raises(TooLargeError, match=r"choices of traitors and orders"):
        examine(Instance(Rules(Protocol.VOTE, 30, 3, 0)))
    with pytest.raises(TooLargeError, match=r"round 2 of 3 alone takes about \d"):
        examine(Instance(Rules(Protocol.ORAL, 7, 0, 2), loss=True))


def test_the_command_reports_an_instance_as_json(tmp_path: Path) -> None:
    """With the keys that are promised."""
    file = tmp_path / "report.json"
    status = main(["generals", "--protocol", "om", "--n", "3", "--traitors", "1", "--rounds", "1", "--json", str(file)])
    assert status == 1
    report = json.loads(file.read_text(encoding="utf-8"))
    expected = {
        "protocol": "om",
        "n": 3,
        "traitors": 1,
        "rounds": 1,
        "method": "enumeration",
        "runs_loyal_commander": 8,
        "runs_traitor_commander": 4,
        "ic1_violations": 0,
        "ic2_violations": 2,
        "verdict": "violated",
    }
    assert {key: report[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--n", "4"], "needs --protocol"),
        (["--protocol", "om", "--n", "4"], "needs --n and --traitors"),
        (["--protocol", "om", "--n", "3", "--traitors", "3"], "at least one general must be loyal"),
        (
            ["--protocol", "om", "--n", "10", "--traitors", "3", "--method", "projection"],
            "1,008 cases of 2^255 choices",
        ),
        (["--protocol", "om", "--n", "12", "--traitors", "4", "--rounds", "3"], "too large"),
        (["--protocol", "om", "--n", "30", "--traitors", "9"], "2^16,958,222,906,400 strategies"),
        (["--protocol", "bracha", "--n", "4", "--traitors", "1", "--forge"], "give more --traitors"),
        (["--protocol", "bracha", "--n", "30", "--traitors", "9"], "14^21 states"),
        (["--protocol", "vote", "--n", "4", "--traitors", "1", "--rounds", "2"], "one round"),
        (["--protocol", "sm", "--n", "4", "--traitors", "1", "--method", "z3"], "need --protocol om"),
        (["--method", "z3"], "needs --protocol"),
        (["--html", "page.html"], "name one with --protocol"),
        (["--protocol", "sm", "--n", "4", "--traitors", "0", "--forge"], "--traitors is 0"),
    ],
)
def test_what_cannot_be_examined_is_refused_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2."""
    assert main(["generals", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_the_table_of_claims_is_as_expected_and_as_its_page_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Every claim has its verdict, which for some is violated; the page's numbers are those of this run."""
    assert {claim.verdict for claim in CLAIMS} == {Verdict.HOLDS, Verdict.VIOLATED}
    assert main(["generals"]) == 0
    row = re.compile(r"([\d,.e+]+) +([\d,]+) +([\d,]+) +(holds|violated) *$", re.MULTILINE)
    page = (ROOT / "docs" / "byzantine.md").read_text(encoding="utf-8")
    assert row.findall(page) == row.findall(capsys.readouterr().out)
    assert len(row.findall(page)) == len(CLAIMS)


def test_lost_words_keep_a_broadcast_from_some_and_never_divide_it() -> None:
    """Without traitors, too, somebody may deliver what others never hear; nobody delivers anything else."""
    for f in (0, 1):
        found = examine(Instance(Rules(Protocol.BRACHA, 4, f, 0), loss=True))
        assert found.verdict is Verdict.VIOLATED
        assert examine(Instance(Rules(Protocol.BRACHA, 4, f, 0))).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    "rules",
    [Rules(ORAL, 4, 1, 1), Rules(ORAL, 7, 2, 2), Rules(Protocol.BRACHA, 4, 1, 0)],
    ids=lambda r: r.protocol.value,
)
def test_an_interrupted_examination_says_so_and_claims_nothing(rules: Rules) -> None:
    """By every method: it looks before each piece of work whether to go on, and tells how far it has come."""
    told: list[WorkProgress] = []
    found = examine(Instance(rules), Watch(lambda: "enough" if len(told) > 1 else None, told.append))
    assert (found.verdict, found.stopped) == (Verdict.UNKNOWN, "enough")
    assert [progress.done for progress in told] == [0, 1]
    assert told[0].total > 0
    whole = examine(Instance(rules))
    assert (found.evaluations or found.runs) < (whole.evaluations or whole.runs)


def test_a_signal_ends_a_long_examination_with_what_is_known() -> None:
    """Status 3, the reason, and no traceback."""
    command = [
        Path(sys.executable).with_name("model-check"),
        "generals",
        "--protocol",
        "sm",
        "--n",
        "7",
        "--traitors",
        "2",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "setups" in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "unknown: interrupted" in out
    assert "Traceback" not in err


def test_an_interrupted_table_is_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found so far is as expected, and that is all that is said."""

    @contextmanager
    def impatient(_console: object) -> Iterator[Callable[[], str]]:
        yield lambda: "interrupted"

    monkeypatch.setattr("quorate_check.cli.generals.interruptible", impatient)
    report = tmp_path / "report.xml"
    assert main(["generals", "--junit", str(report)]) == 3
    assert "unknown: interrupted; 0 claims are as expected so far" in capsys.readouterr().out
    assert list(read_junit(report.read_text(encoding="utf-8")).values()) == ["error"] * len(CLAIMS)


@pytest.mark.parametrize(
    ("n", "f", "violations"), [(3, 1, (0, 2)), (4, 1, (0, 0)), (6, 2, (0, 10)), (7, 2, (0, 0)), (9, 2, (0, 0))]
)
def test_z3_answers_for_every_set_of_traitors(n: int, f: int, violations: tuple[int, int]) -> None:
    """21 sets of two among seven, of which 15 leave the commander loyal, who may order either; a lie is replayed."""
    pytest.importorskip("z3", reason=MISSING)
    found = examine(Instance(Rules(ORAL, n, f, f)), method=Method.Z3)
    assert found.evaluations == 2 * comb(n - 1, f) + comb(n - 1, f - 1)
    assert (found.ic1_violations, found.ic2_violations) == violations
    assert len(found.stories) == sum(map(bool, violations))


def test_what_view_projection_can_not_examine_is_left_to_z3(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it is there; otherwise the refusal says how to get it."""
    large = Instance(Rules(ORAL, 9, 2, 2))
    with monkeypatch.context() as patch:
        patch.setattr("quorate_check.generals.examine.has_z3", lambda: False)
        with pytest.raises(TooLargeError, match=r"2\^26 choices; z3 might do, but z3 is missing, pip install"):
            examine(large)
    pytest.importorskip("z3", reason=MISSING)
    assert examine(large).method is Method.Z3
    with pytest.raises(TooLargeError, match="z3 would need"):
        examine(Instance(Rules(ORAL, 40, 2, 2)), method=Method.Z3)


def test_z3_stops_when_it_is_asked_to() -> None:
    """And claims nothing."""
    pytest.importorskip("z3", reason=MISSING)
    found = examine(Instance(Rules(ORAL, 7, 2, 2)), Watch(lambda: "enough"), Method.Z3)
    assert (found.verdict, found.stopped, found.evaluations) == (Verdict.UNKNOWN, "enough", 0)


def test_the_verdict_names_what_broke_and_why_it_must(capsys: pytest.CaptureFixture[str]) -> None:
    """With a third of traitors no protocol without signatures keeps both; losing messages is another reason."""
    assert main(["generals", "--protocol", "om", "--n", "3", "--traitors", "1"]) == 1
    verdict = capsys.readouterr().out.splitlines()[-1]
    assert verdict.startswith(
        "violated: IC2 breaks (if the commander is loyal, every loyal lieutenant obeys his order)"
    )
    assert "IC1 breaks" not in verdict
    assert "It must: 3 generals are no more than 3 times 1" in verdict
    assert main(["generals", "--protocol", "vote", "--n", "3", "--traitors", "1"]) == 1
    assert "It must" not in capsys.readouterr().out
