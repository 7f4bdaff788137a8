"""The traces of BFT members: what honest members do is explained, and what breaks a rule is found, by line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from drawn import steps_of
from nightly import EXAMPLES, NIGHTLY
from quorate.bft import (
    Certificate,
    Decide,
    Durable,
    NodeId,
    Phase,
    Prepared,
    Propose,
    Receive,
    Statement,
    Submit,
    Timeout,
    ViewTimeout,
    Vote,
    canonical,
    voting,
)
from quorate_check.bft.traces.check import TraceCheck
from quorate_check.bft.traces.findings import RuleViolationError, TraceRule
from quorate_check.bft.traces.follow import FollowedCheck
from quorate_check.bft.traces.picture import LastSteps
from quorate_check.bft.traces.report import conclusion_of, report_of
from quorate_check.bft.traces.statements import Statements
from quorate_check.cli import main
from quorate_check.core.system import UnusableSystemError
from quorate_check.traces.reading import Place
from traced_members import CLUSTER, SECRETS, TracedMembers, judged

DIGEST = bytes(range(32))
OTHER = bytes(32)
SEEDS = 200 if NIGHTLY else 8


def look(check: FollowedCheck, times: int = 1) -> None:
    """Read what is new, without waiting."""
    for _ in range(times):
        check._look()


def actions_of(check: TraceCheck) -> Counter[str]:
    """How many steps each action helps to explain."""
    counts: Counter[str] = Counter()
    for sequence, number in check.sequences.items():
        counts.update(dict.fromkeys(sequence, number))
    return counts


def signed(member: NodeId, statement: Statement) -> bytes:
    """A member's signature, which only it, or a test, can make."""
    return SECRETS[member].sign(canonical(CLUSTER, member, statement))


def vote(member: NodeId, dest: NodeId, phase: Phase, digest: bytes, view: int = 1) -> Vote:
    """A member's vote at index 1."""
    return Vote(member, dest, phase, 1, view, digest, signed(member, Statement(phase, 1, view, digest)))


def certificate(phase: Phase, digest: bytes, signers: tuple[NodeId, ...]) -> Certificate:
    """The votes of these members at index 1."""
    return Certificate(phase, 1, 1, digest, tuple((each, vote(each, 1, phase, digest).signature) for each in signers))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_members_do_is_explained(tmp_path: Path, seed: int) -> None:
    """With crashes that lose writes, lines that break off, and messages in any order."""
    cluster = TracedMembers(tmp_path, seed)
    cluster.run(1200)
    cluster.settle()
    cluster.close()
    check = judged(tmp_path)
    assert check.finding is None, check.finding
    assert check.waiting == 0
    assert check.counts.restarts > 0
    assert check.lost_steps == sum(member.lost_steps for member in cluster.members.values())
    assert len(check.decided) == cluster.decided > 0
    assert check.statements.taken_as_sent == 0


def test_all_actions_explain_something(tmp_path: Path) -> None:
    """So nothing is explained by a few that allow all."""
    counts: Counter[str] = Counter()
    for seed in range(20, 26):
        folder = tmp_path / str(seed)
        folder.mkdir()
        cluster = TracedMembers(folder, seed)
        cluster.run(1500)
        cluster.close()
        counts += actions_of(judged(folder))
    assert set(counts) >= {
        "view_timeout",
        "hear_timeout",
        "follow_timeouts",
        "show_decision",
        "submit",
        "wait_over",
        "propose",
        "handle_vote",
        "certify",
        "handle_propose",
        "handle_prepared",
        "handle_decide",
        "start_again",
    }


