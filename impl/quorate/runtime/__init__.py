"""The parts of a server that don't depend on its protocol."""
