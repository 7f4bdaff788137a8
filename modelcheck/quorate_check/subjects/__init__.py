"""Adapters: what the checker checks."""
