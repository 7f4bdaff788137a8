"""The table of nodes: the role, term, leader, commit index and applied index of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from quorate.runtime.addresses import Address, show_address

_STYLES = {"leader": "bold green", "follower": "", "candidate": "yellow"}
_WIDEST_ROLE = 24  # of a reason why there is no role
_COLUMNS = ("term", "leader", "commit", "applied", "pending", "peers")
_RAFT_KEYS = ("raft_term", "raft_leader_id", "raft_commit_index", "raft_applied_index", "raft_pending_requests")
_BFT_KEYS = ("bft_view", "bft_leader_id", "bft_decided_index", "bft_applied_index", "bft_pending_requests")


@dataclass(frozen=True, slots=True)
class Row:
    """One node: its INFO, or the reason why there is none; `name` is shown where INFO is missing."""

    name: str
    address: Address
    info: Mapping[str, str] | str


def table(rows: list[Row]) -> Table:
    """Return a table with a line for each node."""
    result = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("node", "clients at"):
        result.add_column(column, no_wrap=True)
    result.add_column("role", max_width=_WIDEST_ROLE)
    for column in _COLUMNS:
        result.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        if isinstance(row.info, str):
            result.add_row(row.name, show_address(row.address), Text(row.info, "red"))
        else:
            role = role_of(row.info)
            cell = Text(role, _STYLES.get(role, ""))
            if (membership := row.info.get("raft_membership", "voter")) != "voter":
                cell.append(f", {membership}", "yellow")
            if "1" in {row.info.get("raft_disk_full"), row.info.get("bft_disk_full")}:
                cell.append(", disk full", "red")
            if "1" in {row.info.get("raft_trace_lost"), row.info.get("bft_trace_lost")}:
                cell.append(", no trace", "red")
            if int(row.info.get("bft_evidence", "0")):
                cell.append(", has evidence", "red")
            node = row.info.get("bft_node_id") or row.info.get("raft_node_id", "?")
            result.add_row(node, show_address(row.address), cell, *cells(row.info).values())
    return result


def notices(info: Mapping[str, str]) -> list[str]:
    """Return a node's warnings about itself and about others, a line each."""
    name = info.get("bft_node_id") or info.get("raft_node_id", "?")
    return [f"node {name}: {text}" for key, text in info.items() if key.startswith(("raft_notice", "bft_notice"))]


def role_of(info: Mapping[str, str]) -> str:
    """Return a node's role: in Raft its own, under BFT whether it leads the view."""
    if "bft_node_id" in info:
        return "leader" if info.get("bft_leader_id") == info["bft_node_id"] else "voter"
    return info.get("raft_role", "?")


def cells(info: Mapping[str, str]) -> dict[str, str]:
    """Return the cells for a node's INFO, by column."""
    keys = _BFT_KEYS if "bft_node_id" in info else _RAFT_KEYS
    peers = [value for key, value in info.items() if key.startswith(("raft_peer", "bft_peer"))]
    connected = sum(value.startswith("connected=1") for value in peers)
    values = (*(info.get(key, "?") for key in keys), f"{connected}/{len(peers)}")
    return dict(zip(_COLUMNS, values, strict=True))
