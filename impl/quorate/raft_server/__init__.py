"""The driver: what turns the pure core into a server with a clock, a disk, a network and clients."""
