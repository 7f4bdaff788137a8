"""`model-check mutants`: known bugs are caught as their rows say, and mutants by rule are what they claim to be."""

from __future__ import annotations

import ast
import io
import json
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mutants_support import MUTANTS, ROOT
from quorate import raft
from quorate.raft import check_quorum, election
from quorate_check.cli import main
from quorate_check.cli.mutants import _print_systematic
from quorate_check.cli.output import Output, PathFiles
from quorate_check.core.behaviour import RAISED
from quorate_check.core.verdict import Verdict
from quorate_check.engine import Limits, explore
from quorate_check.mutants import corpus, judging
from quorate_check.mutants.corpus import Bug, bugs, complaint, complaint_on_any_network, tasks, tasks_on_any_network
from quorate_check.mutants.families import CORE, COUNTED_ANSWERS, FAMILIES, select
from quorate_check.mutants.generator import Mutant, mutants_of
from quorate_check.mutants.judging import CONFORMANCE
from quorate_check.mutants.matrix import columns, print_any_network, print_matrix
from quorate_check.mutants.patches import PatchError, apply, copy_of
from quorate_check.mutants.pool import Answer, Memory, Nursery, Task, run
from quorate_check.mutants.systematic import identity, mutants_in, reasons


@cache
def made_by_rule() -> list[Mutant]:
    """All mutants, made once."""
    return [mutant for family in FAMILIES for mutant in mutants_in(family, ROOT / "impl" / "quorate")]


ROWS = {row.name: row for row in bugs(MUTANTS)}


