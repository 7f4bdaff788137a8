"""Nodes side by side: who leads, in which term, and how far each has come."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from quorate.runtime.addresses import Address, show_address

_STYLES = {"leader": "bold green", "follower": "", "candidate": "yellow"}
_WIDEST_ROLE = 24  # of reasons why there is none
_COLUMNS = ("term", "leader", "commit", "applied", "pending", "peers")
_RAFT_KEYS = ("raft_term", "raft_leader_id", "raft_commit_index", "raft_applied_index", "raft_pending_requests")
_BFT_KEYS = ("bft_view", "bft_leader_id", "bft_decided_index", "bft_applied_index", "bft_pending_requests")


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
            said = role_of(row.found)
            shown = Text(said, _STYLES.get(said, ""))
            if "1" in {row.found.get("raft_disk_full"), row.found.get("bft_disk_full")}:
                shown.append(", disk full", "red")
            if row.found.get("raft_trace_lost") == "1":
                shown.append(", no trace", "red")
            if int(row.found.get("bft_evidence", "0")):
                shown.append(", has evidence", "red")
            node = row.found.get("bft_node_id") or row.found.get("raft_node_id", "?")
            made.add_row(node, show_address(row.address), shown, *cells(row.found).values())
    return made


def notices(info: Mapping[str, str]) -> list[str]:
    """Return what a node says that is wrong with itself or with others, a line each."""
    name = info.get("bft_node_id") or info.get("raft_node_id", "?")
    return [f"node {name}: {text}" for key, text in info.items() if key.startswith(("raft_notice", "bft_notice"))]


def role_of(info: Mapping[str, str]) -> str:
    """Return what a node is: in Raft its role, else whether it leads the view."""
    if "bft_node_id" in info:
        return "leader" if info.get("bft_leader_id") == info["bft_node_id"] else "voter"
    return info.get("raft_role", "?")


def cells(info: Mapping[str, str]) -> dict[str, str]:
    """Return what is shown of a node's INFO, by column."""
    keys = _BFT_KEYS if "bft_node_id" in info else _RAFT_KEYS
    peers = [value for key, value in info.items() if key.startswith(("raft_peer", "bft_peer"))]
    connected = sum(value.startswith("connected=1") for value in peers)
    values = (*(info.get(key, "?") for key in keys), f"{connected}/{len(peers)}")
    return dict(zip(_COLUMNS, values, strict=True))
