"""Nodes side by side: who leads, in which term, and how far each has come."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from quorate.addresses import Address, show_address

_STYLES = {"leader": "bold green", "follower": "", "candidate": "yellow"}
_WIDEST_ROLE = 24  # of reasons why there is none
_COLUMNS = ("term", "leader", "commit", "applied", "pending", "peers")


@dataclass(frozen=True, slots=True)
class Row:
    """One node: what its INFO says, or why there is none; `name` is what it is called before it has said anything."""

    name: str
    address: Address
    found: Mapping[str, str] | str


def table(rows: list[Row]) -> Table:
    """Return a table with a line for each node."""
    made = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("node", "clients at"):
        made.add_column(column, no_wrap=True)
    made.add_column("role", max_width=_WIDEST_ROLE)
    for column in _COLUMNS:
        made.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        if isinstance(row.found, str):
            made.add_row(row.name, show_address(row.address), Text(row.found, "red"))
        else:
            role = row.found.get("raft_role", "?")
            shown = Text(role, _STYLES.get(role, ""))
            if row.found.get("raft_disk_full") == "1":
                shown.append(", disk full", "red")
            node = row.found.get("raft_node_id", "?")
            made.add_row(node, show_address(row.address), shown, *cells(row.found).values())
    return made


def cells(info: Mapping[str, str]) -> dict[str, str]:
    """Return what is shown of a node's INFO, by column."""
    peers = [value for key, value in info.items() if key.startswith("raft_peer")]
    connected = sum(value.startswith("connected=1") for value in peers)
    values = (
        info.get("raft_term", "?"),
        info.get("raft_leader_id", "?"),
        info.get("raft_commit_index", "?"),
        info.get("raft_applied_index", "?"),
        info.get("raft_pending_requests", "?"),
        f"{connected}/{len(peers)}",
    )
    return dict(zip(_COLUMNS, values, strict=True))
