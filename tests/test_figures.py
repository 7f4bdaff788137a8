"""Figures that pages quote are those of the code: what is cheap to count is counted here."""

import re
import tomllib
from itertools import pairwise

import pytest

from documented import ROOT
from mutants_support import MUTANTS
from quorate_check.cli.default import DEFAULT_CHECK
from quorate_check.core.verdict import Verdict
from quorate_check.generals.claims import CLAIMS
from quorate_check.mutants.corpus import QUICK, bugs
from quorate_check.mutants.matrix import columns
from quorate_check.proofs import pool
from quorate_check.raft.ladder.rungs import RUNGS

BROKEN = sum(rung.broken is not None for rung in RUNGS)
BUGS, RUNS = sum(bug.has_check for bug in bugs(MUTANTS)), len(DEFAULT_CHECK)
FIGURES: dict[tuple[str, str], tuple[int, ...]] = {
    ("docs/mutants.md", r"holds: (\d+) bugs, each caught as its row says"): (BUGS,),
    ("CHANGELOG.md", r"`model-check mutants`: (\d+) known bugs"): (BUGS,),
    ("README.md", r"model-check generals +# (\d+) claims"): (len(CLAIMS),),
    ("docs/byzantine.md", r"all (\d+) claims are as expected"): (len(CLAIMS),),
    ("docs/byzantine.md", r"as claimed: (\d+) of (\d+) rungs break, (\d+) hold"): (
        BROKEN,
        len(RUNGS),
        len(RUNGS) - BROKEN,
    ),
    ("README.md", r"within the bounds of each of the (\d+) runs"): (RUNS,),
}


def rows(page: str, pattern: str) -> list[tuple[int, ...]]:
    """The numbers of the lines of a page that look like this."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.finditer(pattern, text, re.MULTILINE)
    return [tuple(int(number.replace(",", "")) for number in each.groups()) for each in found]


@pytest.mark.parametrize(("page", "pattern"), FIGURES, ids=lambda text: text)
def test_a_page_quotes_the_number_that_there_is(page: str, pattern: str) -> None:
    """Of bugs, claims, rungs and runs."""
    assert rows(page, pattern) == [FIGURES[page, pattern]]


def test_the_page_of_proofs_quotes_how_many_there_are() -> None:
    """Of each protocol, in the order in which they are proved, and of all."""
    page = (ROOT / "docs" / "proofs.md").read_text(encoding="utf-8")
    quoted = re.findall(
        r"^holds: (\d+) proofs; (\d+) controls? refuted, as they must be; (\d+) ties?", page, re.MULTILINE
    )
    subjects = [pool.load(name) for name in pool.SUBJECTS]
    controls = [sum(each.expected is not Verdict.HOLDS for each in subject.obligations) for subject in subjects]
    counted = [
        (len(subject.obligations) - false, false, len(subject.ties))
        for subject, false in zip(subjects, controls, strict=True)
    ]
    assert [tuple(map(int, each)) for each in quoted] == [*counted, tuple(map(sum, zip(*counted, strict=True)))]


def test_the_runs_that_the_readme_shows_add_up() -> None:
    """One row for each run, and their sum below."""
    shown = rows("README.md", r"^ {4}\d+ +(?:[\d,]+|-) +([\d,]+) +([\d,]+) +([\d,]+)  holds$")
    assert len(shown) == RUNS
    assert rows("README.md", r"^ {4}all +([\d,]+) +([\d,]+) +([\d,]+)  holds$") == [
        tuple(map(sum, zip(*shown, strict=True)))
    ]


def test_the_killed_mutants_that_a_page_shows_add_up() -> None:
    """What killed them, and how many there were in all."""
    killed = rows("docs/mutants.md", r"^ {4}[a-zA-Z][\w ']+? {2,}(\d+)$")
    ((judged, total, live),) = rows("docs/mutants.md", r"violated: (\d+) of (\d+) mutants judged, (\d+) live")
    assert judged == total == sum(number for (number,) in killed)
    assert (live,) in killed


def test_each_bug_has_its_row_in_the_matrix_at_its_depth() -> None:
    """Below the invariant that must catch it; what no invariant catches says by what it is caught."""
    page = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8")
    for bug in filter(lambda bug: bug.has_check, bugs(MUTANTS)):
        lines = [
            line.strip() for line in page.splitlines() if re.match(rf"    {re.escape(bug.name)}(: | (?!\())", line)
        ]
        assert len(lines) == 1, bug.name
        if bug.depth is not None and ": caught by" not in lines[0]:
            _, *cells = lines[0].split()
            depths = dict(zip(columns(), cells[:-3], strict=True))  # what follows are states, seconds, and s
            assert depths[bug.caught_by] == str(bug.depth), bug.name


def test_each_bug_has_its_steps_on_any_network() -> None:
    """As its row in the corpus names them, beside the depth within the row's bounds."""
    page = (ROOT / "docs" / "any-network.md").read_text(encoding="utf-8")
    shown = re.findall(r"^ {4}(\w\d+) +(.+?) +(<= )?(\d+) +(\d+) +[\d,]+ +[\d.]+ s$", page, re.MULTILINE)
    known = {bug.name: bug for bug in bugs(MUTANTS)}
    assert {name for name, *_ in shown} == set(QUICK)
    for name, promise, at_most, steps, bounded in shown:
        row = {"caught_by": promise, "depth": int(steps), "least": not at_most}
        assert (row, int(bounded)) == (known[name].any_network, known[name].depth)


def test_each_bug_of_the_store_has_its_steps() -> None:
    """As its row in a corpus names them."""
    page = (ROOT / "docs" / "store.md").read_text(encoding="utf-8")
    shown = re.findall(r"^ {4}(\w\d+) +(\w+) +(<= )?(\d+) +[\d,]+ +[\d.]+ s$", page, re.MULTILINE)
    known = {bug.id: bug.store for bug in bugs(MUTANTS) if bug.store is not None}
    assert {name for name, *_ in shown} == set(known)
    for name, promise, at_most, steps in shown:
        row = {"caught_by": promise, "depth": int(steps), "least": not at_most}
        assert row == {key: known[name][key] for key in row}


def test_the_rungs_that_a_page_shows_are_those_of_the_ladder() -> None:
    """Servers, quorum, and after how many steps which promise breaks."""
    page = (ROOT / "docs" / "byzantine.md").read_text(encoding="utf-8")
    shown = re.findall(
        r"^ {4} +(\d+)  (\d)  (\d)  \S.{23}  (not )?(\w+) +?(\d*) +[\d,]+ +[\d.]+ s$", page, re.MULTILINE
    )
    for number, (rung, row) in enumerate(zip(RUNGS, shown, strict=True), start=1):
        sizes, (negated, promise, steps) = tuple(map(int, row[:3])), row[3:]
        assert sizes == (number, rung.search.servers, rung.search.quorum)
        if rung.broken is not None:
            assert (negated, promise, int(steps)) == ("", rung.broken, rung.steps)
        else:
            assert (negated, promise, steps) in {("", "nothing", ""), ("not ", rung.promises, "")}


def test_the_versions_of_python_are_those_that_the_package_names() -> None:
    """The readme says on which all tests ran and on which a part."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [int(each.rpartition(".")[2]) for each in project["classifiers"] if "Python :: 3." in each]
    assert all(after == before + 1 for before, after in pairwise(named))
    assert project["requires-python"] == f">=3.{named[0]}"
    (said,) = rows("README.md", r"on Python 3\.(\d+) under Linux; on 3\.(\d+) to 3\.(\d+) a part")
    assert said == (named[0], named[1], named[-1])
