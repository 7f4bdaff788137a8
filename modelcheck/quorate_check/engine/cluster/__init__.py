"""The search whose states lie in the processes of a Ray cluster."""
