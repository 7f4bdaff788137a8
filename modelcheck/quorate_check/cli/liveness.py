"""`model-check liveness`: whether Raft goes on after its faults, if time passes as its clock says."""

from typing import Annotated

import typer

from quorate_check.cli.base import STATUS, app
from quorate_check.cli.options import (
    CheckQuorumOption,
    Engine,
    EngineOption,
    MemoryOption,
    NoOpOption,
    PreVoteOption,
)
from quorate_check.cli.output import Output
from quorate_check.cli.path_options import path_output
from quorate_check.cli.paths import show_report
from quorate_check.cli.running import Search
from quorate_check.core.verdict import Verdict
from quorate_check.raft.timely import NAME, TimelyBounds
from quorate_check.tell.report import Report
from quorate_check.tell.summary import SideCheck

DEFAULT_RUNS = (TimelyBounds(drops=1), TimelyBounds(proposals=0, changes="23"), TimelyBounds(cut="12"))


def liveness_check(output: Output, search: Search) -> SideCheck:
    """Return the result of the default check: after a lost message, a change of the members, and a broken link."""
    explorations = [search.run(bounds.system(), "liveness of Raft", output.progress) for bounds in DEFAULT_RUNS]
    seconds = sum(each.seconds for each in explorations)
    # What bounds cut off is no proof; within these they cut nothing off.
    for each in explorations:
        if each.verdict is not Verdict.HOLDS or each.cut_states:
            verdict = Verdict.UNKNOWN if each.verdict is Verdict.HOLDS else each.verdict
            return SideCheck("liveness of Raft", each.conclusion, seconds, verdict)
    states = sum(each.states for each in explorations)
    text = f"after a lost message, a broken link and a change of the members: {states:,} states, a leader in the end"
    return SideCheck("liveness of Raft", text, seconds, Verdict.HOLDS)


@app.command(epilog="Example: model-check liveness --servers 4 --cut 23,24,34")
@path_output()
def liveness(
    *,
    servers: Annotated[int, typer.Option("--servers", help="Servers in the cluster.")] = 3,
    proposals: Annotated[int, typer.Option("--proposals", help="Client requests.")] = 1,
    restarts: Annotated[int, typer.Option("--restarts", help="Crashes and restarts.")] = 0,
    drops: Annotated[int, typer.Option("--drops", help="Messages that are lost.")] = 1,
    cut: Annotated[str, typer.Option("--cut", metavar="LINKS", help="Links that break together, as 23,24,34.")] = "",
    begin: Annotated[
        str,
        typer.Option("--begin", metavar="DISKS", help="Each server's term and those of its entries, as 3:,1:11,1:1."),
    ] = "",
    changes: Annotated[
        str,
        typer.Option("--changes", metavar="MEMBERS", help="Members to which a leader may change, as 23."),
    ] = "",
    pre_vote: PreVoteOption = True,
    no_op: NoOpOption = True,
    check_quorum: CheckQuorumOption = True,
    engine: EngineOption = Engine.COMPILED,
    memory: MemoryOption = None,
    output: Output,
) -> int:
    """Check that Raft elects a leader and applies its log everywhere once faults have stopped.

    Time is a node of the system, the clock: messages are faster than timeouts, leaders' heartbeats more frequent than
    these, and the timeout of each server passes before all others again and again.
    """
    bounds = TimelyBounds(servers, proposals, restarts, drops, cut, begin, changes, pre_vote, no_op, check_quorum)
    search = Search.of(engine, 1, None, memory)
    system, exploration = search.run_for(bounds.system(), None, output.progress)
    return STATUS[show_report(output, Report(system, bounds.as_dict(), exploration, engine.value, 1), subject=NAME)]
