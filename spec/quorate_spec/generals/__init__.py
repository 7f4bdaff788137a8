"""The Byzantine generals, in TLA+ and in Python."""
