"""Raft with one server that lies."""
