"""The trusted base: systems and their moves, promises, verdicts, and the reference search."""
