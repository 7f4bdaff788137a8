"""The check of a cluster's traces: they are replayed on the core, ordered, and explained by the specification."""
