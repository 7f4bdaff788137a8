"""Raft beside a server that lies."""
