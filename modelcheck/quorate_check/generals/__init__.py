"""Protocols among traitors that run in closed rounds: every run counts, and one that breaks a promise is printed."""
