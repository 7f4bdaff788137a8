"""The Raft server: drives the pure core with a clock, a disk, a network and clients."""
