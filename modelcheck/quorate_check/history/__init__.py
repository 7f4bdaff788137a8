"""The check of linearizability: one map that takes operations one after the other must explain all replies."""