@pytest.mark.parametrize("seed", range(4))
def test_a_run_that_is_followed_is_explained_as_afterwards(tmp_path: Path, seed: int) -> None:
    """The same steps by the same actions, though it looks at the files in the middle of everything."""
    cluster = TracedMembers(tmp_path, seed, part_bytes=30_000)
    check = FollowedCheck(tmp_path)
    for _ in range(60):
        cluster.run(20)
        look(check)
    for member in cluster.members.values():
        member.write(len(member.queue))
    cluster.close()
    look(check, 3)
    assert len(list(tmp_path.glob("n?.?.ndjson"))) > 0
    complete = judged(tmp_path)
    assert complete.finding is None
    assert check.waiting == 0
    assert check.counts == complete.counts
    assert check.sequences == complete.sequences
    assert {i: digest for i, (digest, _) in check.decided.items()} == {
        i: digest for i, (digest, _) in complete.decided.items()
    }


@pytest.mark.parametrize("seed", range(4))
def test_a_trace_without_its_first_parts_is_judged_from_a_checkpoint(tmp_path: Path, seed: int) -> None:
    """And what can only have been signed before counts as sent."""
    cluster = TracedMembers(tmp_path, seed, part_bytes=20_000, parts=2)
    cluster.run(2500)
    cluster.settle()
    cluster.close()
    check = judged(tmp_path)
    assert check.finding is None, check.finding
    assert any(file.first_part > 0 for file in check.files)
    assert check.counts.steps > 50
    assert "from where the traces begin" in conclusion_of(check)


@pytest.mark.parametrize("seed", range(4))
def test_a_member_without_a_trace_may_be_a_traitor(tmp_path: Path, seed: int) -> None:
    """Its signatures are available to everybody, whatever it signs."""
    cluster = TracedMembers(tmp_path, seed, honest=(1, 2, 3))
    cluster.run(600, crashes=False)
    for member in (1, 2, 3):
        for digest in (DIGEST, OTHER):
            cluster.give(vote(4, member, Phase.PREPARE, digest))
    cluster.run(300)
    cluster.close()
    assert judged(tmp_path).finding is None


def test_steps_before_what_is_remembered_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without an end needs bounded memory, and what refers to forgotten ones counts as sent."""
    monkeypatch.setattr("quorate_check.bft.traces.follow.INDICES", 3)
    cluster = TracedMembers(tmp_path, 3)
    check = FollowedCheck(tmp_path)
    for _ in range(20):
        cluster.run(30, crashes=False)
        cluster.settle()
        look(check)
    cluster.close()
    look(check, 3)
    assert check.statements.forgotten > 6
    assert len(check.decided) <= 2 * 3 + 2
    assert min(index for _, _, index, _ in check.statements._signed) > check.statements.forgotten


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The lines of a trace."""
    return [json.loads(text) for text in path.read_text().splitlines()]


