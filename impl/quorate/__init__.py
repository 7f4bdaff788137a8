"""Consensus for running systems: sans-IO cores, servers around them, and a served key-value store."""
