"""The files of traces, in which the members of a cluster recorded their steps, for the checks of each protocol."""
