"""The trusted base: what a system is, what it may do next, when a promise is broken, and the reference search."""
