"""`model-check store`: every history of the store's clients within bounds, judged for linearizability."""

from typing import Annotated

import typer

from quorate_check.cli.base import STATUS, app
from quorate_check.cli.options import (
    CheckpointOption,
    CheckQuorumOption,
    CoverageOption,
    DepthOption,
    Engine,
    FullOption,
    MemoryOption,
    NoOpOption,
    PreVoteOption,
    WitnessOption,
    WorkersOption,
    parse_limit,
)
from quorate_check.cli.output import Output
from quorate_check.cli.path_options import path_output
from quorate_check.cli.paths import show_report
from quorate_check.cli.running import Search
from quorate_check.raft.bounds import UNLIMITED
from quorate_check.raft.subject import Durability
from quorate_check.store.bounds import DEFAULT_CLIENTS, StoreBounds
from quorate_check.store.clients import WORDS
from quorate_check.tell.report import Report

OPERATIONS = ", ".join(WORDS)
BudgetMetavar = f"N|{UNLIMITED}"
SessionsOption = Annotated[
    bool, typer.Option("--sessions/--no-sessions", help="With --forwards: each client has a session for its writes.")
]
ConnectionsOption = Annotated[
    int,
    typer.Option(
        "--connections", metavar="N", help="With --forwards: connections end; a client asks again up to N - 1 times."
    ),
]
StorageOption = Annotated[
    Durability, typer.Option("--storage", help="Writes are durable before any message leaves, or later.")
]
SymmetryOption = Annotated[
    bool, typer.Option("--symmetry/--no-symmetry", help="Explore one of the states that differ in servers' names.")
]


@app.command(epilog="Example: model-check store --clients 'incr get; get' --restarts 1 --max-log 2")
@path_output()
def store(
    *,
    servers: Annotated[int, typer.Option("--servers", help="Servers in the cluster.")] = 3,
    max_term: Annotated[int, typer.Option("--max-term", help="No election starts a term beyond this one.")] = 3,
    max_log: Annotated[int, typer.Option("--max-log", help="Entries after the set-up of the longest log.")] = 3,
    reads: Annotated[int, typer.Option("--reads", help="Rounds of reads in a term.")] = 1,
    restarts: Annotated[
        str, typer.Option("--restarts", help="Crashes and restarts.", parser=parse_limit, metavar=BudgetMetavar)
    ] = "0",
    snapshots: Annotated[
        str, typer.Option("--snapshots", help="Snapshots taken.", parser=parse_limit, metavar=BudgetMetavar)
    ] = "0",
    clients: Annotated[
        str, typer.Option("--clients", metavar="TEXT", help=f"Each client's operations, of {OPERATIONS}; ';' between.")
    ] = DEFAULT_CLIENTS,
    expiry: Annotated[
        bool, typer.Option("--expiry", help="The key has a deadline, which clocks pass at different times.")
    ] = False,
    late_apply: Annotated[
        bool, typer.Option("--late-apply", help="A server applies entries some time after they are committed.")
    ] = False,
    forwards: Annotated[
        int,
        typer.Option("--forwards", metavar="N", help="Requests go to one server, which passes on up to N of them."),
    ] = 0,
    sessions: SessionsOption = True,
    connections: ConnectionsOption = 1,
    pre_vote: PreVoteOption = False,
    no_op: NoOpOption = True,
    check_quorum: CheckQuorumOption = False,
    storage: StorageOption = Durability.SYNC,
    symmetry: SymmetryOption = True,
    witness: WitnessOption = None,
    workers: WorkersOption = None,
    depth: DepthOption = None,
    memory: MemoryOption = None,
    checkpoint: CheckpointOption = None,
    full: FullOption = False,
    coverage: CoverageOption = False,
    output: Output,
) -> int:
    """Explore the store with its clients, and judge every history that they can see."""
    most_restarts, most_snapshots = (None if each == UNLIMITED else int(each) for each in (restarts, snapshots))
    sizes = (servers, max_term, max_log, reads, most_restarts, most_snapshots)
    events = (clients, expiry, late_apply, forwards, sessions, connections)
    bounds = StoreBounds(*sizes, *events, pre_vote, no_op, check_quorum, storage, symmetry)
    search = Search.of(Engine.COMPILED, workers, depth, memory, checkpoint, full=full, coverage=coverage)
    system, exploration = search.run_for(bounds.system(), witness, output.progress)
    settings = (Engine.COMPILED.value, search.limits.workers)
    return STATUS[show_report(output, Report(system, bounds.as_dict(), exploration, *settings, claim=bounds.claim))]
