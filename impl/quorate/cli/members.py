"""`quorate members`: who the members are, and changes of them while the cluster serves."""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from quorate.cli.access import Access, Credentials, read_password, with_fields
from quorate.cli.errors import DONE, NEGATIVE, NO_ANSWER, CommandFailedError
from quorate.cli.output import print_table
from quorate.cli.parameters import DEFAULT_TIMEOUT_S, ServerOption, TimeoutOption
from quorate.client.client import ATTEMPT_TIMEOUT_S, TcpConnection, connect_tcp
from quorate.client.retries import CommandError, Reply
from quorate.runtime.addresses import show_address
from quorate.runtime.network_errors import describe

PAUSE_S: Final = 0.2
_IN_DOUBT: Final = "`quorate members list` shows whether it has happened"

app = typer.Typer(
    name="members",
    help="Show the members of a cluster, and change them while it serves.",
    epilog="Example: quorate members, and quorate members replace 3 4",
    invoke_without_command=True,
    rich_markup_mode=None,
)

MemberArgument = Annotated[int, typer.Argument(metavar="ID", help="The member's id.")]


@dataclass(frozen=True, slots=True)
class Operator(Credentials):
    """The options by which an operator asks a cluster."""

    server: ServerOption = None
    operator_password_file: Annotated[
        Path | None,
        typer.Option("--operator-password-file", metavar="FILE", help="A file with only the operator's password."),
    ] = None
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S

    def ask(self, *words: str) -> Reply:
        """Ask one node after the other, each of which asks the leader, until one answers."""
        password = read_password(self.operator_password_file, "--operator-password-file")
        return asyncio.run(request(self.access(self.server), password, self.timeout, *words))

    def change(self, *words: str) -> int:
        """Make a change, and print OK."""
        self.ask(*words)
        sys.stdout.write("OK\n")
        return DONE


as_operator = with_fields(Operator, "operator")


@app.callback()
def members(context: typer.Context) -> int:
    """Show the members, if no command is given."""
    return DONE if context.invoked_subcommand is not None else _show(Operator(), as_json=False)


@app.command(name="list", epilog="Example: quorate members list --server 127.0.0.1:7001")
@as_operator
def list_(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the leader's reply as JSON.")] = False,
    operator: Operator,
) -> int:
    """Show each member's role, address and progress, as the leader knows them. Exit status 1 during a change."""
    return _show(operator, as_json=as_json)


@app.command(epilog="Example: quorate members add 10.0.0.4:7101 --server 10.0.0.1:6379")
@as_operator
def add(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where other nodes will reach the new one.")],
    *,
    operator: Operator,
) -> int:
    """Reserve a place for a learner. `quorate serve --join` with that --address takes it."""
    reply = operator.ask("ADD", address)
    assert isinstance(reply, bytes)
    sys.stdout.write(f"node {json.loads(reply)['id']} may join from {address}\n")
    return DONE


@app.command(epilog="Example: quorate members promote 4 --server 127.0.0.1:7001")
@as_operator
def promote(member: MemberArgument, *, operator: Operator) -> int:
    """Make a learner that has caught up a voter."""
    return operator.change("PROMOTE", str(member))


@app.command(epilog="Example: quorate members remove 4 --server 127.0.0.1:7001")
@as_operator
def remove(member: MemberArgument, *, operator: Operator) -> int:
    """Remove a member for good. It may join again only as a new node."""
    return operator.change("REMOVE", str(member))


@app.command(epilog="Example: quorate members replace 3 4 --server 127.0.0.1:7001")
@as_operator
def replace(
    old: Annotated[int, typer.Argument(metavar="OLD", help="The voter that goes.")],
    new: Annotated[int, typer.Argument(metavar="NEW", help="The learner that takes its place.")],
    *,
    operator: Operator,
) -> int:
    """Replace a voter by a learner that has caught up, in one joint change. The old one may be dead."""
    return operator.change("REPLACE", str(old), str(new))


