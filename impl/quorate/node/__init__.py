"""One node of a cluster: its parts put together as a configuration says."""
