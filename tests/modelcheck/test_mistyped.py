"""What somebody without a type checker gets wrong is said in one line, in words that can be imported."""

import dataclasses
import enum
import re
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import quorate_check
from quorate_check import (
    Box,
    Deliver,
    Described,
    Invariant,
    Label,
    Network,
    NetworkKind,
    NotAsPromisedError,
    Outcome,
    Rule,
    Spontaneous,
    StepInvariant,
    StepWitness,
    Symmetry,
    System,
    UnusableSystemError,
    Witness,
    check,
)
from quorate_check.api.options import Engine
from quorate_check.cli import main

KIND = NetworkKind.UNORDERED
A: Any = None  # what a type checker would refuse


def judge(*_given: object) -> bool:
    """Accept everything."""
    return True


MISTYPED: dict[str, tuple[Callable[[], object], str]] = {
    "a kind by its name": (
        lambda: Network(typing.cast("Any", "unordered"), 3),
        r"Network: kind is 'unordered'; give NetworkKind.UNORDERED or NetworkKind.ORDERED or NetworkKind.LOCKSTEP",
    ),
    "a capacity in words": (lambda: Network(KIND, typing.cast("Any", "3")), "Network: capacity is '3'; give a number"),
    "a capacity that is true": (lambda: Network(KIND, True), "Network: capacity is True; give a number"),  # noqa: FBT003
    "half a capacity": (lambda: Network(KIND, typing.cast("Any", 2.5)), "Network: capacity is 2.5; give a number"),
    "drops that are false": (lambda: Network(KIND, 1, drops=False), "drops is False; give a number or None"),
    "duplicates in words": (
        lambda: Network(KIND, 1, duplicates=typing.cast("Any", "1")),
        "duplicates is '1'; give a number or None",
    ),
    "at once, how often": (
        lambda: Network(KIND, 1, at_once=typing.cast("Any", 1)),
        "Network: at_once is 1; give True or False",
    ),
    "over in words": (
        lambda: Invariant("P", "", len, judge, typing.cast("Any", "all")),
        "Invariant: over is 'all'; give Over.EACH or Over.PAIRS or Over.ALL",
    ),
    "no name": (lambda: Invariant(A, "", len, judge), "Invariant: name is None; give a string"),
    "no view": (lambda: Invariant("P", "", A, judge), "Invariant: view is None; give a function"),
    "a verdict": (
        lambda: Invariant("P", "", len, typing.cast("Any", True)),  # noqa: FBT003
        "Invariant: holds is True; give a function",
    ),
    "a reason in words": (
        lambda: StepInvariant("P", "", judge, typing.cast("Any", "so")),
        "StepInvariant: why is 'so'; give a function or None",
    ),
    "a witness over words": (
        lambda: Witness("w", len, judge, typing.cast("Any", "each")),
        "Witness: over is 'each'; give Over.EACH",
    ),
    "a witness that is impossible": (
        lambda: StepWitness("w", judge, typing.cast("Any", True)),  # noqa: FBT003
        "StepWitness: impossible is True; give a string or None",
    ),
    "a budget by its limit": (
        lambda: Spontaneous("tick", typing.cast("Any", 3)),
        "Spontaneous: budget is 3; give a string or None",
    ),
    "half a symmetry": (lambda: Symmetry(A, judge), "Symmetry: local is None; give a function"),
    "a description in words": (
        lambda: Described(event=typing.cast("Any", "tick")),
        "Described: event is 'tick'; give a function",
    ),
    "a label without its meaning": (
        lambda: Described(labels=typing.cast("Any", ("holds",))),
        "Described: labels holds 'holds'; put a Label there",
    ),
    "a label that can't be found": (
        lambda: Label("(", "an open bracket"),
        r"Label: pattern is '\(': missing \), unterminated subpattern at position 0",
    ),
    "outsiders in one string": (
        lambda: Described(outsiders=typing.cast("Any", "clients")),
        "Described: outsiders is 'clients'; give a tuple",
    ),
    "outsiders without names": (
        lambda: Described(outsiders=typing.cast("Any", (1,))),
        "Described: outsiders holds 1; put a string there",
    ),
    "a rule of nothing": (lambda: Rule(A), "Rule: name is None; give a string"),
    "a number in a box": (lambda: Box(typing.cast("Any", 3)), "Box: text is 3; give a string"),
    "a system without a name": (
        lambda: System(A, (0,), judge, Network(KIND, 1)),  # type: ignore[arg-type]
        "System: name is None; give a string",
    ),
}


