"""Protocols among traitors that run in closed rounds: every run counted, and told if a promise breaks in it."""
