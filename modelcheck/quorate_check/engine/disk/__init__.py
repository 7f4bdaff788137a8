"""The search whose states lie in files."""