@pytest.mark.parametrize("name", MISTYPED)
def test_what_is_of_the_wrong_type_is_refused_when_it_is_made(name: str) -> None:
    """In one sentence, which names the field, what it is, and what to give."""
    make, said = MISTYPED[name]
    with pytest.raises(UnusableSystemError, match=said) as refused:
        make()
    assert "\n" not in str(refused.value)


class SilentError(Exception):
    """Says nothing."""


class MumblingError(Exception):
    """Can't say anything."""

    def __str__(self) -> str:
        raise ValueError("mumble")


def endless(number: int) -> int:
    """Call itself without end."""
    return endless(number + 1)


def stops() -> Any:  # noqa: ANN401 - a newcomer's generator
    """Yield nothing, and let a StopIteration out."""
    next(iter(()))
    yield


def fails(error: BaseException) -> Callable[[], object]:
    """Return a function that raises `error`."""

    def failing() -> object:
        raise error

    return failing


RAISED: dict[str, tuple[Callable[[], object], str]] = {
    "nothing to say": (fails(SilentError()), r"raised SilentError after 1 step,"),
    "a message that fails": (fails(MumblingError()), r"raised MumblingError: its message can't be shown after 1 step,"),
    "a stopped iteration": (fails(StopIteration()), r"raised StopIteration after 1 step,"),
    "a stopped iteration with a value": (fails(StopIteration(7)), r"raised StopIteration: 7 after 1 step,"),
    "a stopped generator": (stops, r"raised StopIteration in a generator after 1 step,"),
    "a missing key": (lambda: {}["leader"], r"raised KeyError: 'leader' after 1 step,"),
    "many lines": (fails(ValueError("one\ntwo")), r"raised ValueError: one two after 1 step,"),
    "endless recursion": (
        lambda: endless(0),
        r"raised RecursionError: maximum recursion depth exceeded.* after 1 step",
    ),
    "a failed assertion": (fails(AssertionError()), r"raised AssertionError after 1 step,"),
}


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("name", RAISED)
def test_whatever_a_step_raises_is_told_as_what_it_is(name: str, engine: Engine) -> None:
    """By its class and message, in a sentence that can be read, with the line of the file that it comes from."""
    act, said = RAISED[name]

    def step(_state: int, event: object) -> Any:  # noqa: ANN401 - what a newcomer writes
        assert not isinstance(event, Deliver)
        return tuple(act()) or (Outcome(1),)  # type: ignore[call-overload]

    system = System("raising", (0,), step, Network(KIND, 1), spontaneous=(Spontaneous("tick"),))
    with pytest.raises(NotAsPromisedError) as failed:
        check(system, engine=engine)
    first = " ".join(str(failed.value).partition("\n\n")[0].split())
    assert re.match(f"raising: violated: the step function {said}", first), first
    assert re.search(r", at test_mistyped.py:\d+$", first), first


PUBLIC = {name: getattr(quorate_check, name) for name in quorate_check.__all__}
OWN = "quorate_check"


def named(annotation: Any) -> set[type]:  # noqa: ANN401 - whatever an annotation is
    """The classes of ours that an annotation names, however deep."""
    found = {annotation} if isinstance(annotation, type) and annotation.__module__.startswith(OWN) else set()
    parts = (part for a in typing.get_args(annotation) for part in (a if isinstance(a, list) else [a]))
    return found.union(*map(named, parts))


