"""Clients of a cluster: one for Raft, which uses any node, and one for BFT, which believes f + 1 equal answers."""

from quorate.client.client import Client

__all__ = ["Client"]
