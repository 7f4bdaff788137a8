"""Whether each distinct step of the Raft core is one that the specification allows."""
