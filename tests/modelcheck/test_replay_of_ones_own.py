"""A saved path of a system that somebody is still changing: whatever is wrong with it now is one line, and status 2."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from quorate_check.cli import main

MODULE = """
from quorate_check import Described, Invariant, Network, NetworkKind, Outcome, Over, Spontaneous, System

def count(state, event):
    return (Outcome(state + 1),)

def told(event):
    return "a tick"

def low(views):
    return views[0] < 2

system = System(
    name="counter",
    initial=(0,),
    step=count,
    network=Network(NetworkKind.UNORDERED, 1),
    spontaneous=(Spontaneous("tick", budget="ticks"),),
    budgets={"ticks": 9},
    done=lambda _: True,
    invariants=(Invariant("Low", "no count reaches two", lambda n: n, low, Over.EACH),),
    described=Described(event=told),
)
"""
Change = Callable[[str], None]


@pytest.fixture
def change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Change:
    """Puts a module in the place of the one whose path was saved in `path.json`."""
    name = f"replayed_{tmp_path.name}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def put(text: str) -> None:
        Path(f"{name}.py").write_text(text, encoding="utf-8")
        sys.modules.pop(name, None)

    put(MODULE)
    assert main(["system", f"{name}:system", "--engine", "reference", "--save", "path.json"]) == 1
    return put


STEP = "return (Outcome(state + 1),)"
SKIPPED = "import pytest\npytest.skip('x', allow_module_level=True)\nsystem = System("


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (STEP, "return state + 1", "counter: step returned an int for 'tick' in 0: give a tuple of Outcome; return ()"),
        (
            STEP,
            "return (state + 1,)",
            "counter: step returned a tuple with an int in it for 'tick' in 0: put",
        ),
        (
            STEP,
            "return (Outcome([state]),)",
            "counter: the state after 'tick' can't be hashed: [0] is a list; use a tuple",
        ),
        (STEP, "return (Outcome(1, ('x',)),)", "counter: the source of 'x' can't be determined (AttributeError: "),
        (STEP, "raise SystemExit(0)", "counter: step ended the program at "),
        ('return "a tick"', "return {}[event]", "counter: Described.event raised KeyError: 'tick' at "),
        ('return "a tick"', "return 7", "counter: Described.event returned an int, given 'tick': return a str"),
        (
            "return views[0] < 2",
            "return views[1] < 2",
            "counter: invariant Low raised IndexError: ",
        ),
        ("lambda n: n", "lambda n: [n]", "counter: what a property's view shows of 0 can't be hashed: [0] is a list"),
        ("initial=(0,)", "initial=()", "counter: a system needs at least one node"),
        ("initial=(0,)", "initial=([],)", "counter: the initial state can't be hashed: [] is a list; use a tuple"),
        ("system = System(", "system = dict(", "replayed_*:system: it is dict, not a System"),
        ("system = System(", "other = System(", "replayed_*:system: AttributeError: "),
        ("system = System(", "syst em = System(", "replayed_*:system: SyntaxError: "),
        ("system = System(", "raise SystemExit(0)\nsystem = System(", "replayed_*:system: SystemExit: 0"),
        (
            "system = System(",
            SKIPPED,
            "replayed_*:system: Skipped: x",
        ),
    ],
)
def test_what_is_wrong_now_is_one_line(
    before: str, after: str, said: str, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which names the function and what it did, as `model-check system` would."""
    assert MODULE.count(before) == 1
    change(MODULE.replace(before, after))
    capsys.readouterr()
    assert main(["replay", "path.json"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    subject = json.loads(Path("path.json").read_text(encoding="utf-8"))["subject"]
    assert line.startswith("model-check: " + said.replace("replayed_*:system", subject))


def test_a_module_that_is_gone_is_named(change: Change, capsys: pytest.CaptureFixture[str]) -> None:
    """It was renamed, or this is another folder."""
    change("")
    (module,) = Path().glob("*.py")
    module.unlink()
    capsys.readouterr()
    assert main(["replay", "path.json"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    advice = f"there is no module {module.stem} in {Path.cwd()} or on Python's path; run this in its folder"
    assert line == f"model-check: {module.stem}:system: {advice}"


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (STEP, "return ()", (3, "unknown: step 1 of 2 isn't possible any more: spontaneous 'tick' at n0")),
        ('"tick"', '"tock"', (3, "unknown: step 1 of 2 isn't possible any more: spontaneous 'tick' at n0")),
        ('"ticks": 9', '"ticks": 1', (3, "unknown: step 2 of 2 isn't possible any more: spontaneous 'tick' at n0")),
        ("state + 1", "state + 1 - state", (0, "holds on this path: all 2 steps are possible, and Low isn't broken")),
        ("state + 1", "state + 2", (1, "violated: Low is still broken, after 1 of 2 saved steps")),
        (STEP, "raise ValueError('odd')", (1, "violated: the step function now raises ValueError: odd at replayed")),
    ],
)
def test_a_path_that_goes_another_way_is_no_mistake_of_its_system(
    before: str, after: str, verdict: tuple[int, str], change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    """How it goes now is a verdict."""
    change(MODULE.replace(before, after))
    capsys.readouterr()
    status, said = verdict
    assert main(["replay", "path.json"]) == status
    printed = capsys.readouterr()
    assert said in " ".join(printed.out.split())
    assert not printed.err