def rewrite(path: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Change the lines of a trace."""
    lines = lines_of(path)
    change(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def step_of(lines: list[dict[str, Any]], event: str) -> dict[str, Any]:
    """The first step of this event that sends something."""
    return next(line for line in lines if line["line"] == "step" and line["event"][0] == event and line["send"])


def another_state(lines: list[dict[str, Any]]) -> None:
    """The member has locked on something else."""
    step_of(lines, "Prepared")["state"]["lock_view"] = 7


def another_message(lines: list[dict[str, Any]]) -> None:
    """A vote goes to somebody else."""
    step_of(lines, "Propose")["send"][0][1]["dest"] = 9


def another_signature(lines: list[dict[str, Any]]) -> None:
    """The signature of a vote is another one."""
    vote_sent = step_of(lines, "Propose")["send"][0][1]
    vote_sent["signature"] = "A" + vote_sent["signature"][1:] if vote_sent["signature"][0] != "A" else "B"


def another_event(lines: list[dict[str, Any]]) -> None:
    """The proposal is one that its leader didn't sign."""
    step_of(lines, "Propose")["event"][1]["view"] = 5


@pytest.mark.parametrize("change", [another_state, another_message, another_signature, another_event])
def test_what_the_core_does_not_do_is_found(tmp_path: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """In the line that says so."""
    cluster = TracedMembers(tmp_path, 1)
    cluster.run(600, crashes=False)
    cluster.close()
    rewrite(tmp_path / "n2.ndjson", change)
    finding = judged(tmp_path).finding
    assert finding is not None
    assert (finding.rule, finding.place.file) == (TraceRule.REPLAYED, "n2.ndjson")


def places_in(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - any JSON
    """The places of all values within a value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*place, key)
        yield from places_in(inner, (*place, key))


def change_anything(rng: Random, lines: list[str]) -> None:
    """Put another value somewhere into a line, or leave out, repeat or exchange lines."""
    number, other = rng.choice([0, 1, rng.randrange(len(lines)), len(lines) - 1]), rng.randrange(len(lines))
    match rng.randrange(10):
        case 0:
            del lines[number]
        case 1:
            lines.insert(number, lines[other])
        case 2:
            lines[number], lines[other] = lines[other], lines[number]
        case _:
            value = json.loads(lines[number])
            *outer, last = rng.choice(list(places_in(value)))
            inner = value
            for key in outer:
                inner = inner[key]
            inner[last] = rng.choice([0, 1, -1, 2**70, None, "", "x", "AAAA", [], {}, True, 1.5, [[1, 2]], "A" * 44])
            lines[number] = json.dumps(value)


def test_traces_with_anything_in_them_are_judged_or_refused(tmp_path: Path) -> None:
    """Without a traceback, also of what is drawn and reported of them."""
    cluster = TracedMembers(tmp_path, 5, part_bytes=8000, parts=3)
    cluster.run(400, crashes=False)
    cluster.settle()
    cluster.close()
    rng, files = Random(EXAMPLES), sorted(tmp_path.iterdir())
    ends: Counter[str] = Counter()
    for _ in range(EXAMPLES or 40):
        path = rng.choice(files)
        text = path.read_text()
        lines = text.splitlines()
        change_anything(rng, lines)
        path.write_text("".join(f"{line}\n" for line in lines))
        last_steps = LastSteps()
        try:
            check = TraceCheck(tmp_path, last_steps.add)
            check.run(lambda: None, lambda _: None)
            report_of(check).as_dict()
            if check.finding is not None:
                last_steps.story(check, check.finding)
            ends["holds" if check.finding is None else "violated"] += 1
        except UnusableSystemError:
            ends["refused"] += 1
        path.write_text(text)
    assert len(ends) == 3


def older_disk(member_durable: Durable, line: dict[str, Any]) -> None:
    """Begin with one decision less than the disk had."""
    assert line["decisions"], member_durable
    line["decisions"].pop()


def test_a_start_from_a_disk_that_no_write_left_is_found(tmp_path: Path) -> None:
    """Such as an older copy, or an emptied one."""
    cluster = TracedMembers(tmp_path, 2)
    cluster.run(900, crashes=False)
    cluster.settle()
    member = cluster.members[1]
    member.crash()
    cluster.close()
    rewrite(tmp_path / "n1.ndjson", lambda lines: older_disk(member.durable, lines[-1]))
    finding = judged(tmp_path).finding
    assert finding is not None
    assert finding.rule is TraceRule.RESTARTED


def test_what_a_traced_member_never_signed_is_found(tmp_path: Path) -> None:
    """Its key is with somebody else."""
    cluster = TracedMembers(tmp_path, 1)
    cluster.members[1].handle(Submit(DIGEST))
    cluster.members[1].write(1)
    cluster.give(vote(3, 1, Phase.PREPARE, DIGEST))
    cluster.close()
    finding = judged(tmp_path).finding
    assert finding is not None
    assert finding.rule is TraceRule.SENT
    assert "node 3 never sent what it signed here: PREPARE, index 1, view 1, 00010203" in finding.what
    check = FollowedCheck(tmp_path)
    with pytest.raises(RuleViolationError, match="never sent"):
        look(check, 3)


def test_what_leaves_before_its_write_is_found(tmp_path: Path) -> None:
    """A vote that a crash could take back."""
    cluster = TracedMembers(tmp_path, 1)
    leader, voter = cluster.members[1], cluster.members[2]
    for member in (leader, voter):
        member.handle(Submit(DIGEST))
    leader.write(len(leader.queue))
    proposal = next(m for m in cluster.network if isinstance(m, Propose) and m.dest == 2)
    voter.handle(Receive(proposal))
    cluster.give(vote(2, 1, Phase.PREPARE, DIGEST))  # what it has signed, and not written
    cluster.close()
    finding = judged(tmp_path).finding
    assert finding is not None
    assert (finding.rule, finding.place.file) == (TraceRule.SENT, "n1.ndjson")


def test_what_a_member_says_again_may_be_replayed_to_it(tmp_path: Path) -> None:
    """Also while the repetition waits for the disk: the first time has left long ago."""
    cluster = TracedMembers(tmp_path, 1)
    leader = cluster.members[2]
    for member in cluster.members.values():
        member.handle(Submit(DIGEST))
        member.handle(ViewTimeout())
        member.write(len(member.queue))
    for message in [m for m in cluster.network if isinstance(m, Timeout) and m.dest == 2]:
        cluster.give(message)
    cluster.settle()
    late = next(m for m in cluster.sent if isinstance(m, Timeout) and (m.source, m.dest, m.index) == (2, 2, 1))
    assert leader.state.index > late.index
    for _ in range(2):
        cluster.give(late)  # it shows itself a decision
        leader.write(len(leader.queue))
    leader.handle(ViewTimeout())  # a write, behind which all else waits
    cluster.give(late)
    shown = [m for m in cluster.network if isinstance(m, Decide) and (m.source, m.dest) == (2, 2)]
    for message in [*shown, *(m for m in cluster.sent if isinstance(m, Propose) and m.source == 2)]:
        cluster.give(message)
    cluster.close()
    assert shown
    assert judged(tmp_path).finding is None


def test_a_step_that_the_specification_does_not_allow_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest step and its failing condition are told. The bug: a voter forgets its lock."""
    monkeypatch.setattr(voting, "_is_acceptable", lambda _state, _message: True)
    cluster = TracedMembers(tmp_path, 1)
    leader, voter = cluster.members[1], cluster.members[2]
    leader.handle(Submit(DIGEST))
    leader.write(len(leader.queue))
    voter.handle(Receive(next(m for m in cluster.network if isinstance(m, Propose) and m.dest == 2)))
    cluster.close()
    check = judged(tmp_path)
    assert check.finding is not None
    assert check.finding.rule is TraceRule.EXPLAINED
    report = report_of(check).as_dict()
    assert report["finding"]["next_action"] == "handle_propose"
    assert "in server.known" in report["finding"]["failing_condition"]


def test_decisions_that_differ_are_found(tmp_path: Path) -> None:
    """Two traitors are more than four members tolerate, and nothing else is broken."""
    cluster = TracedMembers(tmp_path, 1, honest=(1, 2))

    def decide(member: NodeId, digest: bytes) -> None:
        here = cluster.members[member]
        here.handle(Submit(digest))
        if here.state.leader_id != member:
            leader = here.state.leader_id
            statement = Statement(Phase.PROPOSE, 1, here.state.view, digest)
            here.handle(Receive(Propose(leader, member, 1, here.state.view, digest, None, signed(leader, statement))))
        here.write(len(here.queue))
        for message in [m for m in cluster.network if m.dest == member and isinstance(m, Propose)]:
            here.handle(Receive(message))
        here.write(len(here.queue))
        view = here.state.view
        for kind, phase in ((Prepared, Phase.PREPARE), (Decide, Phase.COMMIT)):
            votes = tuple((each, vote(each, member, phase, digest, view).signature) for each in sorted({member, 3, 4}))
            here.handle(Receive(kind(3, member, Certificate(phase, 1, view, digest, votes))))
            here.write(len(here.queue))

    decide(1, DIGEST)
    for _ in range(2):  # to the view of leader 3, a traitor
        cluster.members[2].handle(ViewTimeout())
        cluster.members[2].write(1)
    decide(2, OTHER)
    cluster.close()
    for _ in range(2):
        finding = judged(tmp_path).finding
        assert finding is not None
        assert finding.rule is TraceRule.AGREEMENT
        assert "index 1" in finding.what
        for begun in cluster.members.values():  # traces that begin with the decisions
            begun.path.unlink()
            begun.trace_anew()


def test_traces_of_two_clusters_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Though their members have the same numbers; and so is a line that no member writes."""
    TracedMembers(tmp_path, 1).close()
    rewrite(tmp_path / "n3.ndjson", lambda lines: lines[0]["keys"].update({"1": lines[0]["keys"]["2"]}))
    assert main(["trace", str(tmp_path)]) == 2
    assert "n3.ndjson:1: another cluster, or other keys" in capsys.readouterr().err
    rewrite(tmp_path / "n3.ndjson", lambda lines: lines[0].update(view="1"))
    assert main(["trace", str(tmp_path)]) == 2
    assert "n3.ndjson:1: no line of a trace" in capsys.readouterr().err


def test_the_command_judges_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the report for programs, the status, and the last steps on a page."""
    traces, page, report = tmp_path / "traces", tmp_path / "page.html", tmp_path / "report.json"
    traces.mkdir()
    cluster = TracedMembers(traces, 1)
    cluster.run(300)
    cluster.close()
    assert main(["trace", str(traces), "--html", str(page), "--json", str(report)]) == 0
    assert f"--html {page}: not written" in capsys.readouterr().out
    assert json.loads(report.read_text())["rules"]["ConformsToSpecification"]["verdict"] == "holds"
    rewrite(traces / "n1.ndjson", lambda lines: lines[0].update(view=9))
    assert main(["trace", str(traces), "--html", str(page), "--json", str(report)]) == 1
    assert f"Drawn: {page} opens in any browser." in capsys.readouterr().out
    assert json.loads(report.read_text())["finding"]["rule"] == "ReplaysTheCore"
    assert main(["explain", str(traces)]) == 2
    assert "these are traces of BFT members" in capsys.readouterr().err


def test_the_last_steps_before_a_broken_rule_are_drawn(tmp_path: Path) -> None:
    """Each with its member, what it sent and the rules that explain it; last the step that breaks the rule."""
    traces, page = tmp_path / "traces", tmp_path / "page.html"
    traces.mkdir()
    cluster = TracedMembers(traces, 1)
    cluster.members[1].handle(Submit(DIGEST))
    cluster.members[1].write(1)
    cluster.members[2].crash()
    cluster.give(vote(3, 1, Phase.PREPARE, DIGEST))
    cluster.members[1].write(1)
    cluster.close()
    assert main(["trace", str(traces), "--html", str(page)]) == 1
    steps = steps_of(page)
    submit, restart, refused = steps
    assert submit["text"] == "s1: a client wants 00010203"
    assert [rule["name"] for rule in submit["rules"]] == ["Submit", "Propose"]
    assert submit["sent"][1] == "proposal: 00010203, i1 v1 to s2"
    assert (restart["text"], restart["change"]) == ("s2: crash and restart", "nothing changes")
    assert (refused["text"], refused["rules"][0]["name"]) == (
        "s1 receives first vote: 00010203, i1 v1",
        "no action",
    )
    assert "never sent what it signed" in page.read_text(encoding="utf-8")


def test_two_votes_of_a_phase_are_found() -> None:
    """And a vote that is sent again is none."""
    statements = Statements()
    place = Place("n1.ndjson", 7)
    first = vote(1, 2, Phase.PREPARE, DIGEST)
    for message in (first, first, vote(1, 2, Phase.COMMIT, OTHER), vote(1, 2, Phase.PREPARE, OTHER, view=2)):
        statements.sign(1, message, place)
    with pytest.raises(RuleViolationError, match=r"another PREPARE statement than at n1\.ndjson:7"):
        statements.sign(1, replace(first, digest=OTHER), place)
