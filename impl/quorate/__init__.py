"""The code that runs: sans-IO consensus cores."""
