"""The commands. Exit statuses: 0 done, 1 negative (no such key, silent node), 2 unusable, 3 no answer."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from quorate.cli import ask
from quorate.cli.access import DEMO_PORT, Credentials, ProtocolOption, with_credentials
from quorate.cli.backup import of_cluster, of_folders
from quorate.cli.backup import restore as restore_backup
from quorate.cli.demo import Demo
from quorate.cli.demo import demo as run_demo
from quorate.cli.errors import DONE, UNUSABLE, CommandFailedError
from quorate.cli.generals import War, fight, tell_story
from quorate.cli.keys import judge_evidence, make_keys
from quorate.cli.members import app as members_app
from quorate.cli.membership import create as create_folders
from quorate.cli.membership import replace as replace_storage
from quorate.cli.options import configured
from quorate.cli.output import discard_output, open_standard_streams
from quorate.cli.page_options import OpenOption, WebOption, WebPortOption, page_options
from quorate.cli.parameters import (
    DEFAULT_TIMEOUT_S,
    AddressesArgument,
    ClusterOption,
    NewFolderArgument,
    NodesOption,
    ServerOption,
    TimeoutOption,
)
from quorate.cli.serve import serve as run_node
from quorate.generals import Order, Protocol
from quorate.node.config import Configuration
from quorate.node.config_values import Protocol as ConsensusProtocol
from quorate.node.info import QUORATE_VERSION

NAME = "quorate"

app = typer.Typer(
    name=NAME,
    help="A replicated key-value store that speaks the Redis protocol. The command model-check checks its cores.",
    epilog="Example: quorate demo, and then redis-cli -p 7001 SET greeting hello",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(flag: bool) -> None:  # noqa: FBT001 - typer calls it
    if flag:
        sys.stdout.write(f"{NAME} {QUORATE_VERSION}\n")
        raise typer.Exit


@app.callback()
def quorate(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Print the help if no command was given."""
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")


@app.command(
    epilog="Example: quorate serve --id 1 --peer 1=127.0.0.1:7101 --peer 2=127.0.0.1:7102 --peer 3=127.0.0.1:7103 "
    "--listen 127.0.0.1:6379 --data node1"
)
@configured
def serve(configuration: Configuration) -> int:
    """Run one node until SIGTERM or Ctrl-C."""
    return run_node(configuration)


@app.command(epilog="Example: quorate create folders --nodes 3")
def create(
    folder: NewFolderArgument,
    *,
    nodes: NodesOption = 3,
    cluster: ClusterOption = "quorate",
) -> int:
    """Make the data folders of a new cluster.

    With them the cluster starts as soon as a majority of its nodes run; without them all nodes must run at first.
    """
    return create_folders(folder, cluster, nodes)


@app.command(epilog="Example: quorate replace --config n2.toml, and then: quorate serve --config n2.toml")
@configured
def replace(configuration: Configuration) -> int:
    """Replace the lost data folder of a node. All other nodes must be serving."""
    return replace_storage(configuration)


app.add_typer(members_app)


@app.command(
    epilog="Examples: quorate backup monday.backup --server 127.0.0.1:7001 --server 127.0.0.1:7002; of nodes that are "
    "stopped: quorate backup monday.backup --data node1 --data node2"
)
@with_credentials
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    *,
    server: ServerOption = None,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="DIR", help="A stopped node's data folder; repeat it for a majority of them."),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Accept fewer folders, though acknowledged writes may be missing.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE if it exists.")] = False,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    credentials: Credentials,
) -> int:
    """Write the state of a cluster to a file. It comes from the leader, or from the folders of stopped nodes."""
    if data:
        if server:
            raise CommandFailedError("--server is for nodes that serve, --data for stopped ones: give one of them")
        return of_folders(data, file, partial=partial, overwrite=overwrite)
    if partial:
        raise CommandFailedError("--partial needs --data: a backup from nodes that serve has all acknowledged writes")
    return of_cluster(credentials.access(server), file, timeout, overwrite=overwrite)


@app.command(epilog="Example: quorate restore monday.backup folders, and move each folder to its node's machine")
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file from `quorate backup`.")],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder for the nodes' folders; created if it doesn't exist.")
    ],
    *,
    nodes: Annotated[
        int | None,
        typer.Option("--nodes", min=1, max=100, help="The number of nodes.", show_default="as before"),
    ] = None,
    cluster: Annotated[
        str | None, typer.Option("--cluster", metavar="NAME", help="The new cluster's name.", show_default="as before")
    ] = None,
) -> int:
    """Make the data folders of a new cluster from a backup."""
    return restore_backup(file, folder, cluster, nodes)


@app.command(epilog="Example: quorate demo, and in another terminal: redis-cli -p 7001 SET greeting hello")
def demo(
    *,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="The folder for the data.", show_default="a temporary folder"),
    ] = None,
    protocol: Annotated[
        ConsensusProtocol,
        typer.Option("--protocol", help="raft: three nodes; bft: four, of which one may be a traitor."),
    ] = ConsensusProtocol.RAFT,
    port: Annotated[
        int,
        typer.Option(
            "--port", min=1, max=65527, help="The first port; clients use the first ones, nodes the next ones."
        ),
    ] = DEMO_PORT,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0.0, help="How long to run.", show_default="Ctrl-C")
    ] = None,
    web: WebOption = False,
    web_port: WebPortOption = 0,
    open_page: OpenOption = True,
) -> int:
    """Run a cluster on this machine, and show its nodes."""
    return run_demo(Demo(data, port, seconds, protocol, page_options(web_port, web=web, opens=open_page)))


