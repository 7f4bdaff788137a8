"""Clients: any node will do, exactly once, or it says what is certain; and one that believes what f + 1 members say."""

from quorate.client.client import Client

__all__ = ["Client"]
