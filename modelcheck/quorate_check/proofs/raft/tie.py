"""Ties."""

TIES = ()