@app.command(epilog="Example: quorate status 127.0.0.1:7001 127.0.0.1:7002 127.0.0.1:7003")
@with_credentials
def status(
    addresses: AddressesArgument = None,
    *,
    credentials: Credentials,
) -> int:
    """Show the role, term and indexes of nodes. Exit status 1 if one is silent."""
    return ask.status(credentials.access(addresses))


@app.command(epilog="Example: quorate get greeting --server 127.0.0.1:7001 --server 127.0.0.1:7002")
@with_credentials
def get(
    name: Annotated[str, typer.Argument(metavar="KEY", help="The key.")],
    *,
    server: ServerOption = None,
    protocol: ProtocolOption = ConsensusProtocol.RAFT,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    credentials: Credentials,
) -> int:
    """Print the value of a key. Exit status 1 if there is none."""
    return ask.get(credentials.access(server, protocol), name, timeout)


@app.command(name="set", epilog="Example: quorate set greeting hello --server 127.0.0.1:7001")
@with_credentials
def set_(
    name: Annotated[str, typer.Argument(metavar="KEY", help="The key.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The value.")],
    *,
    server: ServerOption = None,
    protocol: ProtocolOption = ConsensusProtocol.RAFT,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    credentials: Credentials,
) -> int:
    """Set the value of a key. Exit status 3 without an answer."""
    return ask.set_(credentials.access(server, protocol), name, value, timeout)


@app.command(epilog="Example: quorate keys keys --nodes 4")
def keys(
    folder: NewFolderArgument,
    *,
    nodes: NodesOption = 4,
    cluster: ClusterOption = "quorate",
) -> int:
    """Make the keys of a new BFT cluster. Each node gets a secret key, and all get the public keys."""
    return make_keys(folder, cluster, nodes)


@app.command(epilog="Example: quorate evidence node1/evidence.ndjson --keys keys/public.toml")
def evidence(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The evidence file in a node's data folder.")],
    *,
    public_keys: Annotated[Path, typer.Option("--keys", metavar="FILE", help="All nodes' public keys.")],
) -> int:
    """Check evidence against traitors. Exit status 1 if a line proves nothing."""
    return judge_evidence(file, public_keys)


@app.command(epilog="Example: quorate generals --protocol om --n 4 --traitors 1")
def generals(
    *,
    story: Annotated[bool, typer.Option("--story", help="Tell the story of the nine generals instead.")] = False,
    protocol: Annotated[Protocol, typer.Option("--protocol", help="The protocol.")] = Protocol.ORAL,
    n: Annotated[int, typer.Option("--n", help="The number of generals, traitors included.")] = 4,
    traitors: Annotated[
        int, typer.Option("--traitors", help="The number of traitors, which are the last generals.")
    ] = 1,
    rounds: Annotated[
        int | None,
        typer.Option("--rounds", help="The m of OM(m), SM(m): m + 1 rounds, or phases.", show_default="traitors"),
    ] = None,
    retreat: Annotated[bool, typer.Option("--retreat", help="The order is RETREAT, not ATTACK.")] = False,
    traitor_commander: Annotated[
        bool, typer.Option("--traitor-commander", help="Make general 0, the commander, one of the traitors.")
    ] = False,
    loss: Annotated[
        float, typer.Option("--loss", min=0.0, max=1.0, help="The probability that a message is lost.")
    ] = 0.0,
    forge: Annotated[
        float, typer.Option("--forge", min=0.0, max=1.0, help="The probability that a message is forged.")
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="The seed of lies and losses.")] = 1,
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, help="The first port; general i listens at this port + i.")
    ] = 7301,
    web: Annotated[
        bool,
        typer.Option("--web", help="Show battles on a page instead, on which you say what the traitor tells whom."),
    ] = False,
    web_port: WebPortOption = 0,
    open_page: OpenOption = True,
) -> int:
    """Run generals as processes that agree on an order. Exit status 1 if they don't."""
    if (page := page_options(web_port, web=web, opens=open_page)) is not None:
        from quorate.cli.generals_web.page import show  # noqa: PLC0415 - it needs the extra

        return show(page)
    if story:
        return tell_story()
    order = Order.RETREAT if retreat else Order.ATTACK
    return fight(War(protocol, n, traitors, rounds, order, traitor_commander, loss, forge, seed, port))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; a user's mistake ends in one line and status 2."""
    open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        status = int(typer.main.get_command(app).main(arguments, prog_name=NAME, standalone_mode=False) or DONE)
        sys.stdout.flush()
    except CommandFailedError as error:
        return _refuse(str(error), error.status)
    except typer.TyperException as error:
        return _refuse(error.format_message(), UNUSABLE)
    except SystemExit:  # typer raises it if the reader of --help or --version has closed the pipe
        discard_output(sys.stdout)
        return DONE
    except BrokenPipeError:
        discard_output(sys.stdout)
        return DONE
    except OSError as error:
        discard_output(sys.stdout)
        return _refuse(f"standard output can't be written: {error.strerror}", UNUSABLE)
    return status


def _refuse(reason: str, status: int) -> int:
    sys.stderr.write(f"{NAME}: {' '.join(reason.split())}\n")
    return status
