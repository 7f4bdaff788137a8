"""`model-check explore`: what it refuses in one line, and where its page begins."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from quorate_check.cli import main
from quorate_check.cli.explore import WALKED, explorer_at, subject_of, system_named
from quorate_check.core import reference
from quorate_check.core.system import UnusableSystemError
from quorate_check.raft.bounds import RaftBounds
from quorate_check.tell.saved import SavedPath
from raft_promises import NOBODY_LEADS


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["rafts"], "rafts is no subject: name raft, bft, store, liveness, raft-spec, generals, three-generals, or"),
        (["bft", "--servers", "4"], "explore bft: these options are bounds of raft; give --bound NAME=VALUE"),
        (["--bound", "servers=2"], "--bound servers=2: the bounds of raft have options of their own"),
        (["generals", "--bound", "n=5"], "--bound n=5: generals has no bounds to choose"),
        (["bft", "--bound", "n=5"], "--bound n=5: bft has the bounds servers, traitors, max_view, lock, decisions"),
        (["bft", "--bound", "servers=many"], "--bound servers=many: give a value like 4"),
        (["bft", "--bound", "servers"], "--bound servers: give a value like 4"),
        (["bft", "--bound", "lock=1"], "--bound lock=1: give a value like true"),
        (["store", "--bound", "max-term=0"], "--max-term 0: "),
        (["--path", "no.json", "--bound", "servers=2"], "--path no.json: it has its own subject and bounds; leave the"),
        (["nowhere:system"], "nowhere:system: there is no module nowhere in "),
        (["--path", "no.json"], "no.json: No such file or directory"),
        (["raft", "--path", "no.json"], "--path no.json: it has its own subject and bounds; leave the others out"),
        (["--servers", "0"], "--servers 0: a cluster here has between 1 and 9"),
    ],
)
def test_a_mistake_is_refused_in_one_line(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With status 2, and before anything is served."""
    assert main(["explore", "--no-open", *arguments]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith(f"model-check: {line}")


def test_other_subjects_are_explored_within_bounds_that_are_given() -> None:
    """The others are their own; a saved path has all of them."""
    system, name, bounds = system_named("bft", WALKED, ["servers=7", "max-view=1", "lock=false"])
    assert (name, len(system.initial), bounds["traitors"]) == ("bft", 7, 1)
    assert (bounds["servers"], bounds["max_view"], bounds["lock"], bounds["decisions"]) == (7, 1, False, True)


def test_a_port_that_is_taken_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """By another page of ours, for example."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["explore", "--no-open", "--port", str(port)]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error == f"model-check: --port {port}: Address already in use"


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever hasn't got it has all the rest."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert main(["explore", "--no-open"]) == 2
    assert capsys.readouterr().err == "model-check: the explorer needs the extra web: pip install 'quorate[web]'\n"


def test_a_page_begins_at_the_end_of_a_saved_path() -> None:
    """And says so in one line if the path isn't possible any more."""
    bounds = RaftBounds(servers=2, max_term=1, max_log=0, proposals=0, symmetry=False)
    system = bounds.system()
    path = reference.explore(replace(system, invariants=(NOBODY_LEADS,))).path
    assert path is not None
    saved = SavedPath.of("raft", bounds.as_dict(), path)
    subject = subject_of(system, "raft", bounds.as_dict())
    explorer = explorer_at(subject, saved)
    assert explorer.places.at(explorer.link).state == path.steps[-1].after
    other = subject_of(replace(system, spontaneous=()), "raft", bounds.as_dict())
    with pytest.raises(UnusableSystemError, match="the saved path: unknown: step 1 of 3 isn't possible any more"):
        explorer_at(other, saved)