def test_the_index_of_bugs_has_every_bug_with_its_rule() -> None:
    """Whoever meets E6 in a table can look up what it is."""
    index = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8").split("## Index of bugs")[1]
    rows = [line for line in index.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert rows == [f"| {bug.name} | {bug.rule} |" for bug in corpus.bugs(ROOT / "tests" / "mutants")]


def answers(rows: list[Bug], memory: Memory) -> list[Answer]:
    """Judge `rows` in one process beside this one."""
    work = list(tasks(rows, ROOT))
    found = {task.key: answer for task, answer in run(work, ROOT / "impl", 1, memory, lambda: None)}
    return [found[task.key] for task in work]


def test_the_quick_bugs_are_caught_as_their_rows_say(tmp_path: Path) -> None:
    """Each by its invariant at its depth; and the least depth of all promises is that of the first one broken."""
    rows = [ROWS[name] for name in corpus.QUICK]
    for row, answer in zip(rows, answers(rows, Memory(tmp_path / "results", fresh=False)), strict=True):
        assert complaint(row, answer) is None
        depths = {name: depth for name, depth in answer["each"]["depths"].items() if name != CONFORMANCE}
        assert min(depths.values()) == depths[row.caught_by] == row.depth


def test_each_promise_has_its_own_least_depth(tmp_path: Path) -> None:
    """As searches that judge one alone have found it (corpus.toml), and conformance long before."""
    (answer,) = answers([ROWS["E5"]], Memory(tmp_path / "results", fresh=False))
    assert answer["each"]["depths"] == {"OneVotePerTerm": 3, "ElectionSafety": 10, RAISED: 11, CONFORMANCE: 1}


def test_a_matrix_has_a_row_for_each_search_and_a_line_for_each_bug_that_tests_find() -> None:
    """Numbers stand under the letters of what objects, in 80 columns."""
    text = io.StringIO()
    first = {"states": 1_565_123, "seconds": 23.2}
    searched = {"answers": [first], "each": {"depths": {"ElectionSafety": 10, CONFORMANCE: 1}}}
    simulated = {"answers": [], "simulation": {"check": "one leader per term", "seeds": 21}}
    judged = [(ROWS["E5"], searched), (ROWS["C17"], {"answers": [], "units": True}), (ROWS["E4 (server)"], simulated)]
    print_matrix(Console(file=text, width=80), judged)
    lines = text.getvalue().splitlines()
    assert lines[1] == "bug ES LA LM LC SM AN TN CI OV MB MI raise spec    states   time"
    assert lines[2] == "E5  10  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·     ·    1 1,565,123 23.2 s"
    assert lines[-2:] == [
        "C17: caught by unit tests: a test fails",
        "E4 (server): caught by simulation: one leader per term, after 21 seeds",
    ]


def test_every_column_of_the_matrix_has_its_own_letters() -> None:
    """Two invariants with the same would be told apart by nobody."""
    heads = columns()
    assert len(set(heads.values())) == len(heads)


def test_a_bug_that_survives_is_complained_of(tmp_path: Path) -> None:
    """A patch that changes nothing that matters stands for a check that has become blind."""
    (tmp_path / "E5.patch").write_text(
        "--- a/impl/quorate/quorum.py\n+++ b/impl/quorate/quorum.py\n@@ -15,1 +15,1 @@\n"
        "-    return n // 2 + 1\n+    return 1 + n // 2\n"
    )
    row = ROWS["E5"]
    harmless = replace(row, patch=tmp_path / "E5.patch")
    (answer,) = answers([harmless], Memory(tmp_path / "results", fresh=False))
    said = complaint(harmless, answer)
    assert said is not None
    assert said.startswith("OneVotePerTerm at depth 3 was expected, nothing")


def test_a_patch_that_no_longer_applies_fails_with_its_hunk(tmp_path: Path) -> None:
    """It says which lines weren't found, and changes nothing."""
    patch = "--- a/impl/quorate/quorum.py\n+++ b/impl/quorate/quorum.py\n@@ -3,1 +3,1 @@\n-no such line\n+another\n"
    copy_of(ROOT / "impl", tmp_path)
    with pytest.raises(PatchError, match=r"(?s)X1.*quorum\.py:3.*-no such line"):
        apply(patch, "X1", tmp_path)
    assert (tmp_path / "impl/quorate/quorum.py").read_text() == (ROOT / "impl/quorate/quorum.py").read_text()


@pytest.mark.parametrize("name", ROWS)
def test_every_patch_applies(name: str, tmp_path: Path) -> None:
    """Also those that nothing is claimed of."""
    row = ROWS[name]
    copy_of(ROOT / "impl", tmp_path)
    apply(row.patch.read_text(), row.patch.name, tmp_path)
    files = [
        p for p in (tmp_path / "impl").rglob("*.py") if p.read_text() != (ROOT / p.relative_to(tmp_path)).read_text()
    ]
    assert files
    for file in files:
        ast.parse(file.read_text())


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    """A run that was interrupted goes on; a line that it had half written is forgotten."""
    file = tmp_path / "results"
    file.write_text(json.dumps({"key": "k", "answer": {"raised": "known"}}) + '\n{"key": "cut')
    memory = Memory(file, fresh=False)

    def never(*_: object) -> Answer:
        raise AssertionError("asked again")

    work = [Task("known", "k", lambda _: None, never)]
    assert [a for _, a in run(work, ROOT / "impl", 2, memory, lambda: None)] == [{"raised": "known"}]
    assert Memory(file, fresh=True).answers == {}


@cache
def tree_text(file: str) -> str:
    """The syntax tree of a file of the core, as text: there are hundreds of mutants of one file."""
    return ast.dump(ast.parse((ROOT / "impl" / "quorate" / file).read_text()))


def test_mutants_by_rule_are_several_hundred_distinct_programs() -> None:
    """Each parses, differs from the core, and has a name of its own for the table of survivors."""
    made = made_by_rule()
    assert len(made) > 1_500  # as docs/mutants.md says
    for mutant in made:
        assert ast.dump(ast.parse(mutant.source)) != tree_text(mutant.file)
        assert mutant.before != mutant.after
    assert len({identity(mutant) for mutant in made}) > 0.9 * len(made)


def test_every_reason_is_of_a_mutant_that_there_is() -> None:
    """A line that has changed makes other mutants, and what was said of the old ones says nothing of them."""
    names = Counter(identity(mutant) for mutant in made_by_rule())
    why = reasons(MUTANTS / "survivors.toml")
    assert set(why) <= set(names)
    page = " ".join((ROOT / "docs" / "mutants.md").read_text(encoding="utf-8").split())  # however its lines break
    claim = r"The reasons of (\d+) are in `[^`]+`: (\d+) are equivalent to"
    ((all_of_them, equivalent),) = re.findall(claim, page)
    assert int(all_of_them) == sum(names[name] for name in why)
    assert int(equivalent) == sum(names[name] for name, reason in why.items() if reason.startswith("Equivalent"))


def test_a_rule_makes_the_slips_that_it_names(tmp_path: Path) -> None:
    """On a few lines with one place each."""
    (tmp_path / "m.py").write_text("def f(a, b):\n    assert a < b\n    return max(a, b) if a >= b else a + 1\n")
    made = {(m.kind, " ".join(m.after.split())) for m in mutants_of(tmp_path, "m.py")}
    assert ("max/min", "return (min(a, b)) if a >= b else a + 1") in made
    assert ("comparison flipped", "return max(a, b) if (a > b) else a + 1") in made
    assert not any("assert" in after for _, after in made)


def test_leaders_that_count_show_who_answered_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that counts no messages, or no other signs of life, or never transfers, reaches other states."""

    def states() -> int:
        found = explore(judging.system_of(COUNTED_ANSWERS), Limits(memory=1 << 30))
        assert found.exhaustive
        return found.states

    expected = states()
    with monkeypatch.context() as patch:
        patch.setattr(check_quorum, "count", lambda state, _: state)
        assert states() != expected
    with monkeypatch.context() as patch:
        patch.setattr(check_quorum, "on_hear", lambda state, _: raft.Output(state))
        assert states() != expected
    with monkeypatch.context() as patch:
        patch.setattr(election, "on_timeout_now", lambda state, _: raft.Output(state))
        assert states() != expected


def test_a_survivor_without_a_reason_fails() -> None:
    """And is shown with its change."""
    text = Console(file=io.StringIO(), width=100)
    mutant = made_by_rule()[0]
    output = Output(None, PathFiles(), None, text, text)
    assert _print_systematic(output, 1, {mutant: None}, [(mutant, "it is equivalent")]) is Verdict.HOLDS
    assert _print_systematic(output, 1, {mutant: None}, [(mutant, None)]) is Verdict.VIOLATED
    assert "raft/election.py        1         0           0     1" in text.file.getvalue()  # type: ignore[attr-defined]


def test_a_module_can_be_judged_alone() -> None:
    """By the searches and the tests of its family."""
    (family,) = select("raft/log.py")
    assert {mutant.file for mutant in mutants_in(family, ROOT / "impl" / "quorate")} == {"raft/log.py"}
    assert family.searches == CORE.searches
    assert family.modules["raft/log.py"] == CORE.modules["raft/log.py"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--corpus", "/nowhere"], "no corpus.toml"),
        (["--only", "X9"], "no such bug"),
        (["--systematic", "--only", "E7"], "mutants are made of raft/election.py"),
        (["--systematic", "--quick"], "omit --quick"),
        (["--any-network", "--store"], "give one of them"),
    ],
)
def test_what_cannot_be_judged_is_one_line_and_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any work."""
    assert main(["mutants", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_known_bugs_are_found_among_any_number_of_messages(tmp_path: Path) -> None:
    """Each by the promise and after the steps that its row names; a row that names something else is complained of."""
    rows = [ROWS[name] for name in ("E5", "E11", "C3")]
    work = list(tasks_on_any_network(rows, ROOT))
    memory = Memory(tmp_path / "results", fresh=False)
    found = {task.key: answer for task, answer in run(work, ROOT / "impl", 1, memory, lambda: None)}
    judged = [(row, found[task.key]) for row, task in zip(rows, work, strict=True)]
    assert [complaint_on_any_network(row, answer) for row, answer in judged] == [None] * len(rows)
    row, answer = judged[0]
    assert row.any_network is not None
    wrong = replace(row, any_network={**row.any_network, "depth": 1})
    assert "'depth': 1" in str(complaint_on_any_network(wrong, answer))
    text = io.StringIO()
    print_any_network(Console(file=text, width=80), judged)
    assert text.getvalue().splitlines()[2].split()[:4] == ["E5", "OneVotePerTerm", "3", "3"]


def test_every_bug_that_breaks_a_promise_has_a_row_on_any_network() -> None:
    """No bug is left to bounded networks alone."""
    assert [name for name, row in ROWS.items() if row.caught_by is not None and row.any_network is None] == []


def test_a_row_on_any_network_may_have_further_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are searched beside the row's own, without those of a bounded network, and are shown."""
    row = replace(ROWS["C18"], further_bounds={"max_log": 2, "no_op": True})
    questions = list[dict[str, Any]]()
    monkeypatch.setattr(Nursery, "ask", lambda _, question: questions.append(question))
    (task,) = tasks_on_any_network([row], ROOT)
    task.judge(object.__new__(Nursery), Path("mutant"))
    (question,) = questions
    (search,) = question["searches"]
    assert search["reduced"]
    assert search["bounds"] == {
        "max_term": 2,
        "max_log": 2,
        "proposals": 1,
        "restarts": 1,
        "storage": "async",
        "no_op": True,
        "network": "any",
    }
    text = io.StringIO()
    answer = {"answers": [{"broken": row.caught_by, "depth": 15, "least": False, "states": 9, "seconds": 1.0}]}
    print_any_network(Console(file=text, width=80), [(row, answer), (ROWS["E5"], answer)])
    assert text.getvalue().splitlines()[-1] == "C18: within the bounds of the row and max-log 2, no-op."