def hints(thing: Any) -> dict[str, Any]:  # noqa: ANN401 - a class or a function
    """The annotations of a class's fields or of a function, with what is imported for type checkers only."""
    return typing.get_type_hints(thing, localns=PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_class_that_a_signature_names_can_be_imported(name: str) -> None:
    """What a public class holds, takes or gives is public."""
    thing = PUBLIC[name]
    things = [thing]
    if isinstance(thing, type):
        own = vars(thing).items()
        things += [
            v for k, v in own if isinstance(v, types.FunctionType) and (not k.startswith("_") or k == "__init__")
        ]
        things += [v.fget for k, v in own if isinstance(v, property) and v.fget is not None and not k.startswith("_")]
    found = set().union(*(named(hint) for each in things for hint in hints(each).values()))
    assert found <= set(PUBLIC.values()), found - set(PUBLIC.values())


GAME_OF_ONE = System(
    "one",
    (0,),
    lambda n, _event: (Outcome(1 - n),),
    Network(NetworkKind.UNORDERED, 1),
    spontaneous=(Spontaneous("go"),),
)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"system": "x"}, "check: system is 'x'; give a System"),
        ({"workers": "2"}, "check: workers is '2'; give a number or None"),
        ({"depth": 1.5}, "check: depth is 1.5; give a number or None"),
        ({"depth": True}, "check: depth is True; give a number or None"),
        ({"memory": "1"}, "check: memory is '1'; give a number or None"),
        ({"engine": 3}, "check: engine is 3; give a string or None"),
        ({"breaks": ("A",)}, r"check: breaks is \('A',\); give a string or None"),
        ({"memory": -1}, "memory"),
        ({"workers": 0}, "workers"),
        ({"engine": "fast"}, "engine 'fast': there are"),
    ],
    ids=str,
)
def test_what_check_is_given_is_refused_in_one_sentence(given: dict[str, object], sentence: str) -> None:
    """By its name, with what to give."""
    with pytest.raises(UnusableSystemError, match=sentence) as refused:
        check(**{"system": GAME_OF_ONE, **given})  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


def test_the_commands_name_the_line_that_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the user's own file, with the path that led there."""
    text = """
from quorate_check import Network, NetworkKind, Outcome, Spontaneous, System

def step(n, event):
    if n == 1:
        raise ValueError("two is too much")
    return (Outcome(n + 1),)

system = System("raising", (0,), step, Network(NetworkKind.UNORDERED, 1), spontaneous=(Spontaneous("tick"),))
"""
    (tmp_path / "raising_in_a_step.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for command in (
        ["system", "raising_in_a_step:system", "--engine", "reference", "--save", "path.json"],
        ["system", "raising_in_a_step:system"],
        ["simulate", "--system", "raising_in_a_step:system", "--walks", "1"],
        ["replay", "path.json"],
    ):
        assert main(command) == 1
        printed = " ".join(capsys.readouterr().out.split())
        assert "ValueError: two is too much at raising_in_a_step.py:6" in printed, command


def test_every_class_that_a_refusal_names_can_be_imported() -> None:
    """Whatever of ours a message of the guard or of a system calls by a class's name."""
    root = Path(quorate_check.__file__).parent
    private = {
        name: value
        for module in ("core.system", "core.invariants", "core.path", "core.verdict", "tell.described")
        for name, value in vars(__import__(f"{OWN}.{module}", fromlist=["x"])).items()
        if isinstance(value, type) and value.__module__.startswith(OWN) and name not in PUBLIC
    }
    assert all(dataclasses.is_dataclass(v) or issubclass(v, enum.Enum) for v in private.values())
    for module in ("core.system", "api.guard", "api.checking", "core.invariants", "core.unusable", "tell.described"):
        texts = re.findall(
            r'"[^"\n]*"', root.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
        )
        words = set(re.findall(r"\b[A-Z]\w+", " ".join(texts)))
        assert not words & set(private), words & set(private)
