"""The check of the traces of BFT members: they are replayed on the core, ordered, and explained by Bft.tla."""