@app.command(epilog="Example: quorate members transfer 2 --server 127.0.0.1:7001")
@as_operator
def transfer(member: MemberArgument, *, operator: Operator) -> int:
    """Let a voter lead. The leader brings it up to date and asks it to stand; if that fails, the leader goes on."""
    return operator.change("TRANSFER", str(member))


@app.command(epilog="Example: quorate members address 3 10.0.0.9:7101 --server 10.0.0.1:6379")
@as_operator
def address(
    member: MemberArgument,
    place: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where other nodes reach it from now on.")],
    *,
    operator: Operator,
) -> int:
    """Tell all members a member's new address. The node itself gets it by --address, or in its peers."""
    return operator.change("ADDRESS", str(member), place)


def _show(operator: Operator, *, as_json: bool) -> int:
    reply = operator.ask("LIST")
    assert isinstance(reply, bytes)
    content = json.loads(reply)
    if as_json:
        sys.stdout.write(f"{reply.decode()}\n")
    else:
        print_table(_table(content))
        sys.stdout.write(f"{_state_of_change(content)}\n")
    return DONE if content["change"] == "none" else NEGATIVE


async def request(access: Access, operator: str | None, timeout_s: float, *words: str) -> Reply:
    """Return the reply to a request about the members; raises CommandFailedError if there is none, or a refusal.

    A node that isn't there, or takes no connection in time, is left for the next. A change whose reply was lost is in
    doubt, as in quorate.client.retries: the next node may refuse it because it has happened.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    why, in_doubt = {}, False
    while True:
        for at in access.addresses:
            connection = None
            try:
                async with asyncio.timeout_at(min(deadline, loop.time() + ATTEMPT_TIMEOUT_S)):
                    connection = await connect_tcp(at, access.password, access.tls)
                async with asyncio.timeout_at(deadline):
                    return await _ask(connection, operator, words)
            except CommandError as error:
                if error.code == "UNKNOWN" or (in_doubt and error.code != "CLUSTERDOWN"):
                    raise CommandFailedError(f"{error}; {_IN_DOUBT}", NO_ANSWER) from error
                if error.code != "CLUSTERDOWN":
                    raise CommandFailedError(str(error).removeprefix("ERR "), NEGATIVE) from error
                why[at] = str(error)
            except OSError as error:
                why[at] = "no answer" if isinstance(error, TimeoutError) else describe(error)
                in_doubt |= connection is not None and words != ("LIST",)
            if loop.time() + PAUSE_S >= deadline:
                reasons = "; ".join(f"{show_address(each)}: {reason}" for each, reason in why.items())
                doubt = f"; {_IN_DOUBT}" if in_doubt else ""
                raise CommandFailedError(f"no answer within {timeout_s:g} s: {reasons}{doubt}", NO_ANSWER)
        await asyncio.sleep(PAUSE_S)


async def _ask(connection: TcpConnection, operator: str | None, words: tuple[str, ...]) -> Reply:
    try:
        if operator is not None:
            await connection.request(b"AUTH", b"operator", operator.encode())
        return await connection.request(b"QUORATE.MEMBERS", *(word.encode() for word in words))
    finally:
        connection.close()


def _table(content: dict[str, Any]) -> Table:
    result = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("node", "nodes at", "role"):
        result.add_column(column, no_wrap=True)
    for column in ("since", "log", "lag"):
        result.add_column(column, justify="right", no_wrap=True)
    for member in content["members"]:
        leads = member["id"] == content["leader"]
        role = f"{member['role']}, leads" if leads else member["role"]
        lag = content["last_index"] - member["match_index"]
        log = ("-", "-") if member["expected"] else (str(member["match_index"]), str(lag))
        since = str(member["since"]) if member["since"] else "founder"
        result.add_row(str(member["id"]), member["address"], role, since, *log)
    return result


def _state_of_change(content: dict[str, Any]) -> str:
    match content["change"]:
        case "none":
            return f"no change is under way; the last was at index {content['index']}"
        case kind:
            return f"a {kind} change is under way, at index {content['index']}"
