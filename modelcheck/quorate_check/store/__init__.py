"""The key-value store as its clients see it: every history within bounds is linearizable."""
